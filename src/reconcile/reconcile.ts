import { type Host, HostFault } from "../host/host.ts";
import { closedOf, type Gate, type GateResult, judge } from "./gate.ts";
import { planAll, planChange } from "./plan.ts";
import type { Outcome, Report } from "./report.ts";
import type { Change, Resource, ResourceId } from "./resource.ts";

/** Progress of a walk, for people who wait. */
export type Progress =
  | { readonly step: "planned"; readonly changes: readonly Change[] }
  | { readonly step: "applying"; readonly change: Change }
  | { readonly step: "judging"; readonly when: "before" | "after"; readonly gates: readonly string[] };

/** What a walk walks over. */
export interface DesiredState {
  /** In the order in which they are applied. */
  readonly resources: readonly Resource[];
  /** What has to come to rest after an apply; judged before the last look, since it may take seconds. */
  readonly settleGates?: readonly Gate[];
  /** What must hold when all is in place: judged after an apply, and by a plan that finds nothing else to do. */
  readonly exitGates: readonly Gate[];
}

type Watch = (progress: Progress) => void;

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

async function planOnly(host: Host, desired: DesiredState, changes: readonly Change[]): Promise<Report> {
  const outcomes = outcomesOf(desired, changes, (change) => ({ id: change.id, outcome: "drifted", change }));
  const gates = changes.length === 0 ? await judge(host, allGates(desired)) : [];
  return { mode: "plan", outcomes, gates };
}

/** Every gate that is judged when all is in place. */
export function allGates(desired: DesiredState): readonly Gate[] {
  return [...(desired.settleGates ?? []), ...desired.exitGates];
}

function skipped(change: Change, because: string): Outcome {
  return { id: change.id, outcome: "skipped", change, because };
}

function refused(desired: DesiredState, changes: readonly Change[], gates: readonly GateResult[]): Report {
  const because = `nothing is written while ${closedOf(gates)[0]?.id ?? "a gate"} is closed`;
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

async function applyOne(host: Host, resource: Resource, watch: Watch): Promise<Outcome> {
  const { id } = resource;
  const change = planChange(resource, await resource.observe(host));
  if (change === undefined) return { id, outcome: "unchanged" };
  const gates = await judge(host, resource.gates ?? []);
  if (closedOf(gates).length > 0) return { id, outcome: "held", change, gates: closedOf(gates) };
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
  watch: Watch,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let stopped: string | undefined;
  for (const resource of resources) {
    if (stopped === undefined) {
      const outcome = await applyOne(host, resource, watch);
      if (outcome.outcome === "failed") stopped = outcome.id;
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

async function judgeAloud(
  host: Host,
  gates: readonly Gate[],
  when: "before" | "after",
  watch: Watch,
): Promise<readonly GateResult[]> {
  if (gates.length > 0) watch({ step: "judging", when, gates: gates.map(({ id }) => id) });
  return await judge(host, gates);
}

/** What was done, corrected by a last look: something may have undone it while the services came to rest. */
function withLastLook(outcomes: readonly Outcome[], changes: readonly Change[]): readonly Outcome[] {
  const left = new Map(changes.map((change) => [change.id, change]));
  return outcomes.map((outcome) => {
    const change = left.get(outcome.id);
    return change === undefined || outcome.outcome === "held"
      ? outcome
      : { id: outcome.id, outcome: "drifted", change };
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
  wait: Wait,
): Promise<Report> {
  const settled = await judgeAloud(host, desired.settleGates ?? [], "after", wait.watch);
  await wait.settled();
  const [changes, rest] = await Promise.all([
    observeAll(host, desired.resources),
    judgeAloud(host, desired.exitGates, "after", wait.watch),
  ]);
  return { mode: "apply", outcomes: withLastLook(outcomes, changes), gates: [...settled, ...rest] };
}

/** What a caller does while a walk goes on. */
interface Wait {
  watch: Watch;
  /** Called when things are at rest, just before the last look at all of it. */
  settled(): Promise<void>;
}

/**
 * The one walk: observe, plan, gates, apply, observe again, report. `plan` stops before the gates and the apply.
 * A closed preflight gate refuses the whole run before anything is written; a failed resource stops those after it.
 * Faults of the machine are data in the report; anything else that is thrown is a defect of this program.
 */
export async function reconcile(
  host: Host,
  desired: DesiredState,
  mode: Report["mode"],
  watch: Watch = () => {},
  settled: Wait["settled"] = async () => {},
): Promise<Report> {
  const changes = await observeAll(host, desired.resources);
  watch({ step: "planned", changes });
  if (mode === "plan") return await planOnly(host, desired, changes);

  const changing = new Set(changes.map(({ id }) => id));
  const preflight = desired.resources
    .filter(({ id }) => changing.has(id))
    .flatMap((it) => it.preflight ?? []);
  const before = preflight.length === 0 ? [] : await judgeAloud(host, preflight, "before", watch);
  if (closedOf(before).length > 0) return refused(desired, changes, before);

  const outcomes = changes.length === 0 ? unchanged(desired) : await applyAll(host, desired.resources, watch);
  if (outcomes.some(({ outcome }) => outcome === "failed")) return { mode, outcomes, gates: [] };
  return await settle(host, desired, outcomes, { watch, settled });
}

function unchanged(desired: DesiredState): readonly Outcome[] {
  return desired.resources.map(({ id }) => ({ id, outcome: "unchanged" }));
}
