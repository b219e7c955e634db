import type { Refusal } from "../conductor/config.ts";
import type { EffectiveConfig } from "../conductor/effective-config.ts";
import type { Hold } from "../conductor/hold.ts";
import type { Cure } from "../host/host.ts";
import type { GateResult } from "../reconcile/gate.ts";
import type { Progress } from "../reconcile/reconcile.ts";
import { type Outcome, type Report, troubles } from "../reconcile/report.ts";
import type { Change, Drift, State } from "../reconcile/resource.ts";

/** Paints a text for a terminal, or leaves it as it is. */
export type Paint = (colour: keyof typeof codes, text: string) => string;

const codes = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** Paint that colours, or not. */
export function paint(colour: boolean): Paint {
  return (name, text) => (colour ? `\u001b[${codes[name]}m${text}\u001b[0m` : text);
}

/** A value of a state, for people: a digest is shortened. */
export function renderValue(it: State[string] | undefined): string {
  if (it === undefined) return "absent";
  const text = String(it);
  return /^[0-9a-f]{64}$/.test(text) ? `sha256:${text.slice(0, 12)}` : text;
}

function renderDrift({ key, observed, desired }: Drift, color: Paint): string {
  return `    ${key}: ${color("red", renderValue(observed))} -> ${color("green", renderValue(desired))}`;
}

/** One change with what was found and what is wanted, a line for each key. */
function renderChange(change: Change, color: Paint): string {
  return [
    `  ${color("bold", `${change.action} ${change.id}`)}`,
    ...change.drift.map((drift) => renderDrift(drift, color)),
  ].join("\n");
}

function note(outcome: Outcome): string | undefined {
  if (outcome.outcome === "held") {
    return outcome.gates.map((gate) => (gate.state === "closed" ? `held: ${gate.reason}` : "")).join("; ");
  }
  if (outcome.outcome === "skipped") return `skipped: ${outcome.because}`;
  if (outcome.outcome === "failed") return `failed: ${outcome.reason}; next: ${outcome.remedy}`;
  return undefined;
}

function renderOutcome(outcome: Outcome, color: Paint): string | undefined {
  if (!("change" in outcome)) return undefined;
  const more = note(outcome);
  const text = renderChange(outcome.change, color);
  return more === undefined ? text : `${text}\n    ${color("yellow", more)}`;
}

const marks = { open: "open", closed: "CLOSED", "not checked": "not checked" } as const;
const who: Readonly<Record<Cure, string>> = {
  operator: "for the operator",
  time: "for time to cure",
  note: "a note",
};

function renderGate(gate: GateResult, color: Paint): string {
  const colour = gate.state === "open" ? "green" : gate.state === "closed" ? "red" : "dim";
  const mark = color(colour, marks[gate.state].padEnd(11));
  const first = `  ${mark}  ${gate.id}: ${gate.title}`;
  if (gate.state === "open")
    return gate.detail === undefined ? first : `${first} ${color("dim", `(${gate.detail})`)}`;
  if (gate.state === "not checked") return `${first} ${color("dim", `(${gate.reason})`)}`;
  return `${first}\n               ${gate.reason}; next: ${gate.remedy} (${who[gate.cure]})`;
}

/** The gates as a table. */
export function renderGates(gates: readonly GateResult[], color: Paint): string {
  return gates.map((gate) => renderGate(gate, color)).join("\n");
}

function headline(report: Report, count: number): string {
  if (count === 0) return "nothing differs";
  const refused = report.outcomes.every(({ outcome }) => outcome === "skipped" || outcome === "unchanged");
  const applied = refused ? "to change, and nothing was written" : "changed or held";
  const done = report.mode === "apply" ? applied : "to change";
  return `${count} ${count === 1 ? "resource" : "resources"} ${done}:`;
}

/** A report as text: what differs or was changed, then the gates that were judged. */
export function renderReport(report: Report, color: Paint): string {
  const lines = report.outcomes.map((it) => renderOutcome(it, color)).filter((it) => it !== undefined);
  const parts = [headline(report, lines.length), ...lines];
  if (report.gates.length > 0) parts.push("gates:", renderGates(report.gates, color));
  return `${parts.join("\n")}\n`;
}

/** The options of each service, with the file that each value comes from. */
export function renderEffectiveConfig(services: readonly EffectiveConfig[]): string {
  const lines = services.flatMap(({ service, drivers, options, error }) => [
    `${service}:`,
    ...(error === undefined ? [`  drivers: ${drivers.join(", ")}`] : [`  ERROR: ${error}`]),
    ...Object.entries(options).map(([name, it]) =>
      "error" in it
        ? `  ${name}: ${it.error}`
        : `  ${name} = ${it.value}${it.file === "" ? "" : `  (${it.file})`}`,
    ),
  ]);
  return `${lines.join("\n")}\n`;
}

/** What holds a wish back, and how the way back went. */
export function renderHold(hold: Hold, back?: Report): string {
  const { kind, source, reason, remedy, at } = hold;
  const what = kind === "rollback" ? reason : `reverted, ${source}: ${reason}`;
  const left =
    back === undefined ? [] : troubles(back).map((it) => `  not undone: ${it.source}: ${it.reason}\n`);
  return `${what} (${at}); next: ${remedy}\n${left.join("")}`;
}

/** Refused options, a line each. */
export function renderRefusals(refusals: readonly Refusal[]): string {
  return refusals
    .map(
      ({ option, value: set, accepted }) =>
        `${option}: ${set === "" ? "empty" : set}; accepted: ${accepted}\n`,
    )
    .join("");
}

/** A line of progress for somebody who waits; `undefined` where there is nothing to say. */
export function renderProgress(progress: Progress): string | undefined {
  if (progress.step === "applying") return `${progress.change.action} ${progress.change.id}\n`;
  if (progress.step === "reverting") {
    const { source, reason } = progress.because;
    return `reverting: ${source}: ${reason}\n`;
  }
  if (progress.step === "waiting") return `${progress.text}\n`;
  if (progress.step === "judging") {
    if (progress.when === "before") return "fetching and checking, before anything is written\n";
    return `judging ${progress.gates.length} gates (after a restart it takes 12 s)\n`;
  }
  return undefined;
}
