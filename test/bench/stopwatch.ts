import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Conductor } from "../rig/conductor.ts";

const program = readFileSync(join(import.meta.dirname, "stopwatch.py"), "utf8");

/** A command to be timed. */
export interface Case {
  /** Its program is a full path. */
  readonly argv: readonly string[];
  /** Added to the environment of all. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where it runs; `/` by default. */
  readonly directory?: string;
  /** A file that is taken away before each run. */
  readonly remove?: string;
}

/** What one run of a command took. */
interface Run {
  /** Until its process had ended. */
  readonly ms: number;
  /** The largest memory of it and of the children that it waited for. */
  readonly kib: number;
}

/** The runs of each case, by its name and in the order of the rounds. */
export type Runs<Name extends string> = Readonly<Record<Name, readonly Run[]>>;

/**
 * Runs commands one after another inside a conductor, as many rounds as told, before all else on the machine. Throws when one fails or takes longer than `limitSeconds`.
 */
export async function timeInTurn<Name extends string>(
  conductor: Conductor,
  cases: Readonly<Record<Name, Case>>,
  how: {
    readonly rounds: number;
    readonly warmUp: number;
    readonly limitSeconds: number;
    readonly environment: Readonly<Record<string, string>>;
  },
): Promise<Runs<Name>> {
  const named = Object.entries<Case>(cases).map(([name, each]) => ({ name, ...each }));
  const { rounds, warmUp, limitSeconds: limit, environment } = how;
  const input = JSON.stringify({ rounds, "warm-up": warmUp, limit, environment, cases: named });
  const result = await conductor.exec(["python3", "-c", program], { input, timeoutMs: 600_000 });
  if (result.code !== 0) throw new Error(result.stderr);
  const { runs, undisturbed }: { runs: Runs<Name>; undisturbed: boolean } = JSON.parse(result.stdout);
  if (!undisturbed)
    process.stderr.write("bench: no real-time priority here: other work disturbs the times\n");
  return runs;
}
