import { stringify } from "yaml";
import type { Pair } from "./certificates.ts";
import { usualToken } from "./kubeconfig.ts";

/** One form of a kubeconfig, and whether we refuse it though both can use it on this unit. */
export interface Form {
  readonly name: string;
  readonly text: string;
  readonly isStricter?: true;
}

/** Folder of the files that forms name, in the container: `client.crt`, `client.key`, `ca.crt`, `other.crt`, tokens. */
export const formsFolder = "/srv/matrix";
const data = (text: string) => Buffer.from(text).toString("base64");

/** What the forms are made of. */
export interface Material {
  readonly server: string;
  readonly ca: string;
  readonly otherCa: string;
  readonly client: Pair;
  readonly expired: Pair;
}

type Part = Readonly<Record<string, unknown>>;

/** All forms of a kubeconfig's cluster, user and context that anybody reads in a way of his own. */
export function formsOf({ server, ca, otherCa, client, expired }: Material): readonly Form[] {
  const cluster: Part = { server, "certificate-authority-data": data(ca) };
  const token: Part = { token: usualToken };
  const pair: Part = {
    "client-certificate-data": data(client.certificate),
    "client-key-data": data(client.key),
  };
  const whole = (parts: { cluster?: Part; user?: Part; more?: Part }) =>
    stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "a", cluster: parts.cluster ?? cluster }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      users: [{ name: "a", user: parts.user ?? token }],
      "current-context": "a",
      ...parts.more,
    });
  const user = (name: string, it: Part, more: { isStricter?: true } = {}): Form => ({
    name: `user: ${name}`,
    text: whole({ user: it }),
    ...more,
  });
  const at = (name: string, it: Part, more: { isStricter?: true } = {}): Form => ({
    name: `cluster: ${name}`,
    text: whole({ cluster: it }),
    ...more,
  });
  const file = (name: string, more: Part): Form => ({ name, text: whole({ more }) });
  const stricter = { isStricter: true } as const;
  const strange = data(expired.key);
  return [
    user("token", token),
    user("token that nobody knows", { token: "no-such-token" }),
    user("certificate and key", pair),
    user("certificate and token", { ...pair, token: "no-such-token" }),
    user("certificate that has expired", {
      "client-certificate-data": data(expired.certificate),
      "client-key-data": data(expired.key),
    }),
    user("exec", {
      exec: { apiVersion: "client.authentication.k8s.io/v1", command: "none", interactiveMode: "Never" },
    }),
    user("tokenFile", { tokenFile: `${formsFolder}/token` }),
    user("username and password", { username: "a", password: "b" }),
    user("auth-provider", { "auth-provider": { name: "oidc" } }),
    user("nothing", {}),
    user("empty token", { token: "" }),
    user("token with an end of a line", { token: `${usualToken}\n` }),
    user(
      "token and exec",
      {
        ...token,
        exec: { apiVersion: "client.authentication.k8s.io/v1", command: "none", interactiveMode: "Never" },
      },
      stricter,
    ),
    user("token and tokenFile", { ...token, tokenFile: `${formsFolder}/bad-token` }),
    user("token and username", { ...token, username: "a" }),
    user("token, as somebody else", { ...token, as: "admin" }),
    user("certificate alone", { "client-certificate-data": pair["client-certificate-data"] }),
    user("certificate alone, and token", {
      ...token,
      "client-certificate-data": pair["client-certificate-data"],
    }),
    user("key alone", { "client-key-data": pair["client-key-data"] }),
    user("another's key", { ...pair, "client-key-data": strange }),
    user("no base64", { ...pair, "client-key-data": client.key }),
    user("no PEM", { ...pair, "client-certificate-data": data("certificate") }),
    user(
      "paths",
      { "client-certificate": `${formsFolder}/client.crt`, "client-key": `${formsFolder}/client.key` },
      stricter,
    ),
    user("relative paths", { "client-certificate": "client.crt", "client-key": "client.key" }),
    user(
      "data and path of the key",
      { "client-certificate-data": data(client.certificate), "client-key": `${formsFolder}/client.key` },
      stricter,
    ),
    user("data and an empty path", { ...pair, "client-certificate": "" }),
    at("no authority", { server }),
    at("another authority", { server, "certificate-authority-data": data(otherCa) }),
    at("both authorities", { server, "certificate-authority-data": data(otherCa + ca) }),
    at("path of the authority", { server, "certificate-authority": `${formsFolder}/ca.crt` }, stricter),
    at("relative path", { server, "certificate-authority": "ca.crt" }),
    at("path and data", { ...cluster, "certificate-authority": `${formsFolder}/other.crt` }),
    at("empty path and data", { ...cluster, "certificate-authority": "" }),
    at("authority without base64", { server, "certificate-authority-data": ca }),
    at("authority with a blank in its base64", {
      server,
      "certificate-authority-data": data(ca).replace("S", "S "),
    }),
    at("authority that is none", { server, "certificate-authority-data": data("authority") }),
    at("insecure", { server, "insecure-skip-tls-verify": true }),
    at("insecure, with the authority", { ...cluster, "insecure-skip-tls-verify": true }),
    at("tls-server-name", { ...cluster, "tls-server-name": "elsewhere.test" }),
    at("proxy-url", { ...cluster, "proxy-url": "http://127.0.0.1:9" }),
    at("slash at the end", { ...cluster, server: `${server}/` }),
    at("without TLS", { ...cluster, server: server.replace("https", "http") }),
    at("login in the server", { ...cluster, server: server.replace("://", "://a:b@") }),
    at("another port", { ...cluster, server: server.replace("6443", "6444") }),
    file("no current-context", { "current-context": undefined }),
    file("another current-context", { "current-context": "b" }),
    file("context of another cluster", { contexts: [{ name: "a", context: { cluster: "b", user: "a" } }] }),
    file("context of another user", { contexts: [{ name: "a", context: { cluster: "a", user: "b" } }] }),
    file("name that is a number", {
      "current-context": 5,
      contexts: [{ name: 5, context: { cluster: "a", user: "a" } }],
    }),
    file("two users of one name", {
      users: [
        { name: "a", user: token },
        { name: "a", user: { token: "no-such-token" } },
      ],
    }),
    file("another kind", { kind: "List" }),
    file("user without a name beside it", { users: [{ name: "a", user: token }, { user: {} }] }),
    { name: "empty file", text: "" },
    { name: "no YAML", text: "clusters: [" },
  ];
}
