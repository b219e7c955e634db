import type { KubernetesObject } from "./rbac.ts";

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
