import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLMap,
} from "yaml";
import { showDriverName, unknownName } from "./driver-names.ts";
import { type DriverSection, driverSections } from "./driver-options.ts";

/** One entry of `capi-helm-options`: a name that the driver knows, and its value as it is written in the YAML. */
export interface DriverSetting {
  readonly name: string;
  readonly value: string | readonly string[];
}

/** Why a value is refused: what is shown of it (all of it where that is absent), and what is accepted. */
export interface Finding {
  readonly shown?: string;
  readonly accepted: string;
}

const noMap: Finding = { accepted: "a YAML map of names to values, such as {octavia_provider: ovn}" };
const most = 16_384;
const longest = 1_000;

/** Thrown within this file only: a finding, out of the depth of the YAML. */
class Refused extends Error {
  readonly finding: Finding;
  constructor(shown: string, accepted: string) {
    super(accepted);
    this.finding = { shown, accepted };
  }
}

/**
 * Reads `capi-helm-options`: a YAML map of names to values, or of the driver's sections to such maps. Scalars are taken
 * as they are written, whatever YAML would make of them (`1.10` stays that): their types are oslo.config's. What YAML
 * has beyond maps, lists and scalars is refused.
 */
export function parseDriverOptions(text: string): readonly DriverSetting[] | Finding {
  if (text === "") return [];
  if (text.length > most)
    return { shown: `${text.length} characters`, accepted: `at most ${most} characters` };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
  if (/[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f]/.test(text))
    return { accepted: "a value without control characters" };
  if (/[^\n\r\x20-\x7e]/.test(text)) return { accepted: "ASCII only" };
  try {
    return settingsOf(mapOf(text));
  } catch (error) {
    if (error instanceof Refused) return error.finding;
    if (error === noMap) return noMap;
    throw error;
  }
}

const plain = "YAML without anchors, aliases, tags and directives";

function mapOf(text: string): YAMLMap {
  if (/^%/m.test(text)) throw new Refused("a line that begins with %", plain);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: "failsafe",
    prettyErrors: false,
    lineCounter: lines,
    logLevel: "error",
  });
  const [error] = document.errors;
  if (error?.code === "DUPLICATE_KEY") {
    throw new Refused(
      `line ${lines.linePos(error.pos[0]).line}: a second value of one name`,
      "each name once",
    );
  }
  if (error !== undefined)
    throw new Refused(`line ${lines.linePos(error.pos[0]).line}: no YAML`, noMap.accepted);
  visit(document, (_, node) => {
    const found = beyond(node);
    if (found === undefined) return;
    const line = lines.linePos((node as Node).range?.[0] ?? 0).line;
    throw new Refused(`line ${line}: ${found}`, plain);
  });
  if (!isMap(document.contents)) throw noMap;
  return document.contents;
}

/** What a node has that a plain map of names has not. */
function beyond(node: unknown): string | undefined {
  if (isAlias(node)) return "an alias";
  if (!(isScalar(node) || isMap(node) || isSeq(node))) return undefined;
  if (node.anchor !== undefined) return "an anchor";
  return node.tag === undefined ? undefined : "a tag";
}

function settingsOf(map: YAMLMap): readonly DriverSetting[] {
  const settings: DriverSetting[] = [];
  for (const { key, value } of map.items) {
    const section = driverSections.find((it) => isScalar(key) && key.value === it);
    if (section === undefined) settings.push(settingOf(key, value));
    else if (isMap(value)) settings.push(...value.items.map((it) => settingOf(it.key, it.value, section)));
    else throw new Refused(section, `a map of names to values below ${section}`);
  }
  const names = settings.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Refused(`${twice} twice`, "each name once");
  return settings.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function settingOf(key: unknown, value: unknown, section?: DriverSection): DriverSetting {
  if (!isScalar(key)) throw new Refused("a name that is a list or a map", noMap.accepted);
  const name = String(key.value);
  const unknown = unknownName(name, section);
  if (unknown !== undefined) throw new Refused(showDriverName(name), unknown);
  if (isMap(value)) throw new Refused(`${name}: a map`, `one value of ${name}, or a list`);
  if (!isSeq(value)) return { name, value: textOf(name, value) };
  return { name, value: value.items.map((item) => textOf(name, item)) };
}

const nothing = new Set(["", "~", "null", "Null", "NULL"]);

function textOf(name: string, value: unknown): string {
  if (!isScalar(value) || typeof value.value !== "string") {
    throw new Refused(`${name}: a list in a list`, `one value of ${name}, or a list of texts`);
  }
  const text = value.value;
  if (value.type === "PLAIN" && nothing.has(text)) {
    throw new Refused(
      `${name} has no value`,
      `a value, "" for an empty text; without ${name} the driver's own`,
    );
  }
  if (/[\n\r]/.test(text)) throw new Refused(`${name}: ${text}`, `one line for ${name}`);
  if (!/^[\x20-\x7e]*$/.test(text)) throw new Refused(`${name}: ${text}`, `printable ASCII for ${name}`);
  if (text.length > longest)
    throw new Refused(`${name}: ${text.length} characters`, `at most ${longest} characters`);
  if (text.includes("\\$")) throw new Refused(`${name}: ${text}`, "a value without \\ before $");
  return text;
}
