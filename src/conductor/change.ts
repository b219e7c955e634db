import { type Host, HostFault } from "../host/host.ts";
import { closedOf, judge } from "../reconcile/gate.ts";
import { type DesiredState, type Progress, reconcile, type Walk } from "../reconcile/reconcile.ts";
import { inLine, isRefused, type Report, type Trouble } from "../reconcile/report.ts";
import type { Change } from "../reconcile/resource.ts";
import { type Entry, journal, whyNotHeld } from "../reconcile/transaction.ts";
import { keptInAll, type Originals, originals } from "../resources/originals.ts";
import { showUnit } from "../resources/systemctl.ts";
import { type Conductor, findConductor, ownServices } from "./conductor.ts";
import { type Config, parseConfig } from "./config.ts";
import { isDeferral } from "./deferred.ts";
import { desiredState, isReadByDaemons } from "./desired-state.ts";
import { endHold, type Hold, readHold, writeHold } from "./hold.ts";
import { isManagementGate } from "./management-gates.ts";
import { claim } from "./owner.ts";
import { paths } from "./paths.ts";
import { putOnProbation } from "./probation.ts";
import { pruneStore } from "./software.ts";
import { type ClosedTurn, turnGateId } from "./turn.ts";
import { revertedState } from "./undone-state.ts";
import {
  committedWish,
  commitWish,
  defersRestarts,
  isSameWish,
  keepPrevious,
  previousWish,
  type Wish,
} from "./wish.ts";

const changeJournal = journal<Wish>(paths.transaction);
const beforeImages: Originals = originals(paths.transaction);

type Watch = (progress: Progress) => void;
type ChangeEntry = Entry<Wish>;

/** The change that a killed run left behind; `undefined` for none. */
export function interruptedChange(host: Host): Promise<ChangeEntry | undefined> {
  return changeJournal.read(host);
}

/** How a change ended: as reported, or reverted with the report of the way back. */
export interface ChangeEnd {
  readonly report: Report;
  /** Why it was reverted. */
  readonly hold?: Hold;
  readonly back?: Report;
}

async function runningServices(host: Host, unit: Conductor): Promise<readonly string[]> {
  const names = ownServices(unit);
  const statuses = await Promise.all(names.map((name) => showUnit(host, name)));
  return names.filter((_, index) => (statuses[index]?.mainPid ?? 0) !== 0);
}

/** Finds out what was wrong already, and writes the journal before the first write. */
function opening(host: Host, wish: Wish, unit: Conductor, present: () => DesiredState) {
  const closedBefore = new Set<string>();
  let entry: ChangeEntry | undefined;
  const look = async (changes: readonly Change[]) => {
    const proved = changes.some(({ id }) => isReadByDaemons(id));
    // Of a state of their own: some ask once for several gates, and are to be asked anew afterwards.
    const { settleGates = [], exitGates } = present();
    const gates = [...settleGates, ...(proved ? [] : exitGates)];
    for (const { id } of closedOf(await judge(host, gates))) closedBefore.add(id);
  };
  const begin = async () => {
    requireTime(host);
    await claim(host, wish);
    const found = await changeJournal.read(host);
    const before = found === undefined ? await committedWish(host) : found.before;
    entry = {
      phase: "switching",
      startedAt: found?.startedAt ?? host.now().toISOString(),
      wish,
      ...(before === undefined ? {} : { before }),
      running: found?.running ?? (await runningServices(host, unit)),
    };
    await changeJournal.write(host, entry);
  };
  return { look, begin, closedBefore, entry: () => entry };
}

/** So long a switch takes where nothing hangs, with both restarts and the rest; with less left, none is begun. */
const switchMs = 110_000;

function requireTime({ time }: Host): void {
  if (time !== undefined && time.left() < switchMs) throw time.over();
}

function isOver({ time }: Host): boolean {
  return time !== undefined && time.left() <= 0;
}

/** A change that ran out of time when it was begun already is held: tried again by itself, it would restart the services again and again. */
function untilAsked(host: Host, failure: Trouble): Trouble {
  if (failure.cure !== "time" || !isOver(host)) return failure;
  return { ...failure, cure: "operator", remedy: "run the action apply" };
}

function isDeliberate(gate: string): boolean {
  return /-not-(paused|stopped)$/.test(gate) || isDeferral(gate);
}

/**
 * Brings about a wish that is not the one in force: it is proved in staging, journalled, switched, restarted and
 * watched; then it is kept, or all of it is taken back and the services are restarted as they were.
 */
export async function change(
  host: Host,
  wanted: {
    readonly wish: Wish;
    readonly config: Config;
    readonly unit: Conductor;
    /** Set while running services may not be restarted. */
    readonly turn?: ClosedTurn;
  },
  watch: Watch,
  settled: Walk["settled"],
): Promise<ChangeEnd> {
  const { wish, config, unit, turn } = wanted;
  const kept = keptInAll(originals(paths.originals), beforeImages);
  const desired = desiredState(config, unit, wish, kept, turn);
  const { look, begin, closedBefore, entry } = opening(host, wish, unit, () =>
    desiredState(config, unit, wish),
  );
  const walk = reconcile(host, desired, "apply", watch, { policy: "change", look, begin, settled });
  const report = await walk.catch((error: unknown) => {
    if (error instanceof HostFault && entry() !== undefined && isOver(host)) return error;
    throw error;
  });
  const found = entry() ?? (await changeJournal.read(host));
  if (report instanceof HostFault) {
    if (found === undefined) throw report;
    const { message: reason, remedy, cure } = report;
    return await revert(host, found, untilAsked(host, { source: "change", reason, remedy, cure }), watch);
  }
  const failure = whyNotHeld(report, { closedBefore, isDeliberate, isElsewhere: isManagementGate });
  if (found === undefined) {
    if (report.outcomes.every(({ outcome }) => outcome === "unchanged")) await commit(host, wish, unit);
    return { report };
  }
  // A change that was cut short goes on when its turn has come: the way back restarts as well.
  if (isRefused(report) && closedBy(report).source === turnGateId) return { report };
  if (isRefused(report)) return await revert(host, found, closedBy(report), watch, report);
  if (failure === undefined) {
    await changeJournal.write(host, { ...found, phase: "committing" });
    await putOnProbation(host, wish, report);
    await commit(host, wish, unit, found.before);
    return { report };
  }
  return await revert(host, found, untilAsked(host, failure), watch, report);
}

function closedBy(report: Report): Trouble {
  const [gate] = closedOf(report.gates).filter(({ cure }) => cure !== "note");
  if (gate === undefined) throw new Error("a run was refused without a closed gate");
  return { source: gate.id, reason: gate.reason, remedy: gate.remedy, cure: gate.cure };
}

/** Makes a wish the one in force. Every step may be done again. */
async function commit(host: Host, wish: Wish, unit: Conductor, before?: Wish): Promise<void> {
  if (before !== undefined && !isSameWish(before, wish)) await keepPrevious(host, before);
  await commitWish(host, wish);
  await pruneToGenerations(host, unit);
  await endHold(host);
  await changeJournal.end(host);
}

/** Keeps in the store what the wish in force and the one before it need, and the attached files of one held back. */
async function pruneToGenerations(host: Host, unit: Conductor): Promise<void> {
  const held = (await readHold(host))?.wanted;
  const wishes = [await committedWish(host), await previousWish(host), held?.attached && held];
  const configs = wishes.flatMap((it) => {
    const config = it === undefined ? [] : parseConfig(it.options, it.kubeconfig, it);
    return "kubeconfig" in config ? [config] : [];
  });
  await pruneStore(host, unit, configs);
}

/** Whether a change ended at a write that failed, before any service was restarted. */
function endedAtAWrite(forward: Report | undefined): boolean {
  const isService = (id: string) => id.startsWith("service:");
  const kept = new Set(["unchanged", "skipped", "held"]);
  const outcomes = forward?.outcomes ?? [];
  const failed = outcomes.some(({ id, outcome }) => outcome === "failed" && !isService(id));
  return failed && outcomes.every(({ id, outcome }) => !isService(id) || kept.has(outcome));
}

/** Takes a change back, out of its journal; where that does not end well, the journal stays for the next run. */
async function revert(
  machine: Host,
  entry: ChangeEntry,
  failure: Trouble,
  watch: Watch,
  forward?: Report,
): Promise<ChangeEnd> {
  const host = machine.time?.more ?? machine;
  await changeJournal.write(host, { ...entry, phase: "reverting", failure });
  watch({ step: "reverting", because: failure });
  const unit = await findConductor(host);
  const at = host.now().toISOString();
  const hold: Hold = { ...failure, kind: "reverted", at, wanted: entry.wish };
  if ("missing" in unit) return { report: forward ?? nothingDone, hold };
  const before = await revertedState(host, unit, beforeImages, {
    running: entry.running,
    defers: defersRestarts(entry.wish),
  });
  const back = await reconcile(host, before, "apply", watch, { policy: "heal" });
  await host.fs.removeTree(paths.staging);
  const end = { report: forward ?? back, hold, back };
  if (!inLine(back)) return end;
  // What time cures, and a write that failed, is tried again by the next hook: the disk may have been freed.
  if (failure.cure === "operator" && !endedAtAWrite(forward)) await writeHold(host, hold);
  await pruneToGenerations(host, unit);
  await changeJournal.end(host);
  return end;
}

const nothingDone: Report = { mode: "apply", outcomes: [], gates: [] };

/** Finishes what a killed run had decided already: to keep a change, or to take it back; says how that went. */
export async function finishInterrupted(
  host: Host,
  unit: Conductor,
  watch: Watch,
): Promise<ChangeEnd | undefined> {
  const entry = await changeJournal.read(host);
  if (entry === undefined) await changeJournal.end(host);
  if (entry?.phase === "committing") await commit(host, entry.wish, unit, entry.before);
  if (entry?.phase !== "reverting" || entry.failure === undefined) return undefined;
  return await revert(host, entry, entry.failure, watch);
}

/** Takes back what a killed run left half done, where what is wanted now can't be brought about in its place. */
export async function abandonInterrupted(host: Host, watch: Watch): Promise<void> {
  const entry = await changeJournal.read(host);
  if (entry === undefined) return await changeJournal.end(host);
  const unit = await findConductor(host);
  if ("missing" in unit) return;
  if (entry.phase !== "switching") return void (await finishInterrupted(host, unit, watch));
  const failure = { source: "change", reason: "it was cut short", remedy: "", cure: "time" } as const;
  await revert(host, entry, failure, watch);
}
