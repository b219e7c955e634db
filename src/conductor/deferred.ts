import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { planChange } from "../reconcile/plan.ts";
import type { Outcome, Report, Trouble } from "../reconcile/report.ts";
import type { Resource } from "../reconcile/resource.ts";
import { askPolicy, policyProgram } from "../resources/restart-policy.ts";
import { showUnit, type UnitStatus } from "../resources/systemctl.ts";
import { commandFor } from "./other-make.ts";
import { turnGateId } from "./turn.ts";

const suffix = "-restart-deferred";
const policySuffix = "-restart-policy";
const sharedSuffix = "-restart-shared";
const byOption = "restart deferred";
const byPolicy = "restart deferred by policy-rc.d";
const remedy = "run the action restart-services";

/** A service that is to be left alone: a running one is a note, one that is down is the operator's. */
function leftAlone(service: string, { active, mainPid }: UnitStatus, by: string, why: string): GateState {
  if (mainPid !== 0) return closed("note", `${by}: ${service}`, remedy);
  return closed(
    active === "activating" ? "time" : "operator",
    `${service} is down (${active}), ${why}`,
    remedy,
  );
}

/** What is masked or was stopped is left alone for a reason of its own, which other gates tell. */
function isDownOnPurpose({ load, active, result }: UnitStatus): boolean {
  return load === "masked" || (active === "inactive" && result === "success");
}

/**
 * Closed while a service is to be left alone although it should be restarted or started: a running one is a note, one
 * that is down without having been stopped is the operator's. Whether it should be is not asked here.
 */
export function deferralGate(service: string): Gate {
  return {
    id: `${service}${suffix}`,
    title: `${service} may be restarted: enable-auto-restarts`,
    check: async (host) => {
      const status = await showUnit(host, service);
      return isDownOnPurpose(status) ? open() : leftAlone(service, status, byOption, "auto restarts off");
    },
  };
}

/**
 * Closed while the machine's policy forbids to restart a service, or to start one that is down: what it forbids is left
 * to whoever made that policy, and to the operator. Asked only when there is something to do.
 */
export function policyGate(service: string): Gate {
  return {
    id: `${service}${policySuffix}`,
    title: `policy-rc.d lets ${service} be restarted`,
    check: async (host) => {
      const status = await showUnit(host, service);
      if (isDownOnPurpose(status)) return open();
      const said = await askPolicy(host, service, status.mainPid === 0 ? "start" : "restart");
      if (said.answer === "allowed") return open();
      if (said.answer === "unclear") return closed("operator", said.reason, `repair ${policyProgram}`);
      return leftAlone(service, status, byPolicy, "policy-rc.d forbids it");
    },
  };
}

/**
 * Closed in any case: a service that runs other things too is not restarted for Magnum's sake, nor reloaded, which would
 * bring into force whatever else was changed in its configuration. `cure`: the operator's, or a note.
 */
export function sharedGate(service: string, cure: "operator" | "note" = "operator"): Gate {
  return {
    id: `${service}${sharedSuffix}`,
    title: `${service} runs nothing but Magnum`,
    check: async () => closed(cure, `the API runs in ${service}, older than its files`, commandFor(service)),
  };
}

/** Whether a gate is the policy's word, which a person may overrule. Pure. */
export function isPolicy({ id }: Gate): boolean {
  return id.endsWith(policySuffix);
}

/** Whether a gate or trouble of this name tells of a service that is left alone. Pure. */
export function isDeferral(source: string): boolean {
  return [suffix, policySuffix, sharedSuffix].some((it) => source.endsWith(it));
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
  const held = report.outcomes.filter(isDeferred);
  const [source] = held.flatMap((it) => (it.outcome === "held" ? it.gates.map(({ id }) => id) : []));
  if (source === undefined) return undefined;
  const why = source.endsWith(policySuffix) ? byPolicy : byOption;
  return { cure: "note", source, reason: `${why}: ${deferredServices(report).join(", ")}`, remedy };
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
