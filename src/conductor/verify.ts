import type { Host } from "../host/host.ts";
import { HostFault } from "../host/host.ts";
import { judge } from "../reconcile/gate.ts";
import { allGates, type Progress } from "../reconcile/reconcile.ts";
import { desiredState } from "./desired-state.ts";
import { type Ending, faultAsEnding, lastWish, plan } from "./graft.ts";
import type { Wish } from "./wish.ts";

/** Judges every exit gate, drift or not, and asks helm for releases that were left half-way; reads only. */
export function verify(
  host: Host,
  wish: Wish,
  watch: (progress: Progress) => void = () => {},
): Promise<Ending> {
  return faultAsEnding(async () => {
    const thorough = { ...wish, thorough: true };
    const ending = await plan(host, thorough, watch);
    if (ending.end !== "report") return ending;
    const { report, config, unit } = ending;
    if (report.outcomes.every(({ outcome }) => outcome !== "drifted")) return ending;
    const gates = await judge(host, allGates(desiredState(config, unit, thorough)));
    return { ...ending, report: { ...report, gates } };
  });
}

/** The same of what was last asked for on this unit. */
export function verifyLast(host: Host): Promise<Ending> {
  return faultAsEnding(async () => {
    const wish = await lastWish(host);
    if (wish !== undefined) return await verify(host, wish);
    throw new HostFault("nothing is in force on this unit yet", { remedy: "run the action apply" });
  });
}
