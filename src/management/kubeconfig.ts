import {
  type Cluster,
  isFault,
  isMapping,
  type Mapping,
  type PartFault,
  readCluster,
  readUser,
  type User,
} from "./kubeconfig-parts.ts";
import { isPrintable, lexicalFault, readYaml } from "./kubeconfig-yaml.ts";

/** Why the driver could not use a kubeconfig, naming the key to change, and its line; never its content. */
export type KubeconfigFinding = { readonly reason: string; readonly accepted: string };

/** The management cluster as the driver reaches it, and as whom. */
export interface Management {
  /** URL of its API server. */
  readonly server: URL;
  /** Certificates of the authorities that vouch for it, in PEM; without any, the public ones count. */
  readonly ca?: string;
  /** What the driver shows of itself, in PEM. Where there is one, it sends no token. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  readonly token?: string;
  /** What of the file the driver and helm read in different ways, without harm. */
  readonly differences: readonly string[];
}

/** The most that a kubeconfig may have, in characters: enough for fifty clusters with their certificates. */
export const mostKubeconfig = 262_144;

const whole = "a whole kubeconfig in YAML";

/** What can be said without understanding it, which takes a while for a large text. */
function judgeText(text: string): KubeconfigFinding | undefined {
  if (text.trim() === "") return { reason: "it is empty", accepted: whole };
  if (text.length > mostKubeconfig)
    return { reason: `it has ${text.length} characters`, accepted: `at most ${mostKubeconfig}` };
  if (!isPrintable(text)) return { reason: "it has control characters", accepted: whole };
  const fault = lexicalFault(text);
  if (fault === undefined) return undefined;
  return fault === "tab"
    ? { reason: "it has a tab outside of quotes", accepted: "blanks instead" }
    : { reason: "it has too much in it", accepted: "fifty clusters at most" };
}

/** Helm reads nothing of another kind, and nothing where a name stands twice; the driver nothing without names. */
function judgeLists(config: Mapping): PartFault | undefined {
  for (const [key, value] of [
    ["kind", "Config"],
    ["apiVersion", "v1"],
  ] as const) {
    if (config[key] !== undefined && config[key] !== value)
      return { reason: `its ${key} is not ${value}`, accepted: `${key}: ${value}`, place: [key] };
  }
  for (const key of ["clusters", "contexts", "users"]) {
    const list = config[key];
    if (!Array.isArray(list)) return { reason: `it has no list of ${key}: is it cut off?`, accepted: whole };
    const names = list.map((it: unknown) => (isMapping(it) ? it["name"] : undefined));
    const twice = names.findIndex((it, index) => typeof it === "string" && names.indexOf(it) !== index);
    if (twice !== -1)
      return { reason: `two of its ${key} have one name`, accepted: "each name once", place: [key, twice] };
    const nameless = names.findIndex((it) => typeof it !== "string");
    if (nameless !== -1)
      return {
        reason: `one of its ${key} has no name`,
        accepted: "name: a text in quotes",
        place: [key, nameless],
      };
  }
  return undefined;
}

interface Part {
  readonly content: Mapping;
  readonly place: readonly (string | number)[];
}

function part(config: Mapping, list: string, name: unknown, key: string): Part | undefined {
  const all = config[list] as readonly Mapping[];
  const index = all.findIndex((it) => it["name"] === name);
  const content = all[index]?.[key];
  return isMapping(content) ? { content, place: [list, index, key] } : undefined;
}

/** Reads one part; a fault of it is told by its place in the whole. */
function within<T extends object>(
  { content, place }: Part,
  read: (it: Mapping) => T | PartFault,
): T | PartFault {
  const result = read(content);
  return isFault(result) ? { ...result, place: [...place, ...(result.place ?? [])] } : result;
}

function readContext(config: Mapping, current: string): (Cluster & User) | PartFault {
  const context = part(config, "contexts", current, "context");
  if (context === undefined)
    return {
      reason: "its current-context names no context",
      accepted: "the name of a context",
      place: ["current-context"],
    };
  const found = part(config, "clusters", context.content["cluster"], "cluster");
  const cluster = within(found ?? { ...context, content: {} }, readCluster);
  if (isFault(cluster)) return cluster;
  const login = part(config, "users", context.content["user"], "user");
  if (login === undefined) {
    const accepted = "a token, or certificate and key";
    return { reason: "its current context names no user", accepted, place: [...context.place, "user"] };
  }
  const user = within(login, readUser);
  if (isFault(user)) return user;
  return { ...cluster, ...user, differences: [...cluster.differences, ...user.differences] };
}

function readConfig(config: Mapping): (Cluster & User) | PartFault {
  const finding = judgeLists(config);
  if (finding !== undefined) return finding;
  const current = config["current-context"];
  if (typeof current !== "string" || current === "") {
    return { reason: "it has no current-context", accepted: "current-context: the name of a context" };
  }
  return readContext(config, current);
}

/** In parentheses, since a status without room leaves those out first. */
function withDetail(reason: string, detail: string): string {
  return reason.endsWith(")") ? `${reason.slice(0, -1)}, ${detail})` : `${reason} (${detail})`;
}

/**
 * Reads a kubeconfig as the driver does (driver 1.4.0, kubernetes.py). What it would refuse is a finding, and also what
 * it reads otherwise than helm, so that the two would not ask the same server as the same user. The content never
 * appears in a finding.
 */
export function readManagement(text: string): Management | KubeconfigFinding {
  const finding = judgeText(text);
  if (finding !== undefined) return finding;
  const yaml = readYaml(text);
  if (yaml === undefined || !isMapping(yaml.value))
    return { reason: "it is not a YAML mapping", accepted: whole };
  const read = readConfig(yaml.value);
  if (!isFault(read)) return read;
  const { reason, accepted, place } = read;
  const line = place === undefined ? undefined : yaml.lineOf(place);
  return { reason: line === undefined ? reason : withDetail(reason, `line ${line}`), accepted };
}

/** Whether a kubeconfig can't be used. */
export function isFinding(read: Management | KubeconfigFinding): read is KubeconfigFinding {
  return "reason" in read;
}

/** The URL of the API server that the current context names; `undefined` for a kubeconfig that can't be used. */
export function managementServer(text: string): URL | undefined {
  const read = readManagement(text);
  return isFinding(read) ? undefined : read.server;
}

/** Judges a kubeconfig as `readManagement` reads it. `undefined` means usable. */
export function judgeKubeconfig(text: string): KubeconfigFinding | undefined {
  const read = readManagement(text);
  return isFinding(read) ? read : undefined;
}
