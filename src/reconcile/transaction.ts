import { type Host, readJson } from "../host/host.ts";
import { type Outcome, type Report, type Trouble, troubles } from "./report.ts";

/**
 * Where a change stands: `switching` from its first write on, then `committing` when it held, or `reverting` when it
 * did not. A run that was killed leaves its phase behind, and the next one goes on from there.
 */
type Phase = "switching" | "committing" | "reverting";

/** What a change leaves on disk before its first write, so that it can be finished or taken back by another run. */
export interface Entry<Wish> {
  readonly phase: Phase;
  /** ISO time. */
  readonly startedAt: string;
  /** What the change is to bring about. */
  readonly wish: Wish;
  /** What was in force before it; absent for the first one. */
  readonly before?: Wish;
  /** Services that ran before it. */
  readonly running: readonly string[];
  /** Why it is being taken back. */
  readonly failure?: Trouble;
}

/** The file (0600, root) that holds the entry of the change under way. */
export interface Journal<Wish> {
  read(host: Host): Promise<Entry<Wish> | undefined>;
  write(host: Host, entry: Entry<Wish>): Promise<void>;
  /** Ends the change: the entry goes first, so that a run killed in here leaves copies that are nobody's. */
  end(host: Host): Promise<void>;
}

/** A journal in `directory`, beside the copies of what the change replaces. */
export function journal<Wish>(directory: string): Journal<Wish> {
  const path = `${directory}/journal.json`;
  return {
    read: (host) => readJson<Entry<Wish>>(host.fs, path),
    write: async (host, entry) => {
      const rootOnly = { uid: 0, gid: 0 };
      await host.fs.makeDirectory(directory, { ...rootOnly, mode: "0700" });
      await host.fs.write(path, `${JSON.stringify(entry)}\n`, { ...rootOnly, mode: "0600" });
    },
    end: async (host) => {
      await host.fs.remove(path);
      await host.fs.removeTree(directory);
    },
  };
}

/** What a caller knows of its change that the report does not say. */
export interface Circumstances {
  /** Gates that were closed before the change began: it is not to blame for them. */
  readonly closedBefore: ReadonlySet<string>;
  /** Whether a gate that holds a resource back leaves the change good: a service that is down on purpose stays down. */
  isDeliberate(gate: string): boolean;
  /** Whether a gate is about another machine, so that no way back would open it. */
  isElsewhere(gate: string): boolean;
}

function failureOf(outcome: Outcome, circumstances: Circumstances): Trouble | undefined {
  if (outcome.outcome === "failed") {
    const { id: source, reason, remedy, cure } = outcome;
    if (cure === "note") return undefined;
    return { source, reason, remedy, cure };
  }
  if (outcome.outcome === "drifted") {
    const keys = outcome.change.drift.map(({ key }) => key).join(", ");
    const reason = `it was undone by something else (${keys})`;
    return { source: outcome.id, reason, remedy: "find out what else writes it", cure: "operator" };
  }
  if (outcome.outcome !== "held") return undefined;
  const [gate] = outcome.gates.filter(({ id }) => !circumstances.isDeliberate(id));
  if (gate?.state !== "closed") return undefined;
  return { source: gate.id, reason: gate.reason, remedy: gate.remedy, cure: gate.cure };
}

function isService({ id }: Outcome): boolean {
  return id.startsWith("service:");
}

/**
 * Why a change did not hold: the first resource or gate that says so; `undefined` for one that holds. A service that
 * was started and is not as it was then comes last, since the gates say more of it. Pure.
 */
export function whyNotHeld(report: Report, circumstances: Circumstances): Trouble | undefined {
  const isLast = (it: Outcome) => it.outcome === "drifted" && isService(it);
  const failures = (some: readonly Outcome[]) => some.flatMap((it) => failureOf(it, circumstances) ?? []);
  const [first] = failures(report.outcomes.filter((it) => !isLast(it)));
  if (first !== undefined) return first;
  const held = report.outcomes.filter((it) => it.outcome === "held" && isService(it));
  const down = held.map(({ id }) => id.slice("service:".length));
  const [closed] = troubles({ ...report, outcomes: [] }).filter(
    ({ source, cure }) =>
      cure !== "note" &&
      !circumstances.isElsewhere(source) &&
      !circumstances.closedBefore.has(source) &&
      !down.some((service) => source.startsWith(`${service}-`)),
  );
  return closed ?? failures(report.outcomes.filter(isLast))[0];
}
