import { readFileSync } from "node:fs";
import { stringify } from "yaml";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const [identity, authority] = [fixture("tls/origin.pem"), fixture("ca/ca.pem")];
const block = (kind: string) =>
  new RegExp(`-----BEGIN ${kind}-----[^-]+-----END ${kind}-----\n`).exec(identity)?.[0] ?? "";

/** A text as `KEY-data` of a kubeconfig has it. */
export function dataOf(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** A certificate and its key, in PEM. */
export const pems = { certificate: block("CERTIFICATE"), key: block("PRIVATE KEY"), authority } as const;

const [token, password] = ["tok3n-of-the-driver", "passw0rd"];
const [certificate, key] = [dataOf(pems.certificate), dataOf(pems.key)];

/** Content that no message may ever repeat. */
export const secrets: readonly [string, ...string[]] = [
  token,
  password,
  certificate.slice(80, 120),
  key.slice(80, 120),
  pems.key.slice(40, 80),
];

/** A user of a kubeconfig, by how it logs in. */
export const logins = {
  token: { token },
  "certificate data": { "client-certificate-data": certificate, "client-key-data": key },
  "certificate paths": { "client-certificate": "/etc/a.crt", "client-key": "/etc/a.key" },
  "certificate data and key path": { "client-certificate-data": certificate, "client-key": "/etc/a.key" },
  "certificate data and token": { "client-certificate-data": certificate, "client-key-data": key, token },
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
      {
        name: "capi",
        cluster: {
          server: "https://192.0.2.10:6443",
          "certificate-authority-data": dataOf(authority),
        } as Record<string, unknown>,
      },
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
