import * as z from "zod";
import type { Proxies } from "../host/proxy.ts";
import { judgeKubeconfig } from "../management/kubeconfig.ts";
import { type Attachments, decidedBy, withoutNeed } from "./attached.ts";
import { judgeSettings } from "./driver-values.ts";
import { addFinding, type OptionName, optionDeclarations, optionSchemas } from "./options.ts";
import { judgeProxies, type ModelProxies, proxiesOf } from "./proxies.ts";

/** The options as `juju config` knows them, names to texts; one that is left out has its default. */
export type RawOptions = Readonly<Record<string, unknown>>;

/** Why a configuration is refused: the option, what it is set to, and what is accepted. */
export interface Refusal {
  readonly option: string;
  /** Shown to people: shortened, and without what could be a credential. */
  readonly value: string;
  readonly accepted: string;
}

type Options = { readonly [Name in OptionName]: z.output<(typeof optionSchemas)[Name]> };

/** A configuration that may be applied: every value is checked, and the kubeconfig is one that the driver can use. */
export interface Config extends Omit<Options, "kubeconfig"> {
  /** The content of the kubeconfig, not its secret's URI. */
  readonly kubeconfig: string;
  /** The proxies to use; absent for none. They may hold a password. */
  readonly proxies?: Proxies;
  /** What is attached, and has decided the versions; absent where nothing is. */
  readonly attached?: Attachments;
}

const names = Object.keys(optionDeclarations) as OptionName[];

const schema = z
  .strictObject(optionSchemas)
  .refine((it) => (it["chart-repository"] === "") === /^(oci:|\/)/.test(it["chart-name"]), {
    path: ["chart-repository"],
    error: "a URL for a chart's name; empty for an oci:// reference or a path",
  })
  .refine((it) => it["helm-sha256"] !== "" || it["helm-version"] === "3.17.3", {
    path: ["helm-sha256"],
    error: "the archive's sha256 when helm-version is not 3.17.3",
  })
  .superRefine((it, context) => {
    for (const finding of judgeSettings(it["capi-helm-options"], it["driver-version"]))
      addFinding(finding, context, ["capi-helm-options"]);
  });

function withDefaults(raw: RawOptions): RawOptions {
  return {
    ...Object.fromEntries(names.map((name) => [name, optionDeclarations[name].default ?? ""])),
    ...raw,
  };
}

/** A value as an operator may see it: printable ASCII, short, and without what could be a login. */
export function showValue(value: unknown, limit = 60): string {
  const text = asText(value).replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1...@");
  const printable = text.slice(0, limit + 1).replaceAll(/[^\x20-\x7e]/g, escaped);
  return printable.length > limit ? `${printable.slice(0, limit - 3)}...` : printable;
}

/** A list or a map has no text of its own that could be relied on. */
function asText(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "a list" : "a map";
}

function escaped(character: string): string {
  const inJson = JSON.stringify(character).slice(1, -1);
  return inJson === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}` : inJson;
}

function refusalOf(issue: z.core.$ZodIssue, raw: RawOptions): Refusal {
  if (issue.code === "unrecognized_keys") {
    return { option: issue.keys.join(", "), value: "", accepted: `options named ${names.join(", ")}` };
  }
  const option = String(issue.path[0]);
  const shown: unknown = issue.code === "custom" ? issue.params?.["shown"] : undefined;
  return { option, value: showValue(shown ?? raw[option]), accepted: issue.message };
}

/** What an operator tells besides the options and the kubeconfig. */
interface Told {
  readonly proxies?: ModelProxies;
  readonly attached?: Attachments;
  /** What `api-resources=auto` comes to; `{}` unless told. */
  readonly apiResources?: string;
}

/** Whether the options leave the API versions to what the management cluster serves. */
export function leavesApiResources(raw: RawOptions): boolean {
  return (raw["api-resources"] ?? optionDeclarations["api-resources"].default) === "auto";
}

/**
 * Checks the options, the kubeconfig's content and the model's proxies. Nothing is taken half: either all of it is
 * accepted, or every refusal is listed. What is attached decides the versions.
 */
export function parseConfig(
  raw: RawOptions,
  kubeconfig: string,
  { proxies: told, attached = {}, apiResources = "{}" }: Told = {},
): Config | readonly Refusal[] {
  const parsed = parseOptions(withoutNeed(raw, attached));
  if ("refusals" in parsed) return parsed.refusals;
  const finding = judgeKubeconfig(kubeconfig);
  if (finding !== undefined)
    return [{ option: "kubeconfig", value: finding.reason, accepted: finding.accepted }];
  const wrong = judgeProxies(told);
  if (wrong.length > 0)
    return wrong.map(({ setting, accepted }) => ({ option: setting, value: "(not shown)", accepted }));
  const managementDirect = parsed.options["management-no-proxy"];
  const proxies = proxiesOf(told, { kubeconfig, managementDirect });
  return {
    ...parsed.options,
    ...decidedBy(attached),
    ...(leavesApiResources(raw) ? { "api-resources": apiResources } : {}),
    kubeconfig,
    ...(proxies === undefined ? {} : { proxies }),
    ...(Object.keys(attached).length === 0 ? {} : { attached }),
  };
}

/** Checks the options alone, for when the kubeconfig's content can't be had. */
export function parseOptions(
  raw: RawOptions,
): { readonly options: Options } | { readonly refusals: readonly Refusal[] } {
  const full = withDefaults(raw);
  const parsed = schema.safeParse(full);
  if (parsed.success) return { options: parsed.data };
  return { refusals: parsed.error.issues.map((issue) => refusalOf(issue, full)) };
}
