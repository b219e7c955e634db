import { certificatesIn, judgeKey } from "./certificates.ts";
import type { Place } from "./kubeconfig-yaml.ts";

/** A mapping of a kubeconfig. */
export type Mapping = Readonly<Record<string, unknown>>;

/** What is wrong with a part of a kubeconfig, and where in it. */
export interface PartFault {
  readonly reason: string;
  readonly accepted: string;
  readonly place?: Place;
}

/** Whether something is a mapping. */
export function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether reading a part gave a fault. */
export function isFault(part: object): part is PartFault {
  return "reason" in part;
}

/** What of it helm reads and the driver does not, or the other way round; none of it changes who is reached as whom. */
interface Differing {
  readonly differences: readonly string[];
}

/** The cluster of a context. */
export interface Cluster extends Differing {
  readonly server: URL;
  /** PEM. */
  readonly ca?: string;
}

/** The user of a context: at least one of the two. */
export interface User extends Differing {
  readonly certificate?: { readonly cert: string; readonly key: string };
  readonly token?: string;
}

function fault(reason: string, accepted: string, key: string): PartFault {
  return { reason, accepted, place: [key] };
}

/** The first of these keys that is there with another value than nothing, "" and false. */
function set(part: Mapping, keys: readonly string[]): string | undefined {
  return keys.find((key) => ![undefined, null, "", false].includes(part[key] as string | undefined));
}

/** Bytes in base64 as Go takes it, which is stricter than Python: nothing but ends of lines may stand in it. */
function decoded(text: string): string | undefined {
  const packed = text.replaceAll(/[\r\n]/g, "");
  const isWhole = packed.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(packed);
  return isWhole ? Buffer.from(packed, "base64").toString("latin1") : undefined;
}

/**
 * The content of a `KEY-data`, or why it can't be had; `undefined` where there is none. The driver takes the path in
 * `KEY` wherever that key is there, even an empty one, and helm the data (driver 1.4.0, kubernetes.py,
 * ensure_file_cert); and no file of an operator's machine is on the unit.
 */
function content(part: Mapping, key: string, what: string): string | undefined | PartFault {
  const data = `${key}-data`;
  if (key in part) {
    const isPath = typeof part[key] === "string" && part[key] !== "";
    return fault(`its ${key} is ${isPath ? "a path" : "empty"}`, `${data} instead of it`, key);
  }
  if (!(data in part)) return undefined;
  const text = part[data];
  if (typeof text !== "string") return fault(`its ${data} is no text`, "the same in quotes", data);
  return decoded(text) ?? fault(`its ${data} is no base64`, `base64 of ${what} in PEM`, data);
}

function judgeServer(server: unknown): URL | PartFault {
  const accepted = "server: https://HOST:PORT";
  if (typeof server !== "string" || !server.startsWith("https://"))
    return fault("its current context has no cluster with an https server", "server: https://...", "server");
  const url = URL.parse(server);
  if (url === null || /[^\x21-\x7e]/.test(server)) return fault("its server is no URL", accepted, "server");
  if (url.username !== "" || url.password !== "")
    return fault("its server has a login in it", accepted, "server");
  if (url.search !== "" || url.hash !== "")
    return fault("its server has more than a path", accepted, "server");
  return url;
}

/** What the driver ignores of a cluster and helm goes by: they would ask different servers, or trust different ones. */
const ignoredOfCluster: Readonly<Record<string, string>> = {
  "insecure-skip-tls-verify": "none: certificate-authority-data vouches for it",
  "tls-server-name": "none: the name in server is the certificate's",
  "proxy-url": "none: juju-https-proxy of the model",
};

/** Reads a cluster as the driver does. */
export function readCluster(cluster: Mapping): Cluster | PartFault {
  const server = judgeServer(cluster["server"]);
  if (!(server instanceof URL)) return server;
  const ignored = set(cluster, Object.keys(ignoredOfCluster));
  if (ignored !== undefined)
    return fault(`its cluster has ${ignored} (not read)`, ignoredOfCluster[ignored] ?? "", ignored);
  const ca = content(cluster, "certificate-authority", "certificates");
  if (ca === undefined) return { server, differences: ["no certificate authority: the public ones count"] };
  if (typeof ca !== "string") return ca;
  if (certificatesIn(ca) === undefined) {
    const key = "certificate-authority-data";
    return fault(`its ${key} is no certificate`, "base64 of certificates in PEM", key);
  }
  return { server, ca, differences: [] };
}

const accepted = "a token, or certificate and key";

/** What the driver ignores of a user and helm goes by: it would be another user, or one that a program names. */
const ignoredOfUser = [
  "exec",
  "tokenFile",
  "username",
  "password",
  "auth-provider",
  "as",
  "as-uid",
  "as-groups",
  "as-user-extra",
];

function readCertificate(user: Mapping): User["certificate"] | PartFault {
  const [certKey, keyKey] = ["client-certificate", "client-key"];
  const cert = content(user, certKey, "a certificate");
  if (typeof cert === "object") return cert;
  const key = content(user, keyKey, "a key");
  if (typeof key === "object") return key;
  if (cert === undefined && key === undefined) return undefined;
  if (key === undefined)
    return fault("its user has a certificate without its key", accepted, `${certKey}-data`);
  if (cert === undefined)
    return fault("its user has a key without its certificate", accepted, `${keyKey}-data`);
  const [own] = certificatesIn(cert) ?? [];
  if (own === undefined)
    return fault(
      `its ${certKey}-data is no certificate`,
      "base64 of a certificate in PEM",
      `${certKey}-data`,
    );
  const verdict = judgeKey(key, own);
  if (verdict === "fits") return { cert, key };
  const reason = verdict === "unreadable" ? "is no key without a password" : `is not of its ${certKey}-data`;
  return fault(`its ${keyKey}-data ${reason}`, "base64 of its private key in PEM", `${keyKey}-data`);
}

function readToken(user: Mapping): string | undefined | PartFault {
  const token = user["token"] ?? "";
  if (typeof token !== "string") return fault("its token is no text", "the same in quotes", "token");
  if (token === "") return undefined;
  // Neither Python nor Go sends such a one.
  if (!/^[\x21-\x7e]+$/.test(token))
    return fault("its token has blanks or ends of lines in it", "a token on one line", "token");
  return token;
}

/** Reads a user as the driver does: a certificate with its key, else a token. */
export function readUser(user: Mapping): User | PartFault {
  const token = readToken(user);
  if (typeof token === "object") return token;
  const ignored = set(user, ignoredOfUser);
  if (ignored !== undefined) return fault(`its user has ${ignored} (not read)`, accepted, ignored);
  const certificate = readCertificate(user);
  if (certificate !== undefined && "reason" in certificate) return certificate;
  if (certificate === undefined)
    return token === undefined
      ? { reason: "its user has no credentials", accepted }
      : { token, differences: [] };
  if (token === undefined) return { certificate, differences: [] };
  return { certificate, differences: ["its token is not used: the certificate counts"] };
}
