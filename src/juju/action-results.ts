import { deferredServices } from "../conductor/deferred.ts";
import type { EffectiveConfig } from "../conductor/effective-config.ts";
import type { Ending } from "../conductor/graft.ts";
import { services } from "../conductor/paths.ts";
import type { Checked } from "../conductor/upgrade-check.ts";
import type { GateResult } from "../reconcile/gate.ts";
import { changesOf, inLine, type Outcome, type Report } from "../reconcile/report.ts";
import type { Change } from "../reconcile/resource.ts";
import { statusFor, type UnitStatus } from "./status.ts";

/** What an action gives back: flat texts by kebab-case keys, and why it failed, where it did. */
export interface ActionEnd {
  readonly results: Readonly<Record<string, string>>;
  readonly failure?: string;
}

function reportOf(ending: Ending | undefined): Report | undefined {
  return ending?.end === "report" ? ending.report : undefined;
}

function servicesOf(changes: readonly Change[]): string {
  return changes
    .flatMap(({ id }) => (id.startsWith("service:") ? [id.slice("service:".length)] : []))
    .join(" ");
}

function changesWith(outcomes: readonly Outcome[], wanted: Outcome["outcome"]): readonly Change[] {
  return outcomes.flatMap((it) => (it.outcome === wanted && "change" in it ? [it.change] : []));
}

/** A hook tool takes at most 128 KiB as one argument. */
const resultBytes = 64 * 1024;

/** A list as JSON, its end left out where a hook tool could not take all of it. */
function listed(items: readonly unknown[]): string {
  const kept: string[] = [];
  let bytes = 2;
  for (const item of items) {
    const text = JSON.stringify(item);
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > resultBytes) break;
    kept.push(text);
  }
  return `[${kept.join(",")}]`;
}

function failing(results: ActionEnd["results"], failure: string | undefined): ActionEnd {
  return failure === undefined ? { results } : { results, failure };
}

/** What became of a walk that was to bring the unit in line, for a pipeline to read. Pure. */
export function walkEnd(ending: Ending | undefined, { status, message }: UnitStatus): ActionEnd {
  const report = reportOf(ending);
  const isReverted = ending?.end === "report" && ending.hold?.kind === "reverted";
  const isInLine = report !== undefined && inLine(report) && !isReverted;
  const isBack = ending?.end === "report" && ending.back !== undefined;
  const changed = isBack ? [] : changesWith(report?.outcomes ?? [], "changed");
  const results = {
    "in-line": String(isInLine),
    changes: JSON.stringify(changed),
    restarts: servicesOf(changed),
    status,
    message,
  };
  return failing(results, isInLine ? undefined : message);
}

/** What became of a restart: a wish that is held back is none of its business. `status` is the unit's. Pure. */
export function restartEnd(ending: Ending, { status, message }: UnitStatus): ActionEnd {
  const report = reportOf(ending);
  const isDone = report !== undefined && inLine(report);
  const results = {
    "in-line": String(isDone),
    restarts: servicesOf(changesWith(report?.outcomes ?? [], "changed")),
    status,
    message,
  };
  return failing(results, isDone ? undefined : withoutHold(ending).message);
}

function withoutHold(ending: Ending): UnitStatus {
  if (ending.end !== "report") return statusFor(ending);
  const { hold: _, ...rest } = ending;
  return statusFor(rest);
}

/** What a plan found; it fails only where none could be made. Pure. */
export function planEnd(ending: Ending | { readonly blocked: string }): ActionEnd {
  const report = "blocked" in ending ? undefined : reportOf(ending);
  const due = changesWith(report?.outcomes ?? [], "drifted");
  const results = {
    "in-line": String(report !== undefined && inLine(report)),
    changes: listed(report === undefined ? [] : changesOf(report)),
    restarts: servicesOf(due),
    deferred: report === undefined ? "" : deferredServices(report).join(" "),
    gates: listed(report?.gates ?? []),
  };
  if (report !== undefined) return { results };
  return { results, failure: "blocked" in ending ? ending.blocked : statusFor(ending).message };
}

/** What the gates found; it fails where one is closed, or something differs. Pure. */
export function verifyEnd(ending: Ending): ActionEnd {
  const report = reportOf(ending);
  const gates = report?.gates ?? [];
  const count = (state: GateResult["state"]) => String(gates.filter((gate) => gate.state === state).length);
  const isInLine = report !== undefined && inLine(report);
  const results = {
    "in-line": String(isInLine),
    open: count("open"),
    closed: count("closed"),
    "not-checked": count("not checked"),
    changes: listed(report === undefined ? [] : changesOf(report)),
    deferred: report === undefined ? "" : deferredServices(report).join(" "),
    gates: listed(gates),
  };
  return failing(results, isInLine ? undefined : differing(ending));
}

/** Why a unit is not in line, in words: what differs, else the gate that is closed. */
function differing(ending: Ending): string {
  const differs = changesWith(reportOf(ending)?.outcomes ?? [], "drifted").map(({ id }) => id);
  return differs.length > 0 ? `differs: ${differs.join(", ")}` : statusFor(ending).message;
}

/** Each service's options; it fails where a service would not start with them. Pure. */
export function effectiveEnd(found: readonly EffectiveConfig[]): ActionEnd {
  const optionsOf = (name: string) =>
    JSON.stringify(found.find(({ service }) => service === name)?.options ?? {});
  const results = {
    drivers: (found[0]?.drivers ?? []).join(" "),
    conductor: optionsOf(services.conductor),
    api: optionsOf(services.api),
  };
  const wrong = found.find(({ error }) => error !== undefined);
  return failing(results, wrong === undefined ? undefined : `${wrong.service}: ${wrong.error}`);
}

/** What a plan comes to; it fails where something breaks. Pure. */
export function upgradeEnd({ check, notAsked = "" }: Checked): ActionEnd {
  const { breaks, isLive, driver, chart, capi, consequences } = check;
  const shown = consequences.map(({ isToday, ...it }) => ({ ...it, "is-today": isToday }));
  const results = {
    breaks: String(breaks),
    live: String(isLive),
    "not-asked": notAsked,
    driver,
    chart,
    ...(capi === undefined ? {} : { capi }),
    consequences: listed(shown),
  };
  const first = consequences.find(({ effect }) => effect !== "note");
  return failing(results, first === undefined ? undefined : `${first.effect} ${first.of}: ${first.reason}`);
}
