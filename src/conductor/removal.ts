import { type Host, HostFault } from "../host/host.ts";
import { type Gate, open } from "../reconcile/gate.ts";
import { type DesiredState, type Progress, reconcile } from "../reconcile/reconcile.ts";
import { inLine, type Outcome, type Report } from "../reconcile/report.ts";
import type { Resource } from "../reconcile/resource.ts";
import { interruptedChange } from "./change.ts";
import { type Conductor, findConductor } from "./conductor.ts";
import { firstOriginals } from "./desired-state.ts";
import { endHold } from "./hold.ts";
import { paths } from "./paths.ts";
import { sweepTemporaryFiles } from "./sweep.ts";
import { recordWhatRuns, undoneState } from "./undone-state.ts";
import { stopWatch } from "./watch-units.ts";
import { forgetWish } from "./wish.ts";

/** How everything is taken back. */
export interface Removal {
  readonly mode: Report["mode"];
  readonly watch: (progress: Progress) => void;
  /** Whether nobody comes after this run: records that are good for a restart only are then of no use. */
  readonly isLast: boolean;
}

/** What a fault keeps from being done is done without, where the rest can do without it. */
async function tolerant<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HostFault) return undefined;
    throw error;
  }
}

/** A resource that can't be looked at differs, and fails for itself: the others are taken back all the same. */
function sturdy(resource: Resource): Resource {
  return {
    ...resource,
    observe: async (host) => {
      try {
        return await resource.observe(host);
      } catch (error) {
        if (!(error instanceof HostFault)) throw error;
        return { unseen: error.message };
      }
    },
  };
}

/** A conductor that can't be looked for ends a run that another comes after; the last one does what it can. */
async function conductorHere(host: Host, { isLast }: Removal): Promise<Conductor | undefined> {
  const look = () => findConductor(host);
  const unit = await (isLast ? tolerant(look) : look());
  return unit === undefined || "missing" in unit ? undefined : unit;
}

/** Closed where it can't be known whether there are services to restart. */
const conductorGate: Gate = {
  id: "conductor-looked-for",
  title: "it is known whether there is a conductor",
  check: async (host) => {
    await findConductor(host);
    return open();
  },
};

/** Ends what may still be at work for the graft, so that it neither holds the lock nor brings anything back. */
export async function quieten(host: Host): Promise<void> {
  await tolerant(() => stopWatch(host));
}

/** Each part is taken back for itself; the command goes last, when it is no longer needed for another try. */
async function walk(host: Host, before: DesiredState, { mode, watch, isLast }: Removal): Promise<Report> {
  const all = before.resources.map(sturdy);
  if (mode === "plan") return await reconcile(host, { ...before, resources: all }, mode, watch);
  const isCommand = ({ id }: Resource) => id === `file:${paths.command}`;
  const others = all.filter((it) => !isCommand(it));
  const report = await reconcile(host, { ...before, resources: others }, mode, watch, { policy: "heal" });
  if (!inLine(report) && !isLast) return report;
  const rest = await reconcile(host, { resources: all.filter(isCommand), exitGates: [] }, mode, watch);
  return { ...report, outcomes: [...report.outcomes, ...rest.outcomes] };
}

function isDone({ outcome }: Outcome): boolean {
  return outcome === "unchanged" || outcome === "changed";
}

/** Whether the records can go: all is back, or only services are left that nobody will come to restart. */
function isOver(report: Report, isLast: boolean): boolean {
  if (inLine(report)) return true;
  return isLast && report.outcomes.every((it) => isDone(it) || it.id.startsWith("service:"));
}

/** Takes everything back, and then the records; a run of ours must be alone. */
export async function takeAllBack(host: Host, removal: Removal): Promise<Report> {
  const isReal = removal.mode === "apply";
  const unit = await conductorHere(host, removal);
  const running = (await interruptedChange(host))?.running ?? [];
  if (isReal) {
    await tolerant(() => sweepTemporaryFiles(host));
    if (unit !== undefined) await tolerant(() => recordWhatRuns(host, unit));
  }
  const before = { ...(await undoneState(host, unit, running)), exitGates: [conductorGate] };
  // A run that waits for this one then finds nothing to bring back.
  if (isReal) await tolerant(() => forgetWish(host));
  if (isReal) await tolerant(() => endHold(host));
  const report = await walk(host, before, removal);
  if (isReal && isOver(report, removal.isLast)) {
    await firstOriginals.forget(host);
    await host.fs.removeTree(paths.state);
  }
  if (isReal) for (const folder of [paths.staging, paths.inspection]) await host.fs.removeTree(folder);
  return report;
}
