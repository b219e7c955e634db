import { resolve } from "node:path";
import { stringify } from "yaml";
import { parseCertificates } from "../conductor/openstack-ca.ts";
import { type Host, HostFault, readText } from "../host/host.ts";
import { type KitOptions, kit, plainKit, showKit } from "../management/rbac.ts";
import { isToken, type Login, scopedKubeconfig } from "../management/scoped-kubeconfig.ts";
import type { Run } from "./request.ts";

/** What a verb prints: as JSON, and as text. */
export interface Printed {
  readonly document: unknown;
  readonly text: string;
}

function textOf(given: Run["given"], name: keyof Run["given"]): string | undefined {
  const value = given[name];
  return typeof value === "string" ? value : undefined;
}

function kitOf(given: Run["given"]): KitOptions {
  const namespaces = textOf(given, "per-project")?.split(",") ?? [];
  return {
    name: textOf(given, "name") ?? "magnum-capi-helm",
    namespace: textOf(given, "namespace") ?? "capi-graft",
    perProject: [...new Set(namespaces)],
  };
}

/** The objects of a login for the driver. Pure. */
export function printKit(given: Run["given"]): Printed {
  const objects = kit(kitOf(given));
  return { document: plainKit(objects), text: showKit(objects) };
}

async function fileText(host: Host, path: string): Promise<string> {
  const text = await readText(host.fs, resolve(path));
  if (text !== undefined) return text;
  throw new HostFault(`${path} is not there`, { remedy: "name an existing file" });
}

async function certificatesIn(host: Host, path: string): Promise<string> {
  const parsed = parseCertificates(await fileText(host, path));
  if ("pem" in parsed && parsed.pem !== "") return parsed.pem;
  const shown = "accepted" in parsed ? parsed.shown : "nothing";
  throw new HostFault(`${path} has ${shown ?? "no certificates"}`, { remedy: "certificates in PEM" });
}

/** Standard input is a file here; a token is never an argument, which every user of the machine could read. */
async function tokenIn(host: Host, path: string): Promise<string> {
  const token = (await fileText(host, path === "-" ? "/dev/stdin" : path)).trim();
  if (isToken(token)) return token;
  throw new HostFault(`${path === "-" ? "standard input" : path} has no token`, {
    remedy: "the token alone, not in base64",
  });
}

async function loginOfFiles(host: Host, given: Run["given"]): Promise<Login> {
  const ca = textOf(given, "ca");
  return {
    name: kitOf(given).name,
    server: textOf(given, "server") ?? "",
    ca: ca === undefined ? "" : await certificatesIn(host, ca),
    token: await tokenIn(host, textOf(given, "token-file") ?? "-"),
  };
}

/** The kubeconfig of a login. */
export async function printKubeconfig(host: Host, given: Run["given"]): Promise<Printed> {
  const document = scopedKubeconfig(await loginOfFiles(host, given));
  return { document, text: stringify(document, { lineWidth: 0 }) };
}
