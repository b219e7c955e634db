import { type Cure, type Host, HostFault, type Release } from "../host/host.ts";
import { type Progress, reconcile } from "../reconcile/reconcile.ts";
import type { Report, Trouble } from "../reconcile/report.ts";
import { abandonInterrupted, change, finishInterrupted, interruptedChange } from "./change.ts";
import { requireNoClusters } from "./clusters-kept.ts";
import { type Conductor, findConductor, type NoConductor } from "./conductor.ts";
import { type Config, parseConfig, type Refusal } from "./config.ts";
import { recordDaemons } from "./daemons.ts";
import { desiredState, renderedBy } from "./desired-state.ts";
import { heal, noteRepaired, type Repaired } from "./heal.ts";
import { endHold, type Hold, holdOn, readHold, writeHold } from "./hold.ts";
import { withApiResources } from "./management-gates.ts";
import { claim, requireOwn, requireReadable } from "./owner.ts";
import { paths } from "./paths.ts";
import { endProbation } from "./probation.ts";
import { rememberConductor, repairFromMemory } from "./quick-repair.ts";
import { quieten, takeAllBack } from "./removal.ts";
import { logRevert } from "./revert-log.ts";
import { sweepTemporaryFiles } from "./sweep.ts";
import type { ClosedTurn } from "./turn.ts";
import {
  committedWish,
  isSameWish,
  placedAnew,
  placementOf,
  previousWish,
  type Wish,
  withRestartsOf,
} from "./wish.ts";

/** How a walk ended: refused before it began, with nothing to work on, held back, or with a report. */
export type Ending =
  | { readonly end: "refused"; readonly refusals: readonly Refusal[] }
  | ({ readonly end: "no-conductor" } & NoConductor)
  | { readonly end: "busy" }
  | { readonly end: "fault"; readonly reason: string; readonly remedy: string; readonly cure: Cure }
  | { readonly end: "held"; readonly hold: Hold }
  | Reported;

/** A walk that came to its end. */
export interface Reported {
  readonly end: "report";
  readonly report: Report;
  readonly config: Config;
  readonly unit: Conductor;
  /** Why the unit is not as its options say: a change that was reverted, now or before, or a rollback. */
  readonly hold?: Hold;
  /** How a change that did not hold was taken back, where this run did that. */
  readonly back?: Report;
}

type Fault = Extract<Ending, { end: "fault" }>;
type Watch = (progress: Progress) => void;

/** How an apply is asked for. */
export interface ApplyOptions {
  readonly watch?: Watch;
  /** Asked for by a person: what was held back is tried again, and drift is repaired also where self-heal is off. */
  readonly explicit?: boolean;
  /** Who asks, for the heal log: `hook update-status`, `watch`, `capi-graft apply`. */
  readonly trigger?: string;
  /** What this run has repaired already. */
  readonly repaired?: Repaired;
  /**
   * Set while running services may not be restarted: a change that would is refused before it fetches anything, and a
   * repair leaves the services as they are.
   */
  readonly turn?: ClosedTurn;
  /** Called when the services are at rest, just before the last look at everything. */
  settled?(config: Config, unit: Conductor): Promise<void>;
}

const lockWaitMs = 120_000;
/** A run that waits for helm, then restarts and reverts, takes its time; nobody comes back after a removal. */
const undoWaitMs = 600_000;
const filesWaitMs = 2_000;

/**
 * Runs alone: another run is waited for, at most 120 s unless told otherwise. Throws a `HostFault` where a newer release
 * of the charm wrote the records.
 */
export async function locked<T>(
  host: Host,
  work: () => Promise<T>,
  waitMs = lockWaitMs,
): Promise<T | { readonly end: "busy" }> {
  const release: Release | undefined = await host.lock(paths.lock, waitMs);
  if (release === undefined) return { end: "busy" };
  try {
    await requireReadable(host);
    return await work();
  } finally {
    release();
  }
}

/** A fault of the machine where nothing else could tell of it, such as a state directory that can't be written. */
export async function faultAsEnding<T>(work: () => Promise<T>): Promise<T | Fault> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HostFault)) throw error;
    return { end: "fault", reason: error.message, remedy: error.remedy, cure: error.cure };
  }
}

type Ready = { readonly end: "ready"; readonly config: Config; readonly unit: Conductor };

/** What a walk towards a wish needs, or why there can be none. */
export async function ready(host: Host, wish: Wish): Promise<Exclude<Ending, Reported> | Ready> {
  const config = parseConfig(wish.options, wish.kubeconfig, wish);
  if (!("kubeconfig" in config)) return { end: "refused", refusals: config };
  const unit = await findConductor(host);
  if ("missing" in unit) return { end: "no-conductor", ...unit };
  return { end: "ready", config, unit };
}

/** The same with the API versions that the management cluster calls for, where they are left to it. */
async function chosen(
  host: Host,
  wish: Wish,
  at: Ready,
): Promise<{ readonly wanted: Wish; readonly at: Ready }> {
  const wanted = await withApiResources(host, wish, at.config);
  const { apiResources } = wanted;
  if (wanted === wish || apiResources === undefined) return { wanted: wish, at };
  return { wanted, at: { ...at, config: { ...at.config, "api-resources": apiResources } } };
}

/** What differs from the wish, and what is closed; reads only. */
export function plan(host: Host, wish: Wish, watch: Watch = () => {}): Promise<Ending> {
  return faultAsEnding(async () => {
    const found = await ready(host, wish);
    if (found.end !== "ready") return found;
    const { wanted, at } = await chosen(host, wish, found);
    const { config, unit } = at;
    const report = await reconcile(host, desiredState(config, unit, wanted), "plan", watch);
    return { end: "report", report, config, unit };
  });
}

/**
 * Brings the unit in line with the wish, or says why not. What was wanted before and drifted is repaired; a wish that
 * is new either holds, or the unit is back where it was. Runs alone: another run is waited for, at most 120 s.
 */
export function apply(host: Host, wish: Wish, options: ApplyOptions = {}): Promise<Ending> {
  return faultAsEnding(() => locked(host, () => applyAlone(host, wish, options)));
}

/**
 * Brings the unit back to what it was last asked for, which is read once this run is alone; `undefined` where nothing
 * is asked for (any more).
 */
export function healLast(host: Host, options: ApplyOptions = {}): Promise<Ending | undefined> {
  return faultAsEnding(() =>
    locked(host, async () => {
      const wish = await lastWish(host);
      if (wish === undefined) return undefined;
      const repaired = await repairFromMemory(host, options.watch ?? (() => {}));
      return await applyAlone(host, wish, {
        ...options,
        ...(repaired === undefined ? {} : { repaired }),
      });
    }),
  );
}

/**
 * Repairs files of what is in force at once, for a run that then waits for Juju's lock to do the rest: a hook of
 * another charm may hold that for minutes. Where another run of ours is at work, that one looks after them.
 */
export async function healFiles(host: Host, options: Pick<ApplyOptions, "watch" | "trigger">): Promise<void> {
  const { watch = () => {}, trigger = "watch" } = options;
  const repair = async () => {
    const began = host.now();
    const repaired = await repairFromMemory(host, watch);
    if (repaired !== undefined) await noteRepaired(host, repaired.config, repaired, { trigger, began });
  };
  await locked(host, repair, filesWaitMs);
}

async function applyAlone(host: Host, asked: Wish, options: ApplyOptions): Promise<Ending> {
  if (asked.unitName !== undefined) await requireOwn(host, asked);
  const found = await ready(host, asked);
  if (found.end === "refused") {
    await sweepTemporaryFiles(host);
    await abandonInterrupted(host, options.watch ?? (() => {}));
  }
  if (found.end !== "ready") return found;
  const { wanted: wish, at } = await chosen(host, asked, found);
  // On a unit without records nothing is written before a change is known to be possible.
  if ((await host.fs.stat(paths.state)) !== undefined) await claim(host, wish);
  const unfinished = await finish(host, at, options);
  if (unfinished !== undefined) return unfinished;
  if (options.explicit === true) await endHold(host);
  const hold = await holdOn(host, wish);
  if (hold === undefined) {
    await endHold(host);
    return await bringAbout(host, wish, at, options);
  }
  const kept = await committedWish(host);
  if (kept === undefined) return { end: "held", hold };
  const there = await ready(host, { ...kept, ...placementOf(wish) });
  if (there.end !== "ready") return there;
  // Another release of the charm would make something else of it, which is the change that is held back.
  if (!isAsRendered(kept, there.config)) return { end: "held", hold };
  // What is in force is healed, but the latest word on restarts holds.
  const restarts = at.config["enable-auto-restarts"];
  const latest = { ...there, config: { ...there.config, "enable-auto-restarts": restarts } };
  const end = await bringAbout(host, { ...kept, ...placementOf(wish) }, latest, options);
  // A change that was cut short may have been committed on the way, which ends every hold.
  if ((await readHold(host)) === undefined) await writeHold(host, hold);
  return { ...end, hold };
}

function isAsRendered({ rendered }: Wish, config: Config): boolean {
  return rendered === undefined || rendered === renderedBy(config);
}

/** Clears away after a killed run, and finishes what it had decided. An ending where that can't be done. */
export async function finish(host: Host, at: Ready, options: ApplyOptions): Promise<Reported | undefined> {
  const { watch = () => {}, trigger = "capi-graft" } = options;
  const began = host.now();
  await sweepTemporaryFiles(host);
  const end = await finishInterrupted(host, at.unit, watch);
  if (end === undefined) return undefined;
  await logRevert(host, end, trigger, began);
  const isFinished = (await interruptedChange(host)) === undefined;
  return isFinished ? undefined : { end: "report", config: at.config, unit: at.unit, ...end };
}

/** Changes the unit to a wish that is new, or repairs it where the wish is the one in force. */
export async function bringAbout(
  host: Host,
  wish: Wish,
  at: Ready,
  options: ApplyOptions,
): Promise<Reported> {
  const { config, unit } = at;
  const committed = await committedWish(host);
  const interrupted = (await interruptedChange(host)) !== undefined;
  const settled = async () => await options.settled?.(config, unit);
  const { watch = () => {}, explicit = false, trigger = "capi-graft", repaired } = options;
  const turn = options.turn === undefined ? {} : { turn: options.turn };
  const wanted = { wish: { ...wish, rendered: renderedBy(config) }, config, unit, ...turn };
  const began = host.now();
  try {
    if (
      !interrupted &&
      committed !== undefined &&
      isSameWish(committed, wish) &&
      isAsRendered(committed, config)
    ) {
      const report = await heal(host, wanted, {
        ...(repaired === undefined ? {} : { repaired }),
        ...turn,
        watch,
        explicit,
        trigger,
        settled,
      });
      await rememberConductor(host, unit);
      const failure = await endProbation(host, wish, report);
      const back = failure === undefined ? undefined : await takeBack(host, wish, failure, options);
      return back ?? { end: "report", config, unit, report };
    }
    const end = await change(host, wanted, watch, settled);
    if (end.hold === undefined) {
      await recordDaemons(host, config, unit);
      await rememberConductor(host, unit);
    }
    await logRevert(host, end, trigger, began);
    return { end: "report", config, unit, ...end };
  } finally {
    await host.fs.removeTree(paths.staging);
  }
}

/** Goes back to the generation before a change that was found bad when its daemons had been at work for a while. */
async function takeBack(
  host: Host,
  wish: Wish,
  failure: Trouble,
  options: ApplyOptions,
): Promise<Reported | undefined> {
  const previous = await previousWish(host);
  if (previous === undefined) return undefined;
  const earlier = { ...withRestartsOf(previous, wish), ...placementOf(wish) };
  const at = await ready(host, earlier);
  if (at.end !== "ready") return undefined;
  const { watch = () => {}, trigger = "capi-graft" } = options;
  const began = host.now();
  watch({ step: "reverting", because: failure });
  const { config, unit } = at;
  const rendered = { ...earlier, rendered: renderedBy(config) };
  const end = await change(host, { wish: rendered, config, unit }, watch, async () => {
    await options.settled?.(config, unit);
  });
  if (end.hold !== undefined) return { end: "report", config, unit, ...end };
  const committed = await committedWish(host);
  if (committed === undefined || !isSameWish(committed, earlier)) return undefined;
  const hold: Hold = { ...failure, kind: "reverted", at: began.toISOString(), wanted: wish };
  await writeHold(host, hold);
  // What was found bad is not to be rolled back to.
  await host.fs.remove(paths.previous);
  await logRevert(host, { report: end.report, hold }, trigger, began);
  return { end: "report", config, unit, report: end.report, hold };
}

/**
 * The wish that was last asked for on this unit, for a run that Juju does not start: that of a change that a killed
 * run left behind, the one that is held back, or the one in force. `undefined` where there is none.
 */
export async function lastWish(host: Host): Promise<Wish | undefined> {
  await requireReadable(host);
  const interrupted = await interruptedChange(host);
  const wish = interrupted?.wish ?? (await readHold(host))?.wanted ?? (await committedWish(host));
  return wish === undefined ? undefined : await placedAnew(host, wish);
}

/** How everything is asked to be taken back. */
export interface UndoOptions {
  readonly watch?: Watch;
  /** Whether nobody comes after this run to end what it leaves. */
  readonly isLast?: boolean;
  /** Whether clusters of this conductor may be left without a driver; what is in force says so unless told. */
  readonly abandons?: boolean;
}

/**
 * Takes everything back; nothing of it while there are clusters of this conductor, unless these may be abandoned.
 * `undefined` when nothing was ever done on this unit.
 */
export async function undo(
  host: Host,
  mode: Report["mode"],
  { watch = () => {}, isLast = false, abandons }: UndoOptions = {},
): Promise<Report | Fault | { readonly end: "busy" } | undefined> {
  const left = [await host.fs.stat(paths.state), await host.fs.stat(paths.staging)];
  if (left.every((it) => it === undefined)) return undefined;
  return await faultAsEnding(async () => {
    if (mode === "apply") await requireReadable(host);
    // What looks after the graft is the charm's, and goes with it.
    if (mode === "apply" && isLast) await quieten(host);
    if (mode === "apply") await requireNoClusters(host, abandons);
    if (mode === "apply") await quieten(host);
    return await locked(
      host,
      () => takeAllBack(host.time?.more ?? host, { mode, watch, isLast }),
      undoWaitMs,
    );
  });
}
