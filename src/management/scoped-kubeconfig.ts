import { type Api, type ApiFault, isFault } from "./api.ts";
import { type KitOptions, type KubernetesObject, tokenSecretName } from "./rbac.ts";

/** A login, and where it is good. */
export interface Login {
  /** Of the user and the context in the kubeconfig. */
  readonly name: string;
  /** https URL of the API server. */
  readonly server: string;
  /** Certificates that vouch for the server, in PEM; empty for the public ones. */
  readonly ca: string;
  readonly token: string;
}

/**
 * The kubeconfig of a login in the one form that the driver and helm read alike: a single context, certificates as
 * data, a token. Pure.
 */
export function scopedKubeconfig({ name, server, ca, token }: Login): KubernetesObject {
  const vouching = ca === "" ? {} : { "certificate-authority-data": Buffer.from(ca).toString("base64") };
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "management", cluster: { server: server.replace(/\/$/, ""), ...vouching } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: "management", user: name } }],
    "current-context": name,
  };
}

/** Whether a text can be a token of a login: one word, as it goes into a header. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]{16,16384}$/.test(text);
}

function textIn(data: unknown, key: string): string {
  const value =
    typeof data === "object" && data !== null ? (data as Record<string, unknown>)[key] : undefined;
  return typeof value === "string" ? Buffer.from(value, "base64").toString("utf8") : "";
}

/** The token of the kit's account, out of its Secret, which an administrator may read. */
export async function readToken(
  api: Api,
  account: Pick<KitOptions, "name" | "namespace">,
): Promise<{ readonly token: string } | ApiFault> {
  const secret = tokenSecretName(account);
  const where = `${account.namespace}/${secret}`;
  const answer = await api.get(`/api/v1/namespaces/${account.namespace}/secrets/${secret}`);
  if (isFault(answer)) return answer;
  if (answer.status === 404) {
    const reason = `there is no secret ${where}`;
    return { fault: "http", cure: "operator", reason, remedy: "capi-graft rbac | kubectl apply -f -" };
  }
  if (answer.status !== 200) {
    const reason = `the secret ${where} can't be read: HTTP ${answer.status}`;
    return { fault: "http", cure: "operator", reason, remedy: "use an administrator's kubeconfig" };
  }
  const body = answer.body as { readonly data?: unknown } | undefined;
  const token = textIn(body?.data, "token");
  if (isToken(token)) return { token };
  return {
    fault: "http",
    cure: "time",
    reason: `the secret ${where} has no token yet`,
    remedy: "try again in a moment",
  };
}
