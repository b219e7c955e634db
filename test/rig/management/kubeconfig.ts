import type { Pair } from "./certificates.ts";

/** What a kubeconfig says. */
export interface KubeconfigOptions {
  /** Default: the token of the driver's user. */
  readonly login?: { readonly token: string } | Pair;
  /** Default: the server's own address. */
  readonly server?: string;
  /** PEM; default: the server's own authority. `undefined`: none. */
  readonly ca?: string | undefined;
}

/** The token of the driver's user, which no log may ever show. */
export const usualToken = "token-that-no-log-may-show";

/** A kubeconfig in the form that the driver reads. */
export function kubeconfigOf(options: KubeconfigOptions & { readonly server: string }): string {
  const { login = { token: usualToken }, server, ca } = options;
  const authority = ca === undefined ? "" : `, certificate-authority-data: "${base64(ca)}"`;
  const user =
    "token" in login
      ? `token: ${login.token}`
      : `client-certificate-data: "${base64(login.certificate)}", client-key-data: "${base64(login.key)}"`;
  return `apiVersion: v1
kind: Config
clusters:
- name: management
  cluster: {server: "${server}"${authority}}
contexts:
- name: management
  context: {cluster: management, user: magnum}
current-context: management
users:
- name: magnum
  user: {${user}}
`;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
