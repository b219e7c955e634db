import { stringify } from "yaml";

/** Content that no message may ever repeat. */
export const secrets = [
  "tok3n-of-the-driver",
  "Y2VydA-of-the-driver",
  "a2V5-of-the-driver",
  "passw0rd",
] as const;
const [token, certificate, key, password] = secrets;

/** A user of a kubeconfig, by how it logs in. */
export const logins = {
  token: { token },
  "certificate data": { "client-certificate-data": certificate, "client-key-data": key },
  "certificate paths": { "client-certificate": `/etc/${certificate}`, "client-key": `/etc/${key}` },
  "certificate data and key path": { "client-certificate-data": certificate, "client-key": `/etc/${key}` },
  "token and exec": { token, exec: { command: "aws" } },
  "user and password": { username: "admin", password },
  "token file": { tokenFile: `/var/${token}` },
  exec: { exec: { command: "kubelogin", args: [password] } },
  "auth provider": { "auth-provider": { name: "oidc", config: { "id-token": token } } },
  "certificate alone": { "client-certificate-data": certificate },
  "key alone": { "client-key-data": key },
  nothing: {},
  "empty token": { token: "" },
} as const;

/** A kubeconfig as an object, for a test to bend. */
export function kubeconfigObject(user: object = logins.token) {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "capi", cluster: { server: "https://192.0.2.10:6443", "certificate-authority-data": "Q0E=" } },
    ],
    contexts: [{ name: "capi", context: { cluster: "capi", user: "magnum" } }],
    users: [{ name: "magnum", user }],
    "current-context": "capi",
  };
}

/** A kubeconfig's text that the driver can use. */
export function kubeconfigText(more: object = {}): string {
  return stringify({ ...kubeconfigObject(), ...more });
}
