import { isPrintable, lexicalFault, readYaml } from "./kubeconfig-yaml.ts";

/** Why the driver could not use a kubeconfig, naming the key to change; never its content. */
export type KubeconfigFinding = { readonly reason: string; readonly accepted: string };

/** The most that a kubeconfig may have, in characters: enough for fifty clusters with their certificates. */
export const mostKubeconfig = 262_144;

type Mapping = Readonly<Record<string, unknown>>;

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function named(list: unknown, name: string, key: string): Mapping | undefined {
  const entry = Array.isArray(list) ? list.find((it) => isMapping(it) && it["name"] === name) : undefined;
  const inner = isMapping(entry) ? entry[key] : undefined;
  return isMapping(inner) ? inner : undefined;
}

const whole = "a whole kubeconfig in YAML";
const accepted = "a token, or certificate and key";

function has(user: Mapping, key: string): boolean {
  return typeof user[key] === "string" && user[key] !== "";
}

const texts = ["token", "client-certificate-data", "client-certificate", "client-key-data", "client-key"];

function judgeUser(user: Mapping): KubeconfigFinding | undefined {
  const other = texts.find((it) => typeof (user[it] ?? "") !== "string");
  if (other !== undefined) return { reason: `its ${other} is no text`, accepted: "the same in quotes" };
  const certificate = has(user, "client-certificate-data") || has(user, "client-certificate");
  const key = has(user, "client-key-data") || has(user, "client-key");
  if (has(user, "token") || (certificate && key)) return undefined;
  const refused = ["exec", "tokenFile", "username", "password", "auth-provider"].find(
    (it) => user[it] !== undefined,
  );
  if (refused !== undefined) return { reason: `its user has ${refused} (not read)`, accepted };
  if (certificate) return { reason: "its user has a certificate without its key", accepted };
  return { reason: "its user has no credentials", accepted };
}

function judgeContext(config: Mapping, current: string): KubeconfigFinding | undefined {
  const context = named(config["contexts"], current, "context");
  if (context === undefined)
    return { reason: "its current-context names no context", accepted: "the name of a context" };
  const cluster = named(config["clusters"], String(context["cluster"]), "cluster");
  if (typeof cluster?.["server"] !== "string" || !cluster["server"].startsWith("https://")) {
    return {
      reason: "its current context has no cluster with an https server",
      accepted: "server: https://...",
    };
  }
  const user = named(config["users"], String(context["user"]), "user");
  if (user === undefined) return { reason: "its current context names no user", accepted };
  return judgeUser(user);
}

/** The URL of the API server that the current context names; `undefined` where none can be read. */
export function managementServer(text: string): URL | undefined {
  const config = readYaml(text);
  if (!isMapping(config)) return undefined;
  const context = named(config["contexts"], String(config["current-context"]), "context");
  const server = named(config["clusters"], String(context?.["cluster"]), "cluster")?.["server"];
  return URL.parse(String(server)) ?? undefined;
}

/** What can be said without understanding it, which takes a while for a large text. */
function judgeText(text: string): KubeconfigFinding | undefined {
  if (text.length > mostKubeconfig)
    return { reason: `it has ${text.length} characters`, accepted: `at most ${mostKubeconfig}` };
  if (!isPrintable(text)) return { reason: "it has control characters", accepted: whole };
  const fault = lexicalFault(text);
  if (fault === undefined) return undefined;
  return fault === "tab"
    ? { reason: "it has a tab outside of quotes", accepted: "blanks instead" }
    : { reason: "it has too much in it", accepted: "fifty clusters at most" };
}

/**
 * Judges a kubeconfig by what the driver reads, which is less than what helm reads (driver 1.4.0, kubernetes.py):
 * a token or a certificate with its key, of the user of the current context. `undefined` means usable. The content
 * never appears in the finding.
 */
export function judgeKubeconfig(text: string): KubeconfigFinding | undefined {
  if (text.trim() === "") return { reason: "it is empty", accepted: whole };
  const finding = judgeText(text);
  if (finding !== undefined) return finding;
  const config = readYaml(text);
  if (!isMapping(config)) return { reason: "it is not a YAML mapping", accepted: whole };
  for (const key of ["clusters", "contexts", "users"]) {
    if (!Array.isArray(config[key]))
      return { reason: `it has no list of ${key}: is it cut off?`, accepted: whole };
  }
  const current = config["current-context"];
  if (typeof current !== "string" || current === "") {
    return { reason: "it has no current-context", accepted: "current-context: the name of a context" };
  }
  return judgeContext(config, current);
}
