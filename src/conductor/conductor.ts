import { type FileStat, type Host, readText } from "../host/host.ts";
import type { Owner } from "../resources/owner.ts";
import { showUnit } from "../resources/systemctl.ts";
import { paths, services } from "./paths.ts";

/** What was found of the Magnum conductor on a machine. */
export interface Conductor {
  /** Whom the daemons run as. */
  readonly daemon: Owner;
  readonly home: string;
  /** The daemons' interpreter. */
  readonly python: string;
  /** `amd64` or `arm64`. */
  readonly architecture: string;
  readonly hasApi: boolean;
  /** Whether magnum-api is started by an init script that hands a `--config-file` on, as the conductor's does. */
  readonly apiTakesConfigArguments: boolean;
}

/** Why a machine has no conductor to work on (yet). */
export interface NoConductor {
  readonly missing: string;
}

async function account(
  host: Host,
  user: string,
  group: string,
): Promise<(Owner & { home: string }) | undefined> {
  const passwd = await host.run(["getent", "passwd", user]);
  const [name, , uid, gid, , home] = passwd.stdout.trim().split(":");
  if (!passwd.ok || name === undefined) return undefined;
  const found = await host.run(["getent", "group", group === "" ? String(gid) : group]);
  const [groupName, , groupId] = found.stdout.trim().split(":");
  const named = { user: name, group: groupName ?? String(gid) };
  return { ...named, uid: Number(uid), gid: Number(groupId ?? gid), home: home ?? "/" };
}

async function interpreter(host: Host): Promise<string> {
  const firstLine = (await readText(host.fs, paths.conductorProgram))?.split("\n")[0] ?? "";
  return /^#!\s*(\/\S+python\S*)/.exec(firstLine)?.[1] ?? "/usr/bin/python3";
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** The command line that runs something as the daemons' user, in an environment like theirs. */
export function asDaemon(unit: Conductor, path = "/sbin:/usr/sbin:/bin:/usr/bin"): readonly string[] {
  const environment = [`PATH=${path}`, `HOME=${unit.home}`, "LANG=C.UTF-8", `USER=${unit.daemon.user}`];
  return ["runuser", "-u", unit.daemon.user, "--", "env", "-i", ...environment];
}

async function apiTakesConfigArguments(host: Host, user: string): Promise<boolean> {
  if (((await host.fs.stat(paths.apiInit))?.kind ?? "none") !== "file") return false;
  const result = await host.run(["runuser", "-u", user, "--", paths.apiInit, "show-args"], {
    timeoutMs: 15_000,
  });
  return result.ok && result.stdout.includes("--config-file=");
}

/** dpkg takes the x bit off a removed package's init script, and leaves the script. */
function isRunnable({ mode }: FileStat): boolean {
  return (Number.parseInt(mode, 8) & 0o111) !== 0;
}

/** Looks for a packaged conductor: its init script, unit, program and user. */
export async function findConductor(host: Host): Promise<Conductor | NoConductor> {
  for (const path of [paths.conductorInit, paths.conductorProgram]) {
    const stat = await host.fs.stat(path);
    if (stat === undefined) return { missing: `${path} is not there` };
    if (!isRunnable(stat)) return { missing: `${path} may not be run` };
  }
  const status = await showUnit(host, services.conductor);
  if (status.load === "not-found") return { missing: `systemd has no ${services.conductor}` };
  const user = await account(host, status.user === "" ? "magnum" : status.user, status.group);
  if (user === undefined) return { missing: "the conductor's user does not exist" };
  const { home, ...daemon } = user;
  const hasApi = (await showUnit(host, services.api)).load !== "not-found";
  return {
    daemon,
    home,
    python: await interpreter(host),
    architecture: architectures[process.arch] ?? process.arch,
    hasApi,
    apiTakesConfigArguments: hasApi && (await apiTakesConfigArguments(host, daemon.user)),
  };
}
