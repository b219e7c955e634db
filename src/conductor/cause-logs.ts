import { resolve } from "node:path";
import type { Span } from "./cause-scene.ts";

/** Something that a log tells: when, and the line or lines as evidence. */
interface Told extends Span {
  readonly evidence: string;
}

/** One thing that dpkg did to a package. */
export interface PackageStep extends Told {
  readonly verb: "install" | "reinstall" | "upgrade" | "remove" | "purge";
  readonly name: string;
  /** `15.0.1-4 -> 99.0`, or the one version there is. */
  readonly versions: string;
}

/** `2026-03-01 12:00:00` (one blank or two) of a clock that is `offsetMs` ahead of UTC. */
function localTime(text: string, offsetMs: number): number {
  return Date.parse(`${text.replace(/ +/, "T")}Z`) - offsetMs;
}

const dpkgLine = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\w+) (\S+) ?(\S*) ?(\S*)/;

/** Two steps with more than this between them are two runs of dpkg. */
const runGapMs = 60_000;

function stepOf(match: RegExpExecArray, span: Span): PackageStep | undefined {
  const [line, , word = "", full = "", was = "", is = ""] = match;
  const verb = word === "upgrade" && was === is ? "reinstall" : word;
  if (!/^(install|reinstall|upgrade|remove|purge)$/.test(verb)) return undefined;
  const both = [...new Set([was, is].filter((it) => it !== "<none>" && it !== ""))];
  const name = full.replace(/:.*$/, "");
  return {
    ...span,
    verb: verb as PackageStep["verb"],
    name,
    versions: both.join(" -> "),
    evidence: `dpkg.log: ${line}`,
  };
}

/**
 * What dpkg.log tells: every step with the span of the whole run that it was part of, since a maintainer script acts
 * at any time of it. The log is in local time.
 */
export function packageSteps(text: string, offsetMs: number): readonly PackageStep[] {
  const lines = text.split("\n").flatMap((line) => {
    const match = dpkgLine.exec(line);
    return match === null ? [] : [{ at: localTime(match[1] ?? "", offsetMs), match }];
  });
  const runs: (typeof lines)[] = [];
  for (const line of lines) {
    const last = runs.at(-1)?.at(-1);
    if (last !== undefined && Math.abs(line.at - last.at) <= runGapMs) runs.at(-1)?.push(line);
    else runs.push([line]);
  }
  return runs.flatMap((run) => {
    const span = { from: run[0]?.at ?? 0, to: run.at(-1)?.at ?? 0 };
    return run.flatMap(({ match }) => stepOf(match, span) ?? []);
  });
}

/** A path of the system, which can't be a secret. */
const systemPath = /^\/(bin|boot|etc|home|lib|mnt|opt|root|run|sbin|snap|srv|tmp|usr|var)(\/[\w.@+~-]+)*\/?$/;

/** A word of apt's command line that can't be a secret: a plain option, a package with its version. */
const packageWord = /^(--?[a-z][a-z-]*|[a-z0-9][a-z0-9.+-]*(=\d[\w.+:~-]*)?)$/;

/** What apt's history.log tells: the command line, without what could be a secret, and who asked. Local time. */
export function aptRuns(text: string, offsetMs: number): readonly Told[] {
  return text.split(/\n\n+/).flatMap((entry) => {
    const value = (key: string) => new RegExp(`^${key}: (.*)$`, "m").exec(entry)?.[1];
    const start = value("Start-Date");
    const command = value("Commandline");
    if (start === undefined || command === undefined) return [];
    const from = localTime(start, offsetMs);
    const who = value("Requested-By");
    const words = command
      .split(" ")
      .map((word) => (packageWord.test(word) || systemPath.test(word) ? word : "..."));
    const evidence = `apt: ${words.join(" ")}${who === undefined ? "" : `, requested by ${who}`}`;
    return [{ from, to: localTime(value("End-Date") ?? start, offsetMs), evidence }];
  });
}

/** What held Juju's machine lock, and for which unit. */
interface HookRun extends Told {
  readonly unit: string;
  /** `hook config-changed`, or Juju's own words. */
  readonly what: string;
}

const lockLine =
  /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\S+): (?:(\S+\/\d+) )?uniter \((.*)\), waited \S+, held (\S+)$/;

/** A duration as Go prints it (`1h2m3s`, `1.5s`), in milliseconds. */
function goDuration(text: string): number {
  const units = { h: 3_600_000, m: 60_000, s: 1000 } as const;
  const parts = [...text.matchAll(/([\d.]+)([hms])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0);
}

/** What machine-lock.log tells: a line is written when the lock is given back, in local time (juju/core/machinelock). */
export function hookRuns(text: string, offsetMs: number): readonly HookRun[] {
  return text.split("\n").flatMap((line) => {
    const [, at = "", agent = "", nested, comment = "", held = ""] = lockLine.exec(line) ?? [];
    const unit = nested ?? agent.replace(/^unit-(.+)-(\d+)$/, "$1/$2");
    if (!unit.includes("/")) return [];
    const to = localTime(at, offsetMs);
    const hook = /^run (\S+)(?: \(.*\))? hook$/.exec(comment)?.[1];
    const what = hook === undefined ? comment : `hook ${hook}`;
    return [{ from: to - goDuration(held), to, unit, what, evidence: `machine-lock.log: ${line}` }];
  });
}

/** A command that somebody ran with sudo, or a login. */
export interface Presence extends Told {
  readonly user: string;
  /** The program's path, for a command. */
  readonly program?: string;
  /** What of the arguments are paths of the system. */
  readonly paths: readonly string[];
}

function presenceOf(message: string): Omit<Presence, keyof Span> | undefined {
  const [, user = "", command] = /^\s*(\S+) : (?:[A-Z]+=[^;]* ; )*COMMAND=(.*)$/.exec(message) ?? [];
  if (command !== undefined) {
    const [program = "", ...rest] = command.split(" ");
    const paths = rest.filter((word) => systemPath.test(word));
    const shown = systemPath.test(program) ? program : "a command";
    const left = paths.length < rest.length ? ["..."] : [];
    return {
      user,
      program: shown,
      paths,
      evidence: `sudo: ${user} ran ${[shown, ...paths, ...left].join(" ")}`,
    };
  }
  const [, name, from] = /^Accepted \S+ for (\S+) from (\S+) port/.exec(message) ?? [];
  return name === undefined
    ? undefined
    : { user: name, paths: [], evidence: `sshd: login of ${name} from ${from}` };
}

function entryOf(line: string): { readonly at: number; readonly message: string } | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null) return undefined;
    const { MESSAGE: message, __REALTIME_TIMESTAMP: at } = entry as Record<string, unknown>;
    return typeof message === "string" ? { at: Number(at) / 1000, message } : undefined;
  } catch {
    return undefined;
  }
}

/** What the journal (JSON, a line an entry, microseconds UTC) tells of people at the machine. */
export function presences(text: string): readonly Presence[] {
  return text.split("\n").flatMap((line) => {
    const entry = entryOf(line);
    const presence = entry === undefined ? undefined : presenceOf(entry.message);
    return entry === undefined || presence === undefined
      ? []
      : [{ from: entry.at, to: entry.at, ...presence }];
  });
}

/** A write that the kernel's audit saw. */
interface Writer extends Told {
  readonly program: string;
  /** The user that logged in, by number; `undefined` for a service. */
  readonly login: string | undefined;
}

const noLogin = "4294967295";

/** The lines of audit.log by event: the call, the folder that it was made in, the paths. */
function auditEvents(text: string): readonly (readonly string[])[] {
  const events = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const event = /^type=(?:SYSCALL|CWD|PATH) msg=audit\(([\d.]+:\d+)\):/.exec(line)?.[1];
    if (event !== undefined) events.set(event, [...(events.get(event) ?? []), line]);
  }
  return [...events.values()];
}

function writersOf(event: readonly string[], paths: readonly string[]): readonly Writer[] {
  const call = event.find((line) => line.startsWith("type=SYSCALL")) ?? "";
  const program = / exe="([^"]*)"/.exec(call)?.[1];
  if (program === undefined || / success=no/.test(call)) return [];
  const folder = event.map((line) => /^type=CWD .* cwd="([^"]*)"/.exec(line)?.[1]).find(Boolean) ?? "/";
  const names = event.map((line) => /^type=PATH .* name="([^"]*)"/.exec(line)?.[1] ?? "");
  const path = names.map((name) => resolve(folder, name)).find((name) => paths.includes(name));
  if (path === undefined) return [];
  const auid = / auid=(\d+)/.exec(call)?.[1] ?? noLogin;
  const at = Number(/audit\(([\d.]+):/.exec(call)?.[1]) * 1000;
  const login = auid === noLogin ? undefined : auid;
  const who = login === undefined ? "no login" : `login of uid ${login}`;
  return [{ from: at, to: at, program, login, evidence: `audit.log: ${program} on ${path}, ${who}` }];
}

/** What audit.log tells of successful calls on these paths: the program and who logged in. Times are UTC. */
export function auditWriters(text: string, paths: readonly string[]): readonly Writer[] {
  return auditEvents(text).flatMap((event) => writersOf(event, paths));
}
