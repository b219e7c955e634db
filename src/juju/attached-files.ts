import { type Attached, type AttachedName, type Attachments, attachedNames } from "../conductor/attached.ts";
import { showValue } from "../conductor/config.ts";
import type { Ending } from "../conductor/graft.ts";
import { readHold } from "../conductor/hold.ts";
import { judgeAttached } from "../conductor/judge-attached.ts";
import { committedWish } from "../conductor/wish.ts";
import type { Host } from "../host/host.ts";
import { judgeKubeconfig, mostKubeconfig } from "../management/kubeconfig.ts";
import { hookCommand } from "./hook-command.ts";

type Fault = Extract<Ending, { end: "fault" }>;

/** A file that Juju gave for a resource: where it is, and its digest. */
interface Fetched {
  readonly path: string;
  readonly sha256: string;
}

/** What is attached to the application, all of it good; or why some of it can't be used, the first to be shown. */
export type AttachedFiles =
  | { readonly attached: Attachments; readonly kubeconfig?: string; readonly notes: readonly string[] }
  | { readonly faults: readonly [Fault, ...Fault[]] };

type ResourceName = AttachedName | "kubeconfig";

const fetchTimeoutMs = 180_000;

function isFault(it: object | undefined): it is Fault {
  return it !== undefined && "end" in it;
}

/** `undefined` for a resource that nobody has attached, or attached as an empty file. */
async function fetchResource(host: Host, name: ResourceName): Promise<Fetched | Fault | undefined> {
  const { code, stdout, stderr } = await hookCommand("resource-get", [name], fetchTimeoutMs);
  if (code === 0) {
    const path = stdout.trim();
    const stat = await host.fs.stat(path);
    if (stat !== undefined && stat.kind !== "file") return notFetched(name, `${path} is no file`);
    if (stat?.size === 0) return undefined;
    const sha256 = await host.fs.digest(path);
    if (sha256 !== undefined) return { path, sha256 };
  } else if (/not found/.test(stderr)) return undefined;
  const said = stderr.trim().split("\n").at(-1)?.replace("ERROR ", "");
  const why = said === undefined || said === "" ? "resource-get gave no answer" : showValue(said, 160);
  return notFetched(name, why);
}

function notFetched(name: ResourceName, why: string): Fault {
  const reason = `can't fetch the resource ${name}: ${why}`;
  return { end: "fault", cure: "time", reason, remedy: "is the controller reachable?" };
}

function remedyFor(application: string, name: ResourceName): string {
  return `juju attach-resource ${application} ${name}=FILE`;
}

function refused(application: string, name: ResourceName, reason: string): Fault {
  const remedy = remedyFor(application, name);
  return { end: "fault", cure: "operator", reason: `${name}: ${reason}`, remedy };
}

/** What is in force, or held back, was judged when it came. */
async function judgedBefore(host: Host): Promise<readonly Attachments[]> {
  const wishes = [await committedWish(host), (await readHold(host))?.wanted];
  return wishes.flatMap((it) => it?.attached ?? []);
}

interface Judged {
  readonly attached: Attached;
  readonly note?: string;
}

async function readFile(
  host: Host,
  application: string,
  name: AttachedName,
  before: readonly Attachments[],
): Promise<Judged | Fault | undefined> {
  const fetched = await fetchResource(host, name);
  if (fetched === undefined || isFault(fetched)) return fetched;
  const { path, sha256 } = fetched;
  const remedy = remedyFor(application, name);
  const known = before.map((it) => it[name]).find((it) => it?.sha256 === sha256);
  if (known !== undefined) return { attached: { ...known, from: path, remedy } };
  const finding = await judgeAttached(host, name, fetched);
  if ("reason" in finding) return refused(application, name, finding.reason);
  const note = finding.note === undefined ? {} : { note: `${name}: ${finding.note}` };
  return { attached: { sha256, version: finding.version, from: path, remedy }, ...note };
}

async function readKubeconfig(
  host: Host,
  application: string,
): Promise<{ text: string } | Fault | undefined> {
  const fetched = await fetchResource(host, "kubeconfig");
  if (fetched === undefined || isFault(fetched)) return fetched;
  const size = (await host.fs.stat(fetched.path))?.size ?? 0;
  if (size > mostKubeconfig)
    return refused(application, "kubeconfig", `too large (${size} bytes, at most ${mostKubeconfig})`);
  const bytes = Buffer.from((await host.fs.read(fetched.path)) ?? "");
  const text = bytes.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(bytes) || text.includes("\0"))
    return refused(application, "kubeconfig", "no text");
  const finding = judgeKubeconfig(text);
  if (finding === undefined) return { text };
  return refused(application, "kubeconfig", `${finding.reason}; accepted: ${finding.accepted}`);
}

/**
 * Asks Juju for the files that an operator attached, and judges those that are new. The kubeconfig is asked for only
 * where the option names no secret. For a full look alone: each question may fetch a file from the controller.
 */
export async function attachedFiles(
  host: Host,
  application: string,
  asks: { readonly kubeconfig: boolean },
): Promise<AttachedFiles> {
  const before = await judgedBefore(host);
  const [kubeconfig, ...files] = await Promise.all([
    asks.kubeconfig ? readKubeconfig(host, application) : undefined,
    ...attachedNames.map((name) => readFile(host, application, name, before)),
  ]);
  const [first, ...more] = [kubeconfig, ...files].filter(isFault).toSorted(operatorFirst);
  if (first !== undefined) return { faults: [first, ...more] };
  const judged = files.map((it) => (it !== undefined && "attached" in it ? it : undefined));
  const entries = judged.flatMap((it, index) =>
    it === undefined ? [] : [[attachedNames[index], it.attached]],
  );
  const text = kubeconfig !== undefined && "text" in kubeconfig ? { kubeconfig: kubeconfig.text } : {};
  return {
    attached: Object.fromEntries(entries) as Attachments,
    ...text,
    notes: judged.flatMap((it) => it?.note ?? []),
  };
}

function operatorFirst(a: Fault, b: Fault): number {
  return Number(b.cure === "operator") - Number(a.cure === "operator");
}
