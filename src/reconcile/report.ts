import type { Cure } from "../host/host.ts";
import { closedOf, type GateResult } from "./gate.ts";
import type { Change, ResourceId } from "./resource.ts";

/** What became of one resource. */
export type Outcome = { readonly id: ResourceId } & (
  | { readonly outcome: "unchanged" }
  | { readonly outcome: "drifted" | "changed"; readonly change: Change }
  | { readonly outcome: "held"; readonly change: Change; readonly gates: readonly GateResult[] }
  | { readonly outcome: "skipped"; readonly change: Change; readonly because: string }
  | {
      readonly outcome: "failed";
      readonly change: Change;
      readonly reason: string;
      readonly remedy: string;
      readonly cure: Cure;
    }
);

/** What a walk over the resources found and did. `gates` are the ones judged at its end, or those that refused it. */
export interface Report {
  readonly mode: "plan" | "apply";
  readonly outcomes: readonly Outcome[];
  readonly gates: readonly GateResult[];
}

/** Why a unit is not as desired, whose turn it is, and the next step. */
export interface Trouble {
  readonly cure: Cure;
  /** The gate or resource that it comes from. */
  readonly source: string;
  readonly reason: string;
  readonly remedy: string;
}

const rank: Readonly<Record<Cure, number>> = { operator: 0, time: 1, note: 2 };

function troublesOf(outcome: Outcome): readonly Trouble[] {
  if (outcome.outcome === "failed") {
    const { cure, reason, remedy } = outcome;
    return [{ cure, source: outcome.id, reason, remedy }];
  }
  return outcome.outcome === "held" ? gateTroubles(outcome.gates) : [];
}

function gateTroubles(gates: readonly GateResult[]): readonly Trouble[] {
  return closedOf(gates).map(({ id, cure, reason, remedy }) => ({ cure, source: id, reason, remedy }));
}

/** All that is in the way, worst first: what an operator has to do, then what time cures, then notes. Pure. */
export function troubles(report: Report): readonly Trouble[] {
  const all = [...report.outcomes.flatMap(troublesOf), ...gateTroubles(report.gates)];
  const seen = new Set<string>();
  const worstFirst = all.toSorted((a, b) => rank[a.cure] - rank[b.cure]);
  return worstFirst.filter(({ source }) => !seen.has(source) && seen.add(source));
}

/** Whether the machine is as desired: nothing differs, and no gate is closed but for notes. Pure. */
export function inLine(report: Report): boolean {
  const left = report.outcomes.filter(({ outcome }) => outcome !== "unchanged" && outcome !== "changed");
  const onlyNotes = left.every(
    (outcome) => troublesOf(outcome).length > 0 && troublesOf(outcome).every(isNote),
  );
  return onlyNotes && gateTroubles(report.gates).every(isNote);
}

function isNote(trouble: Trouble): boolean {
  return trouble.cure === "note";
}

/** The changes that were made, or in a plan would be. Pure. */
export function changesOf(report: Report): readonly Change[] {
  return report.outcomes.flatMap((outcome) => ("change" in outcome ? [outcome.change] : []));
}

/** Whether nothing of a change was written, because a gate was closed beforehand. Pure. */
export function isRefused({ outcomes }: Report): boolean {
  const skipped = outcomes.some(({ outcome }) => outcome === "skipped");
  return skipped && outcomes.every(({ outcome }) => outcome === "skipped" || outcome === "unchanged");
}
