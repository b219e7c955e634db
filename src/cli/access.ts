import { resolve } from "node:path";
import { stringify } from "yaml";
import { parseCertificates } from "../conductor/openstack-ca.ts";
import { type Host, HostFault, readText } from "../host/host.ts";
import type { ApiFault } from "../management/api.ts";
import { type Connection, connect } from "../management/connection.ts";
import { isFinding, type Management, readManagement } from "../management/kubeconfig.ts";
import { askPermissions, permissionsState } from "../management/permissions.ts";
import { type KitOptions, kit, plainKit, showKit } from "../management/rbac.ts";
import { isToken, type Login, readToken, scopedKubeconfig } from "../management/scoped-kubeconfig.ts";
import { renderPermissions } from "./permissions.ts";
import type { Run } from "./request.ts";

/** What a verb prints: as JSON, and as text; and whether all is as it should be. */
export interface Printed {
  readonly document: unknown;
  readonly text: string;
  readonly good: boolean;
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

/** Does something with the API server that a kubeconfig names, and ends the connections. */
async function withConnection<T extends object>(
  host: Host,
  path: string,
  work: (connection: Connection, management: Management) => Promise<T | ApiFault>,
): Promise<T> {
  const management = readManagement(await fileText(host, path));
  if (isFinding(management))
    throw new HostFault(`${path}: ${management.reason}`, { remedy: management.accepted });
  const connection = connect(host, management);
  try {
    const result = await work(connection, management);
    if (!("fault" in result)) return result;
    throw new HostFault(result.reason, { remedy: result.remedy, cure: result.cure });
  } finally {
    connection.close();
  }
}

async function loginOfAdmin(host: Host, given: Run["given"], path: string): Promise<Login> {
  const account = kitOf(given);
  return await withConnection(host, path, async (connection, { server, ca = "" }) => {
    const read = await readToken(connection, account);
    if ("fault" in read) return read;
    return { name: account.name, server: textOf(given, "server") ?? server.href, ca, token: read.token };
  });
}

/** The kubeconfig of a login: of files, or fetched with an administrator's. */
export async function printKubeconfig(host: Host, given: Run["given"]): Promise<Printed> {
  const from = textOf(given, "from");
  const login = from === undefined ? loginOfFiles(host, given) : loginOfAdmin(host, given, from);
  const document = scopedKubeconfig(await login);
  return { document, text: stringify(document, { lineWidth: 0 }), good: true };
}

async function check(host: Host, given: Run["given"], path: string): Promise<Printed> {
  // A namespace that is named has to be prepared, whatever the driver's prefix is.
  const options = { prefix: "magnum", used: kitOf(given).perProject };
  const answer = await withConnection(host, path, (connection) => askPermissions(connection, options));
  const state = permissionsState(answer, options);
  return { document: { ...answer, state }, text: renderPermissions(answer), good: state.state === "open" };
}

/** The objects of a login for the driver, or what a kubeconfig misses of it. */
export async function printAccess(host: Host, given: Run["given"]): Promise<Printed> {
  const checked = textOf(given, "check");
  if (checked !== undefined) return await check(host, given, checked);
  const objects = kit(kitOf(given));
  return { document: plainKit(objects), text: showKit(objects), good: true };
}
