import { type FileStat, type Host, HostFault, readText } from "../host/host.ts";
import type { Owner } from "../resources/owner.ts";
import { showUnit, type UnitStatus } from "../resources/systemctl.ts";
import { type OtherService, otherApi, otherConductor, statusOfReaders } from "./other-make.ts";
import { paths, services } from "./paths.ts";

/** What was found of the Magnum conductor on a machine. */
export interface Conductor {
  /** Whom the daemons run as. */
  readonly daemon: Owner;
  readonly home: string;
  /** The daemons' interpreter. */
  readonly python: string;
  /** Where pip puts packages for that interpreter; empty where its version is not known. */
  readonly pythonPackages: string;
  /** `amd64` or `arm64`. */
  readonly architecture: string;
  readonly hasApi: boolean;
  /** Whether magnum-api is started by an init script that hands a `--config-file` on, as the conductor's does. */
  readonly apiTakesConfigArguments: boolean;
  /** What runs the API where that is not `magnum-api`. */
  readonly otherApi?: OtherService;
}

/** Why a machine has no conductor to work on (yet). */
export interface NoConductor {
  readonly missing: string;
  /** The service of another name that runs one, which this charm does not graft. */
  readonly instead?: string;
}

/** The service that runs the API. */
export function apiService({ otherApi: other }: Conductor): string {
  return other?.unit ?? services.api;
}

/** The services that are Magnum's alone, so that they may be restarted. */
export function ownServices(unit: Conductor): readonly string[] {
  const isShared = unit.otherApi?.isShared === true;
  return unit.hasApi && !isShared ? [services.conductor, apiService(unit)] : [services.conductor];
}

/** A service's state; of one that is shared, with the process that has loaded Magnum. */
export function statusOf(host: Host, unit: Conductor, service: string): Promise<UnitStatus> {
  const isShared = unit.otherApi?.isShared === true && service === unit.otherApi.unit;
  return isShared ? statusOfReaders(host, service) : showUnit(host, service);
}

async function account(
  host: Host,
  user: string,
  group: string,
): Promise<(Owner & { home: string }) | undefined> {
  const passwd = await host.run(["getent", "passwd", user]);
  if (passwd.timedOut)
    throw new HostFault(`getent passwd ${user}: ${passwd.stderr}`, { remedy: "see /etc/nsswitch.conf" });
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

/** Debian and Ubuntu keep what pip installs apart from their own packages; python3 is a link to python3.11. */
async function packagesOf(host: Host, python: string): Promise<string> {
  const target = (await host.fs.readLink(python).catch(() => undefined)) ?? python;
  const version = /python(3\.\d+)$/.exec(target)?.[1];
  return version === undefined ? "" : `/usr/local/lib/python${version}/dist-packages`;
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** This machine's architecture, as helm's archives name it. */
export const architecture: string = architectures[process.arch] ?? process.arch;

const daemonPath = "/sbin:/usr/sbin:/bin:/usr/bin";

/** An environment like that in which the daemons' init scripts start. */
export function daemonEnvironment(unit: Conductor, path = daemonPath): Readonly<Record<string, string>> {
  return { PATH: path, HOME: unit.home, LANG: "C.UTF-8", USER: unit.daemon.user };
}

/** As words of `env`. */
export function settings(environment: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}

/** The command line that runs something as the daemons' user, in an environment like theirs. */
export function asDaemon(
  unit: Conductor,
  path = daemonPath,
  more: Readonly<Record<string, string>> = {},
): readonly string[] {
  const environment = settings({ ...daemonEnvironment(unit, path), ...more });
  return ["runuser", "-u", unit.daemon.user, "--", "env", "-i", ...environment];
}

async function apiTakesConfigArguments(host: Host, user: string): Promise<boolean> {
  if (((await host.fs.stat(paths.apiInit))?.kind ?? "none") !== "file") return false;
  const result = await host.run(["runuser", "-u", user, "--", paths.apiInit, "show-args"], {
    timeoutMs: 15_000,
  });
  if (result.timedOut)
    throw new HostFault(`${paths.apiInit} show-args: ${result.stderr}`, {
      remedy: `look at ${paths.apiDefaults}`,
    });
  return result.ok && result.stdout.includes("--config-file=");
}

/** dpkg takes the x bit off a removed package's init script, and leaves the script. */
export function isRunnable({ mode }: FileStat): boolean {
  return (Number.parseInt(mode, 8) & 0o111) !== 0;
}

/** Looks for a packaged conductor, its init script, unit, program and user, and says where another make runs instead. */
export async function findConductor(host: Host): Promise<Conductor | NoConductor> {
  const found = await packagedConductor(host);
  const isAtWork = !("missing" in found) && (await showUnit(host, services.conductor)).mainPid !== 0;
  const instead = isAtWork ? undefined : await insteadOf(host, found);
  return instead === undefined ? found : { missing: `the conductor runs as ${instead}`, instead };
}

/** A machine that has no conductor may have no systemd to ask either. */
async function insteadOf(host: Host, found: Conductor | NoConductor): Promise<string | undefined> {
  try {
    return await otherConductor(host);
  } catch (error) {
    if ("missing" in found && error instanceof HostFault) return undefined;
    throw error;
  }
}

async function packagedConductor(host: Host): Promise<Conductor | NoConductor> {
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
  const api = await showUnit(host, services.api);
  const other = api.mainPid === 0 ? await otherApi(host) : undefined;
  const hasApi = api.load !== "not-found" || other !== undefined;
  const python = await interpreter(host);
  return {
    daemon,
    home,
    python,
    pythonPackages: await packagesOf(host, python),
    architecture: architecture,
    hasApi,
    apiTakesConfigArguments:
      hasApi && other === undefined && (await apiTakesConfigArguments(host, daemon.user)),
    ...(other === undefined ? {} : { otherApi: other }),
  };
}
