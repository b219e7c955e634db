import { pairwise, type Spread, spread } from "./statistics.ts";

/** What a figure should be, and above what it fails the run. */
interface Budget {
  readonly title: string;
  /** `x`: a ratio of times; `commands`: a number of hook commands. */
  readonly unit: "x" | "MiB" | "commands";
  readonly goal: number;
  readonly failsAbove: number;
}

/** The budgets of the product. Times are held as ratios only, since machines differ. */
const budgets = {
  "update-status-node": {
    title: "update-status, nothing to do, against node -e 0",
    unit: "x",
    goal: 1.4,
    failsAbove: 1.7,
  },
  "update-status-ops": {
    title: "update-status, nothing to do, against an equal hook on ops",
    unit: "x",
    goal: 0.33,
    failsAbove: 0.5,
  },
  "config-changed-node": {
    title: "config-changed, nothing to do, against node -e 0",
    unit: "x",
    goal: 2.3,
    failsAbove: 3,
  },
  "peak-memory": { title: "peak memory of a hook with nothing to do", unit: "MiB", goal: 46, failsAbove: 52 },
  "hook-commands": {
    title: "hook commands in a hook with nothing to do",
    unit: "commands",
    goal: 3,
    failsAbove: 4,
  },
  "charm-size": { title: "charm file, one architecture", unit: "MiB", goal: 42, failsAbove: 50 },
  "first-graft": {
    title: "first graft, against the runbook as a shell script",
    unit: "x",
    goal: 1.3,
    failsAbove: 1.6,
  },
} as const satisfies Readonly<Record<string, Budget>>;

/** A budget with what was measured. */
export interface Figure extends Budget, Spread {
  readonly id: keyof typeof budgets;
  /** The median against the budget. */
  readonly verdict: "ok" | "over its goal" | "fails";
  /** What the figure was made of. */
  readonly detail: string;
}

/** Judges the median of some values. Pure. */
export function figure(id: Figure["id"], values: readonly number[], detail: string): Figure {
  const budget = budgets[id];
  const found = spread(values);
  const verdict =
    found.median <= budget.goal ? "ok" : found.median <= budget.failsAbove ? "over its goal" : "fails";
  return { id, ...budget, ...found, verdict, detail };
}

/** A ratio of times in ms, of runs made in turn. */
export function ratioFigure(id: Figure["id"], times: readonly number[], against: readonly number[]): Figure {
  return figure(
    id,
    pairwise(times, against),
    `${duration(spread(times).median)} : ${duration(spread(against).median)}`,
  );
}

/** A time in ms, for people. */
export function duration(ms: number): string {
  return ms < 10_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
