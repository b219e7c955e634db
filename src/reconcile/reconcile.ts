import { type Host, HostFault } from "../host/host.ts";
import { closedOf, type Gate, type GateResult, judge, type Say } from "./gate.ts";
import { planAll, planChange } from "./plan.ts";
import type { Outcome, Report, Trouble } from "./report.ts";
import type { Change, Resource, ResourceId } from "./resource.ts";

/** Progress of a walk, for people who wait. */
export type Progress =
  | { readonly step: "planned"; readonly changes: readonly Change[] }
  | { readonly step: "applying"; readonly change: Change }
  | { readonly step: "reverting"; readonly because: Trouble }
  | { readonly step: "waiting"; readonly text: string }
  | { readonly step: "judging"; readonly when: "before" | "after"; readonly gates: readonly string[] };

/** What a walk walks over. */
export interface DesiredState {
  /** In the order in which they are applied. */
  readonly resources: readonly Resource[];
  /** What has to come to rest after an apply; judged before the last look, since it may take seconds. */
  readonly settleGates?: readonly Gate[];
  /** What must hold when all is in place: judged after an apply, and by a plan that finds nothing else to do. */
  readonly exitGates: readonly Gate[];
  /** What people should know of: judged with the exit gates, and by every plan, which lists the closed ones. */
  readonly notes?: readonly Gate[];
  /**
   * What must hold before a change so much as fetches anything, by what is to change; one closed refuses the whole run.
   * A heal asks none of them.
   */
  permits?(changes: readonly Change[]): readonly Gate[];
  /**
   * Puts what the changes would bring beside the live files, and gives the gates that prove it there. Asked after the
   * preflight gates of a change; one closed refuses the whole run, so that nothing live is touched by what can't work.
   */
  stage?(host: Host, changes: readonly Change[]): Promise<readonly Gate[]>;
}

type Watch = (progress: Progress) => void;

/** How an apply goes about it. */
export interface Walk {
  /**
   * `change`: something else is wanted than before, so all of it is proved first, and one closed gate refuses all.
   * `heal`: what was wanted before was undone, so each part is repaired as far as its own gates let it.
   */
  readonly policy: "change" | "heal";
  /** Called while a change is proved beside the live files, to see how things were before it. */
  look(changes: readonly Change[]): Promise<void>;
  /** Called once, just before the first write. */
  begin(changes: readonly Change[]): Promise<void>;
  /** Called when things are at rest, just before the last look at all of it. */
  settled(): Promise<void>;
}

/** One outcome for each resource, in their order: those that no change is listed for are unchanged. */
function outcomesOf(
  { resources }: DesiredState,
  changes: readonly Change[],
  outcomeOf: (change: Change) => Outcome,
): readonly Outcome[] {
  const byId = new Map(changes.map((change) => [change.id, change]));
  return resources.map(({ id }) => {
    const change = byId.get(id);
    return change === undefined ? { id, outcome: "unchanged" } : outcomeOf(change);
  });
}

/** What a deferral says to a change of its resource: the closed gate, or none. */
async function deferred(host: Host, { deferral }: Resource): Promise<readonly GateResult[]> {
  return deferral === undefined ? [] : closedOf(await judge(host, [deferral]));
}

async function planOnly(host: Host, desired: DesiredState, changes: readonly Change[]): Promise<Report> {
  const closed = new Map<ResourceId, readonly GateResult[]>();
  for (const resource of desired.resources) {
    if (!changes.some(({ id }) => id === resource.id)) continue;
    const gates = await deferred(host, resource);
    if (gates.length > 0) closed.set(resource.id, gates);
  }
  const outcomes = outcomesOf(desired, changes, (change) => {
    const gates = closed.get(change.id);
    const { id } = change;
    return gates === undefined ? { id, outcome: "drifted", change } : { id, outcome: "held", change, gates };
  });
  const gates =
    changes.length === closed.size
      ? await judge(host, allGates(desired))
      : closedOf(await judge(host, desired.notes ?? []));
  return { mode: "plan", outcomes, gates };
}

function lastGates({ exitGates, notes = [] }: DesiredState): readonly Gate[] {
  return [...exitGates, ...notes];
}

/** Every gate that is judged when all is in place. */
export function allGates(desired: DesiredState): readonly Gate[] {
  return [...(desired.settleGates ?? []), ...lastGates(desired)];
}

function skipped(change: Change, because: string): Outcome {
  return { id: change.id, outcome: "skipped", change, because };
}

function refused(desired: DesiredState, changes: readonly Change[], gates: readonly GateResult[]): Report {
  const because = `nothing is written while ${barring(gates)[0]?.id ?? "a gate"} is closed`;
  return { mode: "apply", outcomes: outcomesOf(desired, changes, (it) => skipped(it, because)), gates };
}

function failed(id: ResourceId, change: Change, fault: HostFault): Outcome {
  return { id, outcome: "failed", change, reason: fault.message, remedy: fault.remedy, cure: fault.cure };
}

function didNotHold(change: Change): HostFault {
  const keys = change.drift.map(({ key, observed }) => `${key} is ${observed ?? "absent"}`).join(", ");
  return new HostFault(`${change.id} was applied and did not hold: ${keys}`, {
    remedy: "find out what else writes it",
  });
}

function telling(watch: Watch): Say {
  return (text) => watch({ step: "waiting", text });
}

type Closed = ReadonlyMap<ResourceId, readonly GateResult[]>;

async function applyOne(host: Host, resource: Resource, closed: Closed, watch: Watch): Promise<Outcome> {
  const { id } = resource;
  const change = planChange(resource, await resource.observe(host));
  if (change === undefined) return { id, outcome: "unchanged" };
  const put = closed.has(id) ? [] : await deferred(host, resource);
  if (put.length > 0) return { id, outcome: "held", change, gates: put };
  const gates = closed.get(id) ?? (await judge(host, resource.gates ?? [], telling(watch)));
  if (closedOf(gates).length > 0) return { id, outcome: "held", change, gates: closedOf(gates) };
  // A gate may take minutes, and somebody else may have done it meanwhile: restarted a service, for one.
  if (gates.length > 0 && planChange(resource, await resource.observe(host)) === undefined)
    return { id, outcome: "unchanged" };
  watch({ step: "applying", change });
  try {
    await resource.apply(host, change);
    const left = planChange(resource, await resource.observe(host));
    return left === undefined ? { id, outcome: "changed", change } : failed(id, left, didNotHold(left));
  } catch (error) {
    if (error instanceof HostFault) return failed(id, change, error);
    throw error;
  }
}

async function applyAll(
  host: Host,
  resources: readonly Resource[],
  closed: Closed,
  watch: Watch,
  policy: Walk["policy"],
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let stopped: string | undefined;
  for (const resource of resources) {
    if (stopped === undefined) {
      const outcome = await applyOne(host, resource, closed, watch);
      if (isFailure(outcome) && policy === "change") stopped = outcome.id;
      outcomes.push(outcome);
      continue;
    }
    const change = planChange(resource, await resource.observe(host));
    outcomes.push(
      change === undefined ? { id: resource.id, outcome: "unchanged" } : skipped(change, `${stopped} failed`),
    );
  }
  return outcomes;
}

/** Whether an outcome ends a walk: what failed and is only to be noted does not. */
function isFailure(outcome: Outcome): boolean {
  return outcome.outcome === "failed" && outcome.cure !== "note";
}

async function judgeAloud(
  host: Host,
  gates: readonly Gate[],
  when: "before" | "after",
  watch: Watch,
): Promise<readonly GateResult[]> {
  if (gates.length > 0) watch({ step: "judging", when, gates: gates.map(({ id }) => id) });
  return await judge(host, gates, telling(watch));
}

/** What was done, corrected by a last look: something may have undone it while the services came to rest. */
function withLastLook(outcomes: readonly Outcome[], changes: readonly Change[]): readonly Outcome[] {
  const left = new Map(changes.map((change) => [change.id, change]));
  return outcomes.map((outcome) => {
    const change = left.get(outcome.id);
    const isTold = outcome.outcome === "held" || outcome.outcome === "failed";
    return change === undefined || isTold ? outcome : { id: outcome.id, outcome: "drifted", change };
  });
}

async function observeAll(host: Host, resources: readonly Resource[]): Promise<readonly Change[]> {
  return planAll(resources, await Promise.all(resources.map((resource) => resource.observe(host))));
}

/** Waits until things are at rest, then looks at all of it once more and judges the rest of the gates. */
async function settle(
  host: Host,
  desired: DesiredState,
  outcomes: readonly Outcome[],
  watch: Watch,
  settled: Walk["settled"],
): Promise<Report> {
  const rested = await judgeAloud(host, desired.settleGates ?? [], "after", watch);
  await settled();
  const [changes, rest] = await Promise.all([
    observeAll(host, desired.resources),
    judgeAloud(host, lastGates(desired), "after", watch),
  ]);
  return { mode: "apply", outcomes: withLastLook(outcomes, changes), gates: [...rested, ...rest] };
}

/** The preflight gates of what is to change, each judged once, and the results for each resource. */
async function preflight(
  host: Host,
  desired: DesiredState,
  changes: readonly Change[],
  watch: Watch,
): Promise<{ readonly all: readonly GateResult[]; readonly closed: Closed }> {
  const changing = new Set(changes.map(({ id }) => id));
  const asking = desired.resources.filter(({ id, preflight: own }) => changing.has(id) && own !== undefined);
  const gates = asking.flatMap((it) => it.preflight ?? []);
  const all = gates.length === 0 ? [] : await judgeAloud(host, gates, "before", watch);
  const closed = new Map<ResourceId, readonly GateResult[]>();
  for (const { id, preflight: own = [] } of asking) {
    const shut = closedOf(all).filter((result) => own.some((gate) => gate.id === result.id));
    if (shut.length > 0) closed.set(id, shut);
  }
  return { all, closed };
}

/** The results that refuse a change: a note refuses nothing. */
function barring(results: readonly GateResult[]): readonly GateResult[] {
  return closedOf(results).filter(({ cure }) => cure !== "note");
}

/** What a change would bring, proved beside the live files. */
async function prove(
  host: Host,
  desired: DesiredState,
  changes: readonly Change[],
  watch: Watch,
): Promise<readonly GateResult[]> {
  const staged = (await desired.stage?.(host, changes)) ?? [];
  return staged.length === 0 ? [] : await judgeAloud(host, staged, "before", watch);
}

/** Whether a change may begin: `undefined`, or the results that refuse it. */
async function refusal(
  host: Host,
  desired: DesiredState,
  changes: readonly Change[],
  before: readonly GateResult[],
  { watch, look }: { readonly watch: Watch; readonly look: Walk["look"] | undefined },
): Promise<readonly GateResult[] | undefined> {
  if (barring(before).length > 0) return before;
  const [proof] = await Promise.all([prove(host, desired, changes, watch), look?.(changes)]);
  return barring(proof).length > 0 ? [...before, ...proof] : undefined;
}

/**
 * The one walk: observe, plan, gates, apply, observe again, report. `plan` stops before the gates and the apply.
 * In a change, one closed gate of the preflight or of the staged proof refuses the whole run before anything is
 * written; and a failed resource stops those after it; in a heal, each resource is held back or fails for itself.
 * Faults of the machine are data in the report; anything else that is thrown is a defect of this program.
 */
export async function reconcile(
  host: Host,
  desired: DesiredState,
  mode: Report["mode"],
  watch: Watch = () => {},
  walk: Partial<Walk> = {},
): Promise<Report> {
  const changes = await observeAll(host, desired.resources);
  watch({ step: "planned", changes });
  if (mode === "plan") return await planOnly(host, desired, changes);

  const { policy = "change", settled = async () => {} } = walk;
  if (changes.length === 0) return await settle(host, desired, unchanged(desired), watch, settled);
  const permits = policy === "change" ? (desired.permits?.(changes) ?? []) : [];
  const permitted = await judgeAloud(host, permits, "before", watch);
  if (barring(permitted).length > 0) return refused(desired, changes, permitted);
  const before = await preflight(host, desired, changes, watch);
  if (policy === "change") {
    const gates = await refusal(host, desired, changes, before.all, { watch, look: walk.look });
    if (gates !== undefined) return refused(desired, changes, gates);
  }
  await walk.begin?.(changes);
  const outcomes = await applyAll(host, desired.resources, before.closed, watch, policy);
  if (outcomes.some(isFailure)) return { mode, outcomes, gates: [] };
  return await settle(host, desired, outcomes, watch, settled);
}

function unchanged(desired: DesiredState): readonly Outcome[] {
  return desired.resources.map(({ id }) => ({ id, outcome: "unchanged" }));
}
