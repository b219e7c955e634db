import { closed, type Gate, open } from "../reconcile/gate.ts";
import { planChange } from "../reconcile/plan.ts";
import type { Outcome, Report, Trouble } from "../reconcile/report.ts";
import type { Resource } from "../reconcile/resource.ts";
import { showUnit } from "../resources/systemctl.ts";
import { turnGateId } from "./turn.ts";

const suffix = "-restart-deferred";
const remedy = "run the action restart-services";

/**
 * Closed while a service is to be left alone although it should be restarted or started: a running one is a note, one
 * that is down without having been stopped is the operator's. Whether it should be is not asked here.
 */
export function deferralGate(service: string): Gate {
  return {
    id: `${service}${suffix}`,
    title: `${service} may be restarted: enable-auto-restarts`,
    check: async (host) => {
      const { load, active, result, mainPid } = await showUnit(host, service);
      // What is masked or was stopped is left alone for a reason of its own, which other gates tell.
      if (load === "masked" || (active === "inactive" && result === "success")) return open();
      if (mainPid !== 0) return closed("note", `restart deferred: ${service}`, remedy);
      const reason = `${service} is down (${active}), auto restarts off`;
      return closed(active === "activating" ? "time" : "operator", reason, remedy);
    },
  };
}

/** Whether a gate or trouble of this name tells of a service that is left alone. Pure. */
export function isDeferral(source: string): boolean {
  return source.endsWith(suffix);
}

/** Whether a resource is as it is for a deferred restart alone, which is no drift to tell of. Pure. */
export function isDeferred(outcome: Outcome): boolean {
  if (outcome.outcome !== "held") return false;
  return outcome.gates.every(
    (gate) => isDeferral(gate.id) && gate.state === "closed" && gate.cure === "note",
  );
}

/** The running services whose restart is deferred. Pure. */
export function deferredServices({ outcomes }: Report): readonly string[] {
  return outcomes.filter(isDeferred).map(({ id }) => id.slice("service:".length));
}

/** All deferred restarts as one thing to tell; `undefined` for none. Pure. */
export function deferredRestarts(report: Report): Trouble | undefined {
  const [first, ...more] = deferredServices(report);
  if (first === undefined) return undefined;
  return {
    cure: "note",
    source: `${first}${suffix}`,
    reason: `restart deferred: ${[first, ...more].join(", ")}`,
    remedy,
  };
}

/**
 * A gate on the running process of a service, whose name begins its own: while a restart of that service is deferred it
 * need not hold.
 */
export function unlessDeferred(gate: Gate, running: readonly Resource[]): Gate {
  const resource = running.find(({ id }) => gate.id.startsWith(`${id.slice("service:".length)}-`));
  const deferral = resource?.deferral;
  if (resource === undefined || deferral === undefined) return gate;
  return {
    ...gate,
    check: async (host, say) => {
      const state = await gate.check(host, say);
      if (state.state !== "closed") return state;
      const differs = planChange(resource, await resource.observe(host)) !== undefined;
      const put = differs ? await deferral.check(host) : open();
      if (put.state !== "closed") return state;
      if (deferral.id === turnGateId) return { state: "not checked", reason: `not restarted: ${put.reason}` };
      if (put.cure !== "note") return state;
      return { state: "not checked", reason: `its restart is deferred: ${state.reason}` };
    },
  };
}
