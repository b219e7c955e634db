import { type Cure, type Host, HostFault } from "../host/host.ts";

/** What a gate found: open, closed (why, what cures it, who), or not checked (why not). */
export type GateState =
  | { readonly state: "open"; readonly detail?: string }
  | { readonly state: "closed"; readonly reason: string; readonly remedy: string; readonly cure: Cure }
  | { readonly state: "not checked"; readonly reason: string };

/** Hears what a gate waits for, in words for a status. */
export type Say = (text: string) => void;

/** One named, read-only check that must pass before a write or after it. */
export interface Gate {
  /** Kebab-case, stable: pipelines match on it. */
  readonly id: string;
  /** What holds when it is open, as a short statement. */
  readonly title: string;
  /** `say` is told what it waits for, where it waits for something to end. */
  check(host: Host, say?: Say): Promise<GateState>;
}

/** A gate with what it found. */
export type GateResult = { readonly id: string; readonly title: string } & GateState;

/** An open gate's state. */
export function open(detail?: string): GateState {
  return detail === undefined ? { state: "open" } : { state: "open", detail };
}

/** A closed gate's state. `cure`: who has to act. */
export function closed(cure: Cure, reason: string, remedy: string): GateState {
  return { state: "closed", cure, reason, remedy };
}

/**
 * Judges gates at the same time; the results keep their order. A fault of the machine closes its gate. Every check has
 * ended when this does, also when it throws.
 */
export async function judge(
  host: Host,
  gates: readonly Gate[],
  say: Say = () => {},
): Promise<readonly GateResult[]> {
  const ends = await Promise.allSettled(gates.map((gate) => stateOf(host, gate, say)));
  return gates.map(({ id, title }, index) => {
    const end = ends[index];
    if (end?.status !== "fulfilled") throw end?.reason;
    return { id, title, ...end.value };
  });
}

async function stateOf(host: Host, gate: Gate, say: Say): Promise<GateState> {
  try {
    return await gate.check(host, say);
  } catch (error) {
    if (error instanceof HostFault) return closed(error.cure, error.message, error.remedy);
    throw error;
  }
}

/** The closed ones among some results. */
export function closedOf(results: readonly GateResult[]): readonly (GateResult & { state: "closed" })[] {
  return results.filter((result) => result.state === "closed");
}
