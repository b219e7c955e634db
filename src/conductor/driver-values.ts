import { type DriverOption, driverOption, newestDriverOption } from "./driver-options.ts";
import type { DaemonOption } from "./drop-in.ts";
import type { DriverSetting, Finding } from "./option-map.ts";

const truths = new Map(
  Object.entries({ true: ["true", "1", "on", "yes"], false: ["false", "0", "off", "no"] }).flatMap(
    ([meaning, words]) => words.map((word) => [word, meaning === "true" ? "True" : "False"] as const),
  ),
);

/** The greatest integer that an option takes: no size or count comes near it. */
const greatest = 2_147_483_647;

type Judged = { readonly text: string } | { readonly accepted: string };

function integer(value: string, { least = 0 }: DriverOption): Judged {
  const number = /^[+-]?\d{1,12}$/.test(value.trim()) ? Number(value) : Number.NaN;
  return number >= least && number <= greatest
    ? { text: String(number) }
    : { accepted: `a whole number from ${least} to ${greatest}` };
}

function text(value: string, { choices, pattern }: DriverOption): Judged {
  if (choices !== undefined && !choices.includes(value)) return { accepted: choices.join(" or ") };
  return pattern === undefined || pattern[0].test(value) ? { text: value } : { accepted: pattern[1] };
}

function list(value: string | readonly string[]): Judged {
  const items = typeof value === "string" ? value.split(",").map((item) => item.trim()) : value;
  if (typeof value === "string" && value.trim() === "") return { text: "" };
  const fits = items.every((item) => item !== "" && item === item.trim() && !item.includes(","));
  return fits
    ? { text: items.join(",") }
    : { accepted: "a list of texts that are not empty and have no comma" };
}

/** The text of a value as the daemon gives it back: oslo.config's own words for its types (oslo.config 9.4, types.py). */
function judge(value: DriverSetting["value"], option: DriverOption): Judged {
  if (option.type === "list") return list(value);
  if (typeof value !== "string") return { accepted: "one value, not a list" };
  if (option.type === "integer") return integer(value, option);
  if (option.type === "string") return text(value, option);
  const truth = truths.get(value.toLowerCase());
  return truth === undefined ? { accepted: "true or false" } : { text: truth };
}

function judgedFor({ name, value }: DriverSetting, version: string): Judged {
  const option = driverOption(name, version) ?? newestDriverOption(name);
  return option === undefined ? { accepted: "a name that the driver reads" } : judge(value, option);
}

/** What is wrong with the values for this version of the driver. */
export function judgeSettings(settings: readonly DriverSetting[], version: string): readonly Finding[] {
  return settings.flatMap((setting) => {
    const judged = judgedFor(setting, version);
    const shown = `${setting.name}: ${[setting.value].flat().join(", ")}`;
    return "accepted" in judged ? [{ shown, accepted: judged.accepted }] : [];
  });
}

/** The settings as options of the daemons, sorted by section and name; what this version does not know is left out. */
export function settingsAsOptions(
  settings: readonly DriverSetting[],
  version: string,
): readonly DaemonOption[] {
  return settings
    .flatMap((setting) => {
      const option = driverOption(setting.name, version);
      const judged = judgedFor(setting, version);
      if (option === undefined || "accepted" in judged) return [];
      return [{ group: option.section, name: setting.name, value: judged.text }];
    })
    .toSorted((a, b) => (`${a.group} ${a.name}` < `${b.group} ${b.name}` ? -1 : 1));
}

/** Names that are set and that this version of the driver does not know, though another does. */
export function leftOut(settings: readonly DriverSetting[], version: string): readonly string[] {
  return settings.map(({ name }) => name).filter((name) => driverOption(name, version) === undefined);
}
