import { createSign } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Management } from "./server.ts";

/** A token that the server itself makes for an account, valid for that many seconds (600 at least). */
export async function requestToken(
  { demand }: Management,
  namespace: string,
  account: string,
  seconds = 3600,
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const asked = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: seconds },
  };
  const { status } = (await demand("POST", path, asked)) as { status: { token: string } };
  return status.token;
}

/**
 * Fills a Secret of the type kubernetes.io/service-account-token, as Kubernetes' controller manager does, which does not
 * run here. Returns the token: it is valid for as long as the Secret and its account are there.
 */
export async function fillTokenSecret(
  management: Management,
  namespace: string,
  secret: string,
): Promise<string> {
  const { demand, facts } = management;
  const path = `/api/v1/namespaces/${namespace}`;
  const { metadata } = (await demand("GET", `${path}/secrets/${secret}`)) as {
    metadata: { annotations: Readonly<Record<string, string>> };
  };
  const account = metadata.annotations["kubernetes.io/service-account.name"] ?? "";
  const { metadata: of } = (await demand("GET", `${path}/serviceaccounts/${account}`)) as {
    metadata: { uid: string };
  };
  const prefix = "kubernetes.io/serviceaccount";
  const token = signedToken(management, {
    iss: prefix.replace(".io", ""),
    sub: `system:serviceaccount:${namespace}:${account}`,
    [`${prefix}/namespace`]: namespace,
    [`${prefix}/secret.name`]: secret,
    [`${prefix}/service-account.name`]: account,
    [`${prefix}/service-account.uid`]: of.uid,
  });
  const content = { token, namespace, "ca.crt": facts.authority.certificate };
  const data = Object.entries(content).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  const annotations = { [`${prefix.replace("serviceaccount", "service-account")}.uid`]: of.uid };
  const change = { data: Object.fromEntries(data), metadata: { annotations } };
  await demand("PATCH", `${path}/secrets/${secret}`, change, { contentType: "application/merge-patch+json" });
  return token;
}

/** A JSON web token with those claims, signed as the server signs its own. */
export function signedToken({ namespace }: Management, claims: Readonly<Record<string, unknown>>): string {
  const key = readFileSync(`${namespace.folder}/service-account.key`, "utf8");
  const parts = [{ alg: "RS256", typ: "JWT" }, claims];
  const said = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${said}.${createSign("RSA-SHA256").update(said).sign(key, "base64url")}`;
}
