import { dirname } from "node:path";
import { type FileStat, type Host, readText } from "../host/host.ts";
import type { Change } from "../reconcile/resource.ts";
import { paths } from "./paths.ts";

/** From when to when, milliseconds since the epoch. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What can be seen of a drift before it is repaired: a repair wipes it away. */
export interface Scene {
  /** The paths that differ. */
  readonly paths: readonly string[];
  /** When they were changed. */
  readonly moments: readonly Span[];
  /** Files that look cut short, in words, when the machine was booted after their last change and our last look. */
  readonly damaged: readonly string[];
  /** Set where the driver lies under a Python that is no longer the machine's. */
  readonly python?: { readonly was: string; readonly is: string; readonly path: string };
  readonly hasPackage: boolean;
}

/** How far back to look for the cause of what has no path, a service for one. */
const unknownSpanMs = 10 * 60_000;

const pythonRoot = "/usr/local/lib";

function packageFolder(python: string): string {
  return `${pythonRoot}/${python}/dist-packages`;
}

async function pythonOf(host: Host): Promise<string> {
  return (await host.fs.readLink("/usr/bin/python3"))?.replace(/^.*\//, "") ?? "python3";
}

/** The name that pip gives to the folder of a package's modules. */
function moduleName(id: string): string {
  return id.slice("pip-package:".length).replaceAll("-", "_");
}

/** The damaged files of a package as its state names them, or its folder. */
async function packagePaths(host: Host, change: Change): Promise<readonly string[]> {
  const folder = packageFolder(await pythonOf(host));
  const damaged = change.drift.map(({ observed }) => /^damaged: (.*)$/.exec(String(observed))?.[1] ?? "");
  const names = damaged.flatMap((list) => list.split(", ")).filter((name) => name !== "");
  return (names.length > 0 ? names : [moduleName(change.id)]).map((name) => `${folder}/${name}`);
}

async function pathsOf(host: Host, change: Change): Promise<readonly string[]> {
  if (change.id.startsWith("pip-package:")) return await packagePaths(host, change);
  const path = change.id.slice(change.id.indexOf(":") + 1);
  return path.startsWith("/") ? [path] : [];
}

/** When a path was last changed; when it is gone, the folder that it was in. */
async function changedAt(host: Host, path: string): Promise<number> {
  const stat = await host.fs.stat(path);
  return stat === undefined ? await changedAt(host, dirname(path)) : stat.changedAt;
}

async function movedPython(host: Host, changes: readonly Change[]): Promise<Scene["python"]> {
  const change = changes.find(({ id }) => id.startsWith("pip-package:"));
  if (change === undefined) return undefined;
  const is = await pythonOf(host);
  const has = async (python: string) =>
    (await host.fs.stat(`${packageFolder(python)}/${moduleName(change.id)}`)) !== undefined;
  if (await has(is)) return undefined;
  const others = ((await host.fs.list(pythonRoot)) ?? []).filter(
    (it) => /^python3\.\d+$/.test(it) && it !== is,
  );
  for (const was of others.toReversed()) {
    if (await has(was)) return { was, is, path: `${packageFolder(was)}/${moduleName(change.id)}` };
  }
  return undefined;
}

/** When the machine was booted, milliseconds since the epoch by its clock of now; `undefined` where it does not say. */
async function bootedAt(host: Host): Promise<number | undefined> {
  const seconds = /^btime (\d+)$/m.exec((await readText(host.fs, "/proc/stat")) ?? "")?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

const readableBytes = 256 * 1024;

/** How a text that we wrote, with a newline at its end, looks when its last blocks never reached the disk. */
async function damageOf(host: Host, path: string, stat: FileStat): Promise<string | undefined> {
  if (stat.kind !== "file") return undefined;
  if (stat.size === 0) return `${path} is empty`;
  if (path === paths.helm || stat.size > readableBytes) return undefined;
  const text = (await readText(host.fs, path)) ?? "";
  if (text.includes("\0")) return `${path} holds NUL bytes`;
  return text.endsWith("\n") ? undefined : `${path} is cut short`;
}

async function damagedBefore(host: Host, path: string, booted: number): Promise<readonly string[]> {
  const stat = await host.fs.stat(path);
  if (stat === undefined || stat.changedAt > booted) return [];
  const damage = await damageOf(host, path, stat);
  return damage === undefined ? [] : [damage];
}

async function damagedFiles(host: Host, drifted: readonly string[]): Promise<readonly string[]> {
  const booted = await bootedAt(host);
  const stats = await Promise.all([paths.signature, paths.desired].map((path) => host.fs.stat(path)));
  const lastLook = Math.max(...stats.map((stat) => stat?.changedAt ?? 0));
  if (booted === undefined || lastLook === 0 || lastLook > booted) return [];
  return (await Promise.all(drifted.map((path) => damagedBefore(host, path, booted)))).flat();
}

/** Looks at what differs, with a few stat calls: before the repair. Throws a HostFault where the files can't be read. */
export async function lookAtScene(host: Host, changes: readonly Change[], now: Date): Promise<Scene> {
  const drifted = (await Promise.all(changes.map((change) => pathsOf(host, change)))).flat();
  const times = await Promise.all(drifted.map((path) => changedAt(host, path)));
  const until = now.getTime();
  const moments = times.map((at) => ({ from: at, to: at }));
  const python = await movedPython(host, changes);
  return {
    paths: drifted,
    moments: moments.length > 0 ? moments : [{ from: until - unknownSpanMs, to: until }],
    damaged: await damagedFiles(host, drifted),
    ...(python === undefined ? {} : { python }),
    hasPackage: changes.some(({ id }) => id.startsWith("pip-package:")),
  };
}
