import { basename } from "node:path";
import { type Host, readText } from "../host/host.ts";
import { showUnit, type UnitStatus } from "../resources/systemctl.ts";
import { listenersOf } from "./listeners.ts";
import { services } from "./paths.ts";
import { childrenOf, msBetween, processesOf, programOf, readProcess, wordsOf } from "./processes.ts";

/** A systemd service that runs a part of Magnum under another name than its packages give it. */
export interface OtherService {
  /** Its name, without `.service`. */
  readonly unit: string;
  /** Whether it runs something else too, or may: it is not restarted for Magnum's sake. */
  readonly isShared: boolean;
}

const apiScripts = new Set(["magnum-api", "magnum-api-wsgi"]);
const servers = /^(python|uwsgi|gunicorn)/;
const webServers = ["apache2", "httpd"] as const;
const sites = ["/etc/apache2/sites-enabled", "/etc/apache2/conf-enabled", "/etc/httpd/conf.d"] as const;

/** The script that an interpreter runs, or that a process calls itself. */
function runsScript(words: readonly string[], scripts: ReadonlySet<string>): boolean {
  const [program = "", ...rest] = words;
  const script = rest.find((word) => !word.startsWith("-")) ?? "";
  return scripts.has(basename(/^python/.test(basename(program)) ? script : program));
}

/** `uwsgi --ini /etc/magnum/x.ini`, `gunicorn magnum.api.app:application`, and mod_wsgi's `(wsgi:magnum-api)`. */
function servesApi(words: readonly string[]): boolean {
  const [program = ""] = words;
  if (runsScript(words, apiScripts) || /^\(wsgi:[^)]*magnum/.test(program)) return true;
  const isServer = words.slice(0, 2).some((word) => servers.test(basename(word)));
  return isServer && words.some((word) => /^magnum(\.\w+)+(:\w+)?$|\/magnum\/|magnum-api/.test(word));
}

function runsConductor(words: readonly string[]): boolean {
  return runsScript(words, new Set([services.conductor]));
}

async function pidsWhere(
  host: Host,
  isIt: (words: readonly string[]) => boolean,
): Promise<readonly number[]> {
  const pids = ((await host.fs.list("/proc")) ?? []).filter((name) => /^\d+$/.test(name)).map(Number);
  const fits = await Promise.all(pids.map(async (pid) => isIt(await wordsOf(host, pid))));
  return pids.filter((_, index) => fits[index]).toSorted((a, b) => a - b);
}

/** The service of this machine's systemd that a process belongs to: a container's has its name, but another group. */
async function serviceOf(host: Host, pid: number): Promise<string | undefined> {
  const groups = await readProcess(host, `/proc/${pid}/cgroup`);
  const unit = /\/([^/\n]+)\.service(?:\/|$)/m.exec(groups ?? "")?.[1];
  if (groups === undefined || unit === undefined) return undefined;
  const { mainPid } = await showUnit(host, unit);
  if (mainPid === 0) return undefined;
  return (await readProcess(host, `/proc/${mainPid}/cgroup`)) === groups ? unit : undefined;
}

/** The service that runs Magnum's conductor, where that is not `magnum-conductor`; `undefined` for none. */
export async function otherConductor(host: Host): Promise<string | undefined> {
  for (const pid of await pidsWhere(host, runsConductor)) {
    const unit = await serviceOf(host, pid);
    if (unit !== undefined && unit !== services.conductor) return unit;
  }
  return undefined;
}

async function listens(host: Host, mainPid: number): Promise<boolean> {
  const { tcp, unix } = await listenersOf(host, mainPid);
  return tcp.length + unix.length > 0;
}

async function isWebServer(host: Host, mainPid: number): Promise<boolean> {
  const program = basename((await programOf(host, mainPid)) ?? "");
  return webServers.some((name) => name === program);
}

/** A web server whose configuration names Magnum's WSGI script: mod_wsgi's processes need not have names. */
async function webServerWithMagnum(host: Host): Promise<string | undefined> {
  const found = await Promise.all(sites.map((directory) => namesMagnum(host, directory)));
  if (!found.includes(true)) return undefined;
  for (const unit of webServers) if ((await showUnit(host, unit)).mainPid !== 0) return unit;
  return undefined;
}

async function namesMagnum(host: Host, directory: string): Promise<boolean> {
  const names = (await host.fs.list(directory)) ?? [];
  const texts = await Promise.all(
    names.map((name) => readText(host.fs, `${directory}/${name}`).catch(() => undefined)),
  );
  return texts.some((text) => /^\s*WSGIScriptAlias\b.*magnum/m.test(text ?? ""));
}

/** The service that listens and has loaded Magnum's API, where `magnum-api` does not run; `undefined` for none. */
export async function otherApi(host: Host): Promise<OtherService | undefined> {
  for (const pid of await pidsWhere(host, servesApi)) {
    const unit = await serviceOf(host, pid);
    if (unit === undefined || unit === services.api || unit === services.conductor) continue;
    const { mainPid } = await showUnit(host, unit);
    if (!(await listens(host, mainPid))) continue;
    const all = await Promise.all((await processesOf(host, mainPid)).map((it) => wordsOf(host, it)));
    // One that has ended meanwhile has no words.
    const isAlone = all.every((words) => words.length === 0 || servesApi(words));
    return { unit, isShared: !isAlone || (await isWebServer(host, mainPid)) };
  }
  const unit = await webServerWithMagnum(host);
  return unit === undefined ? undefined : { unit, isShared: true };
}

/**
 * A shared service, with its oldest process that has loaded Magnum for its main process: a reload of a web server keeps
 * the main process, and makes these anew.
 */
export async function statusOfReaders(host: Host, unit: string): Promise<UnitStatus> {
  const status = await showUnit(host, unit);
  if (status.mainPid === 0) return status;
  const own = await processesOf(host, status.mainPid);
  const known = await Promise.all(own.map(async (pid) => servesApi(await wordsOf(host, pid))));
  const named = own.filter((_, index) => known[index]);
  const readers = named.length > 0 ? named : await childrenOf(host, status.mainPid);
  const ages = await Promise.all(readers.map((pid) => msBetween(host, status.mainPid, pid)));
  const first = Math.min(...ages);
  const oldest = readers[ages.indexOf(first)];
  return oldest === undefined ? status : { ...status, mainPid: oldest, startedAt: status.startedAt + first };
}

/** The command that makes a shared service load Magnum anew, and disturbs what else it runs as little as can be. */
export function commandFor(unit: string): string {
  return webServers.some((name) => name === unit) ? `systemctl reload ${unit}` : `systemctl restart ${unit}`;
}
