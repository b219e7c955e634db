import { deferredServices } from "../conductor/deferred.ts";
import type { Ending, Reported } from "../conductor/graft.ts";
import type { Progress } from "../reconcile/reconcile.ts";
import { inLine, type Trouble, troubles } from "../reconcile/report.ts";
import { setApplicationStatus } from "./application-status.ts";
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

/** Sets the status that a hook ends with: the unit's, and by the leader the application's, with its note. */
export async function setLastStatus(status: UnitStatus, note?: string): Promise<void> {
  await setStatus(status);
  await setApplicationStatus({ own: status, note });
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

function inFull({ source, reason, remedy }: Omit<Trouble, "cure">): string {
  return `${source}: ${reason}${remedy === "" ? "" : `; next: ${remedy}`}`;
}

type LogLine = readonly [level: Level, text: string];

function linesOfReport({ report, hold, back }: Reported): readonly LogLine[] {
  const held = hold === undefined ? [] : [`${hold.kind}, ${inFull(hold)}`];
  const found = [...held, ...troubles(report).map(inFull)];
  const left = back === undefined ? [] : troubles(back);
  return [
    ...found.map((text): LogLine => ["WARNING", text]),
    ...left.map(({ source, reason }): LogLine => ["ERROR", `not undone: ${source}: ${reason}`]),
  ];
}

/** Every message in full: a status is short. */
function linesOf(ending: Ending): readonly LogLine[] {
  if (ending.end === "refused") {
    return ending.refusals.map(({ option, value, accepted }) => [
      "ERROR",
      `${option}: ${value === "" ? "empty" : value}; accepted: ${accepted}`,
    ]);
  }
  if (ending.end === "fault") return [["ERROR", inFull({ ...ending, source: "fault" })]];
  if (ending.end === "held") return [["WARNING", `reverted, ${inFull(ending.hold)}`]];
  return ending.end === "report" ? linesOfReport(ending) : [];
}

/**
 * Logs how a run ended, and sets the status and the workload version that it calls for. Gives the status. `note`: what
 * the leader has to say of all units.
 */
export async function conclude(ending: Ending, note?: string): Promise<UnitStatus> {
  for (const [level, text] of linesOf(ending)) await log(level, text);
  // The workload version is that of what runs.
  const isRunning = ending.end === "report" && deferredServices(ending.report).length === 0;
  if (isRunning && inLine(ending.report)) {
    await hookCommand("application-version-set", ["--", ending.config["driver-version"]]);
  }
  const status = statusFor(ending);
  await setLastStatus(status, note);
  return status;
}
