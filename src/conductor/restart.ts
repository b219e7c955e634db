import { type Host, HostFault } from "../host/host.ts";
import { reconcile } from "../reconcile/reconcile.ts";
import type { Resource } from "../reconcile/resource.ts";
import { showUnit } from "../resources/systemctl.ts";
import { interruptedChange } from "./change.ts";
import { recordDaemons } from "./daemons.ts";
import { isPolicy } from "./deferred.ts";
import { desiredState } from "./desired-state.ts";
import { type ApplyOptions, type Ending, faultAsEnding, locked, ready } from "./graft.ts";
import { readHold } from "./hold.ts";
import { putOnProbation } from "./probation.ts";
import { rememberConductor } from "./quick-repair.ts";
import { committedWish } from "./wish.ts";

/** Which services are restarted: those that have not read what is in force, or all that are not down on purpose. */
export interface RestartRequest {
  readonly deferredOnly: boolean;
}

/**
 * Restarts services as a change does: gates before, the wait for helm, rest and gates afterwards; files are left as they
 * are. What does not hold is reported, and not taken back. A service that somebody stopped stays stopped.
 */
export function restartServices(
  host: Host,
  request: RestartRequest,
  options: Pick<ApplyOptions, "watch"> = {},
): Promise<Ending> {
  return faultAsEnding(() => locked(host, () => restartAlone(host, request, options)));
}

async function restartAlone(
  host: Host,
  { deferredOnly }: RestartRequest,
  { watch = () => {} }: Pick<ApplyOptions, "watch">,
): Promise<Ending> {
  const wish = await committedWish(host);
  const remedy = "run the action apply";
  if (wish === undefined) throw new HostFault("nothing is in force on this unit yet", { remedy });
  if ((await interruptedChange(host)) !== undefined)
    throw new HostFault("a change of this unit was cut short", { remedy });
  const at = await ready(host, wish);
  if (at.end !== "ready") return at;
  const { unit } = at;
  const config = { ...at.config, "enable-auto-restarts": true };
  const { stage: _, ...desired } = desiredState(config, unit, wish);
  // A person asked for it: like `invoke-rc.d --force`, it asks no policy.
  const services = desired.resources
    .filter(({ id }) => id.startsWith("service:"))
    .map(({ deferral, ...it }) => (deferral === undefined || isPolicy(deferral) ? it : { ...it, deferral }));
  const resources = deferredOnly ? services : await Promise.all(services.map((it) => anew(host, it)));
  // What would be staged is in place, and files are not looked after here.
  const report = await reconcile(host, { ...desired, resources }, "apply", watch, { policy: "change" });
  await recordDaemons(host, config, unit);
  await rememberConductor(host, unit);
  await putOnProbation(host, wish, report, { takesBack: false });
  const hold = await readHold(host);
  return { end: "report", report, config, unit, ...(hold === undefined ? {} : { hold }) };
}

async function processOf(host: Host, { id }: Resource): Promise<string | undefined> {
  const { mainPid, startedAt } = await showUnit(host, id.slice("service:".length));
  return mainPid === 0 ? undefined : `${mainPid} ${startedAt}`;
}

/** A service that has to have another process than now; by its pid and start, since a clock may be set back. */
async function anew(host: Host, resource: Resource): Promise<Resource> {
  const before = await processOf(host, resource);
  return {
    ...resource,
    observe: async (machine) => {
      const state = await resource.observe(machine);
      const isSame = before !== undefined && (await processOf(machine, resource)) === before;
      return state === "absent" || !isSame ? state : { ...state, inputs: "older than this request" };
    },
  };
}
