import { rmSync } from "node:fs";
import { join } from "node:path";
import type { RecipeName } from "../conductor.ts";
import { makeSite } from "../site.ts";
import { cutPower, makeDisk } from "./disk.ts";
import { type Call, type FaultSite, startFaultSite, type Victims } from "./fault-site.ts";
import { type Belongings, belongingsOf, judgeRest, judgeWreck } from "./judge.ts";
import { type Operation, operations, type Start } from "./operations.ts";
import { type Snapshot, snapshotFolder, takeSnapshot } from "./snapshots.ts";

/** One place at which an operation is cut off. */
export interface Point {
  readonly operation: string;
  /** Number of the call that is not done any more. */
  readonly at: number;
  readonly who: Victims;
}

/** What became of a unit after a kill and one next run. */
export interface Verdict extends Point {
  /** The call at which it was killed in this run; `undefined` where the run had fewer calls. */
  readonly call: Call | undefined;
  readonly state: "new" | "old" | "neither";
  /** Empty for a unit that is as it should be. */
  readonly faults: readonly string[];
  readonly seconds: number;
}

/** An operation that ran to its end once. */
export interface Counted {
  readonly calls: readonly Call[];
  readonly before: Belongings;
  readonly after: Belongings;
}

/** Runs operations on copies of the same units, and cuts them off. */
export interface Matrix {
  count(operation: string): Promise<Counted>;
  kill(point: Point, counted: Counted): Promise<Verdict>;
  /** Takes away what all copies start from. */
  end(): void;
}

/** Makes the units that operations start from: tens of seconds. */
export async function makeMatrix(recipe: RecipeName, names: readonly string[]): Promise<Matrix> {
  const folder = snapshotFolder();
  try {
    const starts = new Set(names.map((name) => operationOf(name).start));
    const snapshots = await makeSnapshots(recipe, folder.path, starts);
    const begin = (name: string): Beginning => {
      const operation = operationOf(name);
      const snapshot = snapshots[operation.start] as Snapshot;
      return { operation, recipe, snapshot, folder: folder.path };
    };
    return {
      count: async (name) => await counted(begin(name)),
      kill: async (point, known) => await killed(begin(point.operation), point, known),
      end: folder.remove,
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
}

function operationOf(name: string): Operation {
  const operation = operations[name];
  if (operation === undefined) throw new Error(`${name} is none of ${Object.keys(operations).join(", ")}`);
  return operation;
}

async function makeSnapshots(
  recipe: RecipeName,
  folder: string,
  starts: ReadonlySet<Start>,
): Promise<Partial<Record<Start, Snapshot>>> {
  const site = await makeSite(recipe);
  const made: Partial<Record<Start, Snapshot>> = {};
  const take = async (start: Start) => {
    const { status, message } = await site.unit.status();
    if (status !== (start === "deployed" ? "blocked" : "active")) throw new Error(`${start}: ${message}`);
    if (starts.has(start)) made[start] = await takeSnapshot(site, folder, start);
  };
  try {
    await site.unit.deploy();
    await take("deployed");
    await site.unit.configure({ kubeconfig: site.secret });
    await take("grafted");
    if (!starts.has("grafted-1.3.0")) return made;
    await site.unit.configure({ "driver-version": "1.3.0" });
    await take("grafted-1.3.0");
    return made;
  } finally {
    await site.down();
  }
}

interface Beginning {
  readonly operation: Operation;
  readonly recipe: RecipeName;
  readonly snapshot: Snapshot;
  /** For the disks of machines whose power is cut. */
  readonly folder: string;
}

async function counted({ operation, recipe, snapshot }: Beginning): Promise<Counted> {
  const site = await startFaultSite(recipe, snapshot);
  try {
    const untouched = await belongingsOf(site.conductor);
    await operation.prepare?.(site);
    site.arm({ hook: operation.hook, at: 0, who: "all" });
    await operation.begin(site);
    const { status, message } = await site.unit.status();
    if (status !== (operation.removes ? "terminated" : "active")) throw new Error(`${status}: ${message}`);
    return { calls: site.calls(), before: untouched, after: await belongingsOf(site.conductor) };
  } finally {
    await site.down();
  }
}

async function killed(from: Beginning, point: Point, counts: Counted): Promise<Verdict> {
  const start = performance.now();
  const { before, after } = counts;
  const removed = from.operation.removes === true;
  const cut = await cutOff(from, point);
  try {
    const wreck = await judgeWreck(cut.site.conductor, [cut.drifted, before, after]);
    await nextRun(from.operation, cut.site);
    const rest = await judgeRest(cut.site, { before, after, removed });
    const seconds = (performance.now() - start) / 1000;
    return { ...point, call: cut.call, ...rest, faults: [...wreck, ...rest.faults], seconds };
  } finally {
    await cut.end();
  }
}

/** A unit right after the kill; for a machine whose power was cut, after it has booted again. */
interface CutOff {
  readonly site: FaultSite;
  readonly call: Call | undefined;
  /** What it had when the operation began. */
  readonly drifted: Belongings;
  end(): Promise<void>;
}

async function cutOff(from: Beginning, point: Point): Promise<CutOff> {
  const disk =
    point.who === "power" ? join(from.folder, `${point.operation}-${point.at}-${Date.now()}.img`) : undefined;
  if (disk !== undefined) await makeDisk(disk);
  const onDisk = disk === undefined ? {} : { disk };
  let site = await startFaultSite(from.recipe, from.snapshot, onDisk);
  const end = async () => {
    await site.down();
    if (disk !== undefined) rmSync(disk);
  };
  try {
    await from.operation.prepare?.(site);
    const drifted = await belongingsOf(site.conductor);
    if (disk !== undefined) await site.conductor.exec(["sync"]);
    site.arm({ hook: from.operation.hook, at: point.at, who: point.who });
    await from.operation.begin(site);
    const call = site.calls().find(({ number }) => number === point.at);
    site.arm(undefined);
    if (disk !== undefined) {
      const agent = site.agent();
      await cutPower(site.conductor);
      await site.down();
      const again = { ...onDisk, agent, services: "as they come" } as const;
      site = await startFaultSite(from.recipe, from.snapshot, again);
    }
    return { site, call, drifted, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Juju runs a hook that failed again, else sooner or later update-status; a removal goes on. */
async function nextRun(operation: Operation, { unit, secret }: FaultSite): Promise<void> {
  if (operation.removes) return void (await unit.remove());
  const failed = (await unit.status()).status === "error";
  const { hook } = operation;
  await unit.runHook(failed ? hook : "update-status", hook === "secret-changed" && failed ? { secret } : {});
}

/** Kill points of an operation, one for each of these victims, spread evenly over the calls that change a file. */
export function sampleOf(
  operation: string,
  { calls }: Counted,
  victims: readonly Victims[],
): readonly Point[] {
  const writing = calls.filter(({ call }) => !call.startsWith("exec"));
  return victims.map((who, index) => {
    const at = writing[Math.floor(((index + 0.5) * writing.length) / victims.length)]?.number ?? 1;
    return { operation, at, who };
  });
}

/** The command that runs one point again, alone. */
export function commandOf({ operation, at, who }: Point): string {
  return `npm run test:faults -- --operation ${operation} --at ${at} --who ${who}`;
}
