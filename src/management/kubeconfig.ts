import { parse } from "yaml";

/** Why the driver could not use a kubeconfig, naming the key to change; never its content. */
export type KubeconfigFinding = { readonly reason: string; readonly accepted: string };

type Mapping = Readonly<Record<string, unknown>>;

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function named(list: unknown, name: string, key: string): Mapping | undefined {
  const entry = Array.isArray(list) ? list.find((it) => isMapping(it) && it["name"] === name) : undefined;
  const inner = isMapping(entry) ? entry[key] : undefined;
  return isMapping(inner) ? inner : undefined;
}

const accepted = "a token, or certificate and key";

function has(user: Mapping, key: string): boolean {
  return typeof user[key] === "string" && user[key] !== "";
}

function judgeUser(user: Mapping): KubeconfigFinding | undefined {
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
  const config = parseYaml(text);
  if (!isMapping(config)) return undefined;
  const context = named(config["contexts"], String(config["current-context"]), "context");
  const server = named(config["clusters"], String(context?.["cluster"]), "cluster")?.["server"];
  return URL.parse(String(server)) ?? undefined;
}

function parseYaml(text: string): unknown {
  try {
    return parse(text, { logLevel: "error" });
  } catch {
    return undefined;
  }
}

/**
 * Judges a kubeconfig by what the driver reads, which is less than what helm reads (driver 1.4.0, kubernetes.py):
 * a token or a certificate with its key, of the user of the current context. `undefined` means usable. The content
 * never appears in the finding.
 */
export function judgeKubeconfig(text: string): KubeconfigFinding | undefined {
  const whole = "a whole kubeconfig in YAML";
  if (text.trim() === "") return { reason: "it is empty", accepted: whole };
  const config = parseYaml(text);
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
