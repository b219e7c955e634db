import { deferredServices } from "../conductor/deferred.ts";
import type { Ending } from "../conductor/graft.ts";
import type { Progress } from "../reconcile/reconcile.ts";
import { inLine, troubles } from "../reconcile/report.ts";
import { hookCommand } from "./hook-command.ts";
import { statusFor, type UnitStatus } from "./status.ts";

type Level = "DEBUG" | "INFO" | "WARNING" | "ERROR";

/** Writes a line to the unit's log at Juju. */
export async function log(level: Level, message: string): Promise<void> {
  await hookCommand("juju-log", ["-l", level, "--", message]);
}

/** Sets the unit's workload status. */
export async function setStatus({ status, message }: UnitStatus): Promise<void> {
  await hookCommand("status-set", [status, "--", message]);
}

function sentence(progress: Progress): string | undefined {
  if (progress.step === "reverting") {
    const { source, reason } = progress.because;
    return `reverting: ${source}: ${reason}`;
  }
  if (progress.step === "waiting") return progress.text;
  if (progress.step !== "applying") return undefined;
  const { id, action, drift } = progress.change;
  const keys = drift.map(
    ({ key, observed, desired }) => `${key} ${observed ?? "absent"} -> ${desired ?? "absent"}`,
  );
  return `${action} ${id}: ${keys.join(", ")}`;
}

/**
 * Tells what is being done, in order: in the status before the first write, and in the log.
 * `also`: told the same sentences, for an action's progress. `doingFirst`: the status, but while something is reverted.
 */
export function announce(
  also: (text: string) => Promise<void> = async () => {},
  doingFirst = "grafting the CAPI driver",
) {
  let told = Promise.resolve();
  let work = doingFirst;
  let shown = "";
  const watch = (progress: Progress) => {
    const text = sentence(progress);
    if (text === undefined) return;
    if (progress.step === "reverting") work = "reverting a change";
    const doing = progress.step === "waiting" ? text : work;
    if (doing !== shown) told = told.then(() => setStatus({ status: "maintenance", message: doing }));
    shown = doing;
    told = told.then(() => log("INFO", text)).then(() => also(text));
  };
  /** Waits until all of it is told; whether there was anything. */
  const end = async () => {
    await told;
    return shown !== "";
  };
  return { watch, told: end };
}

async function tell(ending: Ending): Promise<void> {
  if (ending.end === "refused") {
    for (const { option, value, accepted } of ending.refusals) {
      await log("ERROR", `${option}: ${value === "" ? "empty" : value}; accepted: ${accepted}`);
    }
  }
  if (ending.end !== "report") return;
  for (const { source, reason, remedy } of troubles(ending.report)) {
    await log("WARNING", `${source}: ${reason}; next: ${remedy}`);
  }
  for (const { source, reason } of ending.back === undefined ? [] : troubles(ending.back)) {
    await log("ERROR", `not undone: ${source}: ${reason}`);
  }
}

/** Logs how a run ended, and sets the status and the workload version that it calls for. Gives the status. */
export async function conclude(ending: Ending): Promise<UnitStatus> {
  await tell(ending);
  // The workload version is that of what runs.
  const isRunning = ending.end === "report" && deferredServices(ending.report).length === 0;
  if (isRunning && inLine(ending.report)) {
    await hookCommand("application-version-set", ["--", ending.config["driver-version"]]);
  }
  const status = statusFor(ending);
  await setStatus(status);
  return status;
}
