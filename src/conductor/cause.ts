import { basename, dirname } from "node:path";
import { type Host, HostFault } from "../host/host.ts";
import type { Change } from "../reconcile/resource.ts";
import {
  aptRuns,
  auditWriters,
  hookRuns,
  type PackageStep,
  type Presence,
  packageSteps,
  presences,
} from "./cause-logs.ts";
import { lookAtScene, type Scene, type Span } from "./cause-scene.ts";
import type { HealRecord } from "./heal-log.ts";

type Cause = HealRecord["cause"];

/** A possible cause; the one with the lowest rank is the likeliest. */
interface Hint extends Cause {
  readonly rank: number;
}

const rank = {
  python: 0,
  crash: 1,
  writer: 2,
  package: 3,
  hook: 4,
  command: 5,
  helperProgram: 6,
  otherPackage: 7,
  otherHook: 8,
  presence: 9,
  session: 10,
} as const;

const logs = {
  dpkg: ["/var/log/dpkg.log.1", "/var/log/dpkg.log"],
  apt: ["/var/log/apt/history.log"],
  machineLock: ["/var/log/juju/machine-lock.log"],
  audit: ["/var/log/audit/audit.log"],
} as const;

const patienceMs = 3000;
const logBytes = 1024 * 1024;
const evidenceLimit = 6;

/** Programs that write for somebody else: their name alone says little. */
const helperPrograms = new Set(["bash", "dash", "dpkg", "perl", "python3", "sh", "sudo"]);

/** What an operator starts to change something, whatever its arguments are. */
const changers = new Set(
  "apt apt-get bash chmod chown cp dpkg mv nano nvim pip pip3 python3 rm rsync sed sh su tee truncate vi vim".split(
    " ",
  ),
);

/** The case of one drift: what was seen of it, and how far local time is ahead of UTC at that time. */
interface Case {
  readonly host: Host;
  readonly scene: Scene;
  readonly offsetMs: number;
  readonly unit: string | undefined;
}

/** The end of some logs, oldest first; what can't be read in time gives nothing. */
async function tail(host: Host, files: readonly string[]): Promise<string> {
  const argv = ["tail", "--quiet", `--bytes=${logBytes}`, "--", ...files];
  return (await host.run(argv, { timeoutMs: patienceMs })).stdout;
}

/** Whether a span and one of the moments of the drift are no more than some milliseconds apart. */
function near({ moments }: Scene, { from, to }: Span, before = 0, after = before): boolean {
  return moments.some((moment) => from - after <= moment.to && to + before >= moment.from);
}

function isRelated(step: PackageStep, scene: Scene): boolean {
  return step.name.includes("magnum") || (scene.hasPackage && /^(lib)?python3/.test(step.name));
}

const severity: readonly PackageStep["verb"][] = ["purge", "remove", "upgrade", "install", "reinstall"];

function worstFirst(steps: readonly PackageStep[]): readonly PackageStep[] {
  const weight = (step: PackageStep) =>
    severity.indexOf(step.verb) + (step.name.includes("magnum") ? 0 : severity.length);
  return steps.toSorted((a, b) => weight(a) - weight(b));
}

async function packages({ host, scene, offsetMs }: Case): Promise<readonly Hint[]> {
  const [dpkg, apt] = await Promise.all([tail(host, logs.dpkg), tail(host, logs.apt)]);
  const steps = packageSteps(dpkg, offsetMs).filter((step) => near(scene, step, 60_000));
  const related = worstFirst(steps.filter((step) => isRelated(step, scene)));
  const [first, ...more] = related.length > 0 ? related : steps;
  if (first === undefined) return [];
  const runs = aptRuns(apt, offsetMs).filter((run) => near(scene, run, 60_000));
  const evidence = [first, ...more].slice(0, 2).map((step) => step.evidence);
  const command = runs.slice(-1).map((run) => run.evidence);
  const what = `package ${first.verb}: ${first.name} ${first.versions}`;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  return related.length > 0
    ? [{ rank: rank.package, what: `${what}${others}`, evidence: [...evidence, ...command] }]
    : [{ rank: rank.otherPackage, what: `maybe ${what}${others}`, evidence: [...evidence, ...command] }];
}

/** Our own hooks find drift, they do not make it. */
function isOurs(unit: string, own: string | undefined): boolean {
  return own === undefined ? unit.startsWith("magnum-capi-helm/") : unit === own;
}

async function hooks({ host, scene, offsetMs, unit }: Case): Promise<readonly Hint[]> {
  const runs = hookRuns(await tail(host, logs.machineLock), offsetMs);
  const others = runs.filter((run) => !isOurs(run.unit, unit) && near(scene, run, 2000));
  // Hooks run every few minutes: without a path, and so without a time of the change, one of them means little.
  const sure = scene.paths.length > 0;
  return others.slice(-2).map((run) => ({
    rank: sure ? rank.hook : rank.otherHook,
    what: `${sure ? "" : "maybe "}${run.what} of ${run.unit}`,
    evidence: [run.evidence],
  }));
}

async function writers({ host, scene }: Case): Promise<readonly Hint[]> {
  const found = auditWriters(await tail(host, logs.audit), scene.paths);
  const others = found.filter((writer) => writer.program !== process.execPath && near(scene, writer, 2000));
  return others.slice(-1).map(({ program, login, evidence }) => ({
    rank: isHelper(program) ? rank.helperProgram : rank.writer,
    what: `written by ${program}${login === undefined ? "" : ` (login of uid ${login})`}`,
    evidence: [evidence],
  }));
}

function isHelper(program: string): boolean {
  return helperPrograms.has(basename(program).replace(/^python3\.\d+$/, "python3"));
}

function touches(presence: Presence, scene: Scene): boolean {
  const folders = new Set([...scene.paths, ...scene.paths.map(dirname)]);
  return (
    changers.has(basename(presence.program ?? "")) ||
    presence.paths.some((path) => folders.has(path.replace(/\/$/, "")))
  );
}

function presenceHint(presence: Presence, scene: Scene): Hint {
  const { user, program, evidence } = presence;
  if (program === undefined) {
    return { rank: rank.presence, what: `maybe an operator: ${user} logged in`, evidence: [evidence] };
  }
  const strong = touches(presence, scene);
  const what = `${strong ? "an operator" : "maybe an operator"}: ${user} ran ${program} with sudo`;
  return { rank: strong ? rank.command : rank.presence, what, evidence: [evidence] };
}

/** Somebody who opens a file changes it some time later: this long before the change people are looked for. */
const presenceMs = 300_000;

async function operators({ host, scene }: Case): Promise<readonly Hint[]> {
  const latest = Math.max(...scene.moments.map(({ to }) => to));
  const earliest = Math.max(Math.min(...scene.moments.map(({ from }) => from)), latest - 3_600_000);
  const since = `--since=@${Math.floor((earliest - presenceMs) / 1000)}`;
  const until = `--until=@${Math.ceil(latest / 1000) + 2}`;
  const who = ["sudo", "sshd", "sshd-session"].flatMap((name) => ["-t", name]);
  const argv = ["journalctl", "--quiet", "--no-pager", "--output=json", "--lines=200", since, until, ...who];
  const found = presences((await host.run(argv, { timeoutMs: patienceMs })).stdout);
  return found
    .filter((it) => basename(it.program ?? "") !== "capi-graft" && near(scene, it, presenceMs, 2000))
    .toReversed()
    .map((it) => presenceHint(it, scene));
}

async function sessions({ host }: Case): Promise<readonly Hint[]> {
  const argv = ["loginctl", "list-sessions", "--no-legend", "--no-pager"];
  const lines = (await host.run(argv, { timeoutMs: patienceMs })).stdout.split("\n");
  const users = lines.flatMap((line) =>
    / manager\b/.test(line) ? [] : (/^\s*\S+\s+\d+\s+(\S+)/.exec(line)?.[1] ?? []),
  );
  const names = [...new Set(users)].join(", ");
  if (names === "") return [];
  return [
    {
      rank: rank.session,
      what: `maybe an operator: ${names} is logged in`,
      evidence: [`open session: ${names}`],
    },
  ];
}

function seen({ scene }: Case): readonly Hint[] {
  const { python, damaged } = scene;
  const hints: Hint[] = [];
  if (python !== undefined) {
    const evidence = [`${python.path} is there, /usr/bin/python3 is ${python.is}`];
    hints.push({ rank: rank.python, what: `Python change: ${python.was} -> ${python.is}`, evidence });
  }
  if (damaged.length > 0) {
    hints.push({ rank: rank.crash, what: "a crash or a power cut", evidence: damaged.slice(0, 3) });
  }
  return hints;
}

async function orNothing(work: Promise<readonly Hint[]>): Promise<readonly Hint[]> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof HostFault) return [];
    throw error;
  }
}

/** How far the machine's local time was ahead of UTC at that time, in milliseconds; 0 where it does not say. */
async function offsetAt(host: Host, at: number): Promise<number> {
  const argv = ["date", `--date=@${Math.floor(at / 1000)}`, "+%z"];
  const { stdout } = await host.run(argv, { timeoutMs: patienceMs });
  const [, sign, hours, minutes] = /^([+-])(\d\d)(\d\d)$/.exec(stdout.trim()) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
}

/** What is asked: the changes that the drift calls for, when, and what knows more. */
interface Question {
  readonly changes: readonly Change[];
  readonly now: Date;
  /** Our own unit, whose hooks are no cause; without it every unit of an application of our name is ours. */
  readonly unit?: string | undefined;
  /** What was seen before the repair; without it, this is before the repair. */
  readonly scene?: Scene | undefined;
}

/**
 * The likely cause of a drift by what the machine shows: the logs of packages, of Juju's machine lock, of sudo and
 * logins and of the kernel's audit at the time of the change, a new Python, a crash. A guess with its evidence, in at
 * most some seconds; what can't be read is left out. Command lines are cut to what can't hold a secret.
 */
export async function findCause(host: Host, { changes, now, unit, scene: known }: Question): Promise<Cause> {
  try {
    const scene = known ?? (await lookAtScene(host, changes, now));
    const latest = Math.max(...scene.moments.map(({ to }) => to));
    const it: Case = { host, scene, unit, offsetMs: await offsetAt(host, latest) };
    const sources = [packages(it), hooks(it), writers(it), operators(it), sessions(it)];
    const found = (await Promise.all(sources.map(orNothing))).flat();
    return likeliest([...seen(it), ...found]);
  } catch (error) {
    if (error instanceof HostFault) return { what: "unknown", evidence: [error.message] };
    throw error;
  }
}

function likeliest(hints: readonly Hint[]): Cause {
  const sorted = hints.toSorted((a, b) => a.rank - b.rank);
  const [first] = sorted;
  if (first === undefined) return { what: "unknown", evidence: [] };
  // An open session is worth a word only where nothing else is known.
  const worth = sorted.filter((hint) => hint === first || hint.rank < rank.session);
  const evidence = [...new Set(worth.flatMap((hint) => hint.evidence))];
  return { what: first.what, evidence: evidence.slice(0, evidenceLimit) };
}

/** Sees a drift before it is repaired, and tells its likely cause afterwards. */
export interface Witness {
  /**
   * To be called with the changes as soon as they are known: looks at the files at once, and does not hold up the
   * repair. The first call counts, since a later one sees what was repaired meanwhile.
   */
  planned(changes: readonly Change[]): void;
  /** The likely cause; `unknown` where nothing was planned. */
  cause(): Promise<Cause>;
}

/** A witness for one run. `unit`: our own, whose hooks are no cause. */
export function witness(host: Host, unit?: string): Witness {
  let seenBefore: Promise<{ readonly changes: readonly Change[]; readonly scene?: Scene }> | undefined;
  return {
    planned: (changes) => {
      if (changes.length === 0) return;
      seenBefore ??= lookAtScene(host, changes, host.now()).then(
        (scene) => ({ changes, scene }),
        () => ({ changes }),
      );
    },
    cause: async () => {
      if (seenBefore === undefined) return { what: "unknown", evidence: [] };
      return await findCause(host, { ...(await seenBefore), now: host.now(), unit });
    },
  };
}
