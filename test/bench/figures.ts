import { pairwise, type Spread, spread } from "./statistics.ts";

/** What a figure should be, and above what it fails the run. */
interface Budget {
  readonly title: string;
  /** `x`: a ratio of times; `commands`: a number of hook commands; `runs`: of runs of the watch. */
  readonly unit: "x" | "MiB" | "commands" | "ms" | "s" | "runs";
  readonly goal: number;
  readonly failsAbove: number;
}

/** What is promised for the repair of a file: as a person waits for it, so no ratio. */
const heal = { unit: "ms", goal: 1000, failsAbove: 2000 } as const;

/** Starts of Python daemons, on few processors, differ by a third from one to the next: a few pairs can't tell less. */
const outage = { unit: "x", goal: 1.1, failsAbove: 1.5 } as const;

/** The budgets of the product. Times are held as ratios, since machines differ, but for those of a repair. */
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
  "outage-conductor": { title: "magnum-conductor out of work in a change, against a restart", ...outage },
  "outage-api": { title: "magnum-api out of work in a change, against a restart", ...outage },
  "heal-drop-in": { title: "drop-in: from its damage to its repair", ...heal },
  "heal-kubeconfig": { title: "kubeconfig: from its damage to its repair", ...heal },
  "heal-block": { title: "block in /etc/default: from its damage to its repair", ...heal },
  "heal-helm": { title: "helm: from its damage to its repair", ...heal },
  "heal-package": {
    title: "package reinstalled: from dpkg's end to in line",
    unit: "s",
    goal: 20,
    failsAbove: 30,
  },
  "idle-runs": { title: "runs of the watch a minute, nothing to do", unit: "runs", goal: 1, failsAbove: 1.2 },
  "idle-cpu": {
    title: "CPU of such a run, against node -e 0",
    unit: "x",
    goal: 1.4,
    failsAbove: 1.7,
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
