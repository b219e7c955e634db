import { type Host, HostFault } from "../host/host.ts";
import { closedOf, judge } from "./gate.ts";
import { planChange } from "./plan.ts";
import type { Progress } from "./reconcile.ts";
import type { Report } from "./report.ts";
import type { Change, Resource } from "./resource.ts";

type Watch = (progress: Progress) => void;

async function repairOne(host: Host, resource: Resource, change: Change): Promise<boolean> {
  const gates = await judge(host, [...(resource.preflight ?? []), ...(resource.gates ?? [])]);
  if (closedOf(gates).length > 0) return false;
  await resource.apply(host, change);
  return planChange(resource, await resource.observe(host)) === undefined;
}

async function repairAll(
  host: Host,
  resources: readonly Resource[],
  watch: Watch,
): Promise<readonly Change[]> {
  const observed = await Promise.all(resources.map((it) => it.observe(host)));
  const found = resources.flatMap((resource, index) => {
    const change = planChange(resource, observed[index] ?? "absent");
    return change === undefined ? [] : [{ resource, change }];
  });
  watch({ step: "planned", changes: found.map(({ change }) => change) });
  const made: Change[] = [];
  for (const { resource, change } of found) {
    try {
      if (await repairOne(host, resource, change)) made.push(change);
    } catch (error) {
      if (!(error instanceof HostFault)) throw error;
    }
  }
  for (const change of made) watch({ step: "applying", change });
  return made;
}

/**
 * The first part of a heal: the resources that are quick to look at are repaired before anything else is observed, each
 * under its own gates, those that first have to fetch something last. What is held back, fails or does not hold is left
 * to the walk that follows, which looks at everything. Gives the changes that held.
 */
export async function repairQuick(
  host: Host,
  resources: readonly Resource[],
  watch: Watch,
): Promise<readonly Change[]> {
  const quick = resources.filter((it) => it.quick === true);
  const files = quick.filter((it) => it.preflight === undefined);
  const made = await repairAll(host, files, watch);
  return [
    ...made,
    ...(await repairAll(
      host,
      quick.filter((it) => !files.includes(it)),
      watch,
    )),
  ];
}

/** The report of a walk together with what was repaired before it: each is told once, as changed. Pure. */
export function withRepaired(report: Report, made: readonly Change[]): Report {
  const byId = new Map(made.map((change) => [change.id, change]));
  const outcomes = report.outcomes.map((it) => {
    const change = byId.get(it.id);
    return it.outcome === "unchanged" && change !== undefined
      ? { id: it.id, outcome: "changed" as const, change }
      : it;
  });
  return { ...report, outcomes };
}
