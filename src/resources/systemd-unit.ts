import { type Host, HostFault } from "../host/host.ts";
import type { Resource, State } from "../reconcile/resource.ts";
import { directoryAsBefore } from "./directory.ts";
import { fileAsBefore, sha256 } from "./file.ts";
import type { Originals } from "./originals.ts";
import { ownerName, ownership, root } from "./owner.ts";

/** A unit of systemd that stands in a file of our own. */
export interface UnitFile {
  /** Directory of the file, `/etc/systemd/system`. */
  readonly directory: string;
  /** Name with its type, `watch.timer`. */
  readonly name: string;
  /** The target that starts it, which its `[Install]` names; a unit without one is only started by another. */
  readonly wantedBy?: string;
}

const timeoutMs = 90_000;

function wants({ directory }: UnitFile, target: string): string {
  return `${directory}/${target}.wants`;
}

async function systemctl(host: Host, ...words: readonly string[]): Promise<void> {
  const result = await host.run(["systemctl", ...words], { timeoutMs });
  if (result.ok) return;
  const why = result.timedOut ? `no end after ${timeoutMs / 1000} s` : result.stderr.trim().split("\n")[0];
  throw new HostFault(`systemctl ${words.join(" ")} failed: ${why}`, {
    remedy: "systemctl --failed says more",
  });
}

/** A unit that does not start takes nothing else with it: it is told, and tried again. */
async function start(host: Host, name: string): Promise<void> {
  try {
    await systemctl(host, "restart", name);
  } catch (error) {
    if (!(error instanceof HostFault)) throw error;
    const remedy = "raise fs.inotify.max_user_instances?";
    throw new HostFault(error.message, { cure: "note", remedy, cause: error });
  }
}

const properties = "FragmentPath,UnitFileState,ActiveState,NeedDaemonReload";

async function show(host: Host, name: string): Promise<ReadonlyMap<string, string>> {
  const result = await host.run(["systemctl", "show", name, `--property=${properties}`], {
    timeoutMs: 30_000,
  });
  if (!result.ok) {
    throw new HostFault(`systemctl show ${name} failed: ${result.stderr.trim() || result.code}`, {
      remedy: "is systemd running on this machine?",
    });
  }
  const pairs = result.stdout.split("\n").map((line): [string, string] => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)];
  });
  return new Map(pairs);
}

/**
 * A unit file (0644, root) that systemd has loaded as it is, enabled and active where a target wants it. A changed path
 * or timer is started anew; a service that is started by another unit is only loaded, and never disturbed while it runs.
 */
export function systemdUnit(
  it: UnitFile & { readonly content: string; readonly originals: Originals },
): Resource {
  const path = `${it.directory}/${it.name}`;
  const runs = it.wantedBy === undefined ? {} : { enabled: "enabled", active: "active" };
  return {
    id: `unit:${it.name}`,
    desired: {
      kind: "file",
      sha256: sha256(it.content),
      mode: "0644",
      owner: "root:root",
      loaded: path,
      ...runs,
    },
    observe: (host) => observe(host, path, it),
    apply: async (host, { drift }) => {
      await it.originals.keep(host, path);
      if (drift.some(({ key }) => ["kind", "sha256", "mode", "owner"].includes(key)))
        await host.fs.write(path, it.content, ownership(root, "0644"));
      if (it.wantedBy !== undefined && drift.some(({ key }) => key === "enabled")) {
        await it.originals.keep(host, wants(it, it.wantedBy));
        await systemctl(host, "enable", "--no-reload", it.name);
      }
      if (drift.some(({ key }) => key !== "active")) await systemctl(host, "daemon-reload");
      if (it.wantedBy !== undefined) await start(host, it.name);
    },
  };
}

async function observe(host: Host, path: string, { name, wantedBy }: UnitFile): Promise<State | "absent"> {
  const [stat, shown] = await Promise.all([host.fs.stat(path), show(host, name)]);
  if (stat === undefined) return "absent";
  const said = (key: string) => shown.get(key) || "none";
  return {
    kind: stat.kind,
    mode: stat.mode,
    owner: ownerName(stat, [root]),
    sha256: stat.kind === "file" ? ((await host.fs.digest(path)) ?? "none") : "none",
    loaded: said("NeedDaemonReload") === "no" ? said("FragmentPath") : "an older file",
    ...(wantedBy === undefined ? {} : { enabled: said("UnitFileState"), active: said("ActiveState") }),
  };
}

/**
 * The unit as it was before this project first touched it, and the directory of the link that starts it; nothing to do
 * for one that it never touched.
 */
export async function systemdUnitAsBefore(
  host: Host,
  it: UnitFile,
  kept: Originals,
): Promise<readonly Resource[]> {
  const path = `${it.directory}/${it.name}`;
  const [before] = await fileAsBefore(host, path, kept);
  if (before === undefined) return [];
  const directories = it.wantedBy === undefined ? [] : [directoryAsBefore(wants(it, it.wantedBy), kept)];
  if (before.desired === "absent") return [noUnit(it, path), ...directories];
  const apply: Resource["apply"] = async (target, change) => {
    await before.apply(target, change);
    await systemctl(target, "daemon-reload");
  };
  return [{ ...before, id: `unit:${it.name}`, apply }];
}

function noUnit(it: UnitFile, path: string): Resource {
  const link = it.wantedBy === undefined ? undefined : `${wants(it, it.wantedBy)}/${it.name}`;
  return {
    id: `unit:${it.name}`,
    desired: "absent",
    observe: async (host) => {
      const there = [path, ...(link === undefined ? [] : [link])];
      const stats = await Promise.all(there.map((one) => host.fs.stat(one)));
      const left = there.filter((_, index) => stats[index] !== undefined);
      return left.length === 0 ? "absent" : { left: left.join(", ") };
    },
    apply: async (host) => {
      const isOwn = await isOurOwn(host, it.name);
      const stopping = isOwn ? Promise.resolve() : systemctl(host, "stop", "--no-block", it.name);
      // What does not stop loses its files all the same, and is told of at the end.
      const [end] = await Promise.allSettled([stopping]);
      if (link !== undefined) await host.fs.remove(link);
      await host.fs.remove(path);
      await systemctl(host, "daemon-reload");
      if (end.status === "rejected") throw end.reason;
    },
  };
}

/** Stops a unit and waits until it is down; nothing to do for one without a file, or for the one that runs this. */
export async function stopUnit(host: Host, { directory, name }: UnitFile): Promise<void> {
  if ((await host.fs.stat(`${directory}/${name}`)) === undefined || (await isOurOwn(host, name))) return;
  await systemctl(host, "stop", name);
}

/** Whether this very process runs in that unit: to stop it would be to end before the rest is done. */
async function isOurOwn(host: Host, name: string): Promise<boolean> {
  const groups = Buffer.from((await host.fs.read("/proc/self/cgroup")) ?? []).toString("latin1");
  return groups.includes(`/${name}`);
}
