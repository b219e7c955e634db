import type { AgentState } from "./agent-state.ts";
import { type Flag, UsageError } from "./gnu-flags.ts";
import type { Value } from "./go-json.ts";
import { goQuote, goQuoteList } from "./go-quote.ts";

/** What a hook command is given once its flags are read. */
export interface CommandInput {
  readonly state: AgentState;
  /** Flags that were given, by their first name; booleans read "true" or "false". */
  readonly flags: ReadonlyMap<string, string>;
  readonly args: readonly string[];
  /** The folder of the unit's agent. */
  readonly agent: string;
}

/** A resource whose bytes have to be at a path when a command has ended. */
export interface Fetch {
  readonly resource: string;
  readonly to: string;
}

/** What a hook command answers. */
interface CommandResult {
  /** The value to print in the chosen format; nothing is printed without it. */
  readonly value?: Value;
  readonly stderr?: string;
  /** Printed as it is, without a format or a newline. */
  readonly text?: string;
  /** The file of a resource that the agent fetches from the controller. */
  readonly fetch?: Fetch;
  /** The parts of the state that become others. */
  readonly changes?: Partial<AgentState>;
}

/** One hook command: a pure function of its arguments and the state. */
export interface HookCommand {
  readonly usage: string;
  /** The formats of `--format`, the default one first; a command without output has none. */
  readonly formats: readonly Format[];
  flags(state: AgentState): readonly Flag[];
  /** Throws `UsageError` (exit code 2) or `RunError` (exit code 1). */
  run(input: CommandInput): CommandResult;
}

/** A form in which a hook command prints its value. */
export type Format = "smart" | "yaml" | "json";

/** A command that was understood and failed: exit code 1. A failure may still have changed the state. */
export class RunError extends Error {
  readonly changes: Partial<AgentState>;

  constructor(message: string, changes: Partial<AgentState> = {}) {
    super(message);
    this.changes = changes;
  }
}

/** Refuses arguments that a command does not take. */
export function refuseExtra(args: readonly string[]): void {
  if (args.length > 0) throw new UsageError(`unrecognized args: ${goQuoteList(args)}`);
}

/** The flags of every command with output. */
export function outputFlags(formats: readonly Format[]): readonly Flag[] {
  const check = (value: string): string | undefined =>
    formats.some((format) => format === value) ? undefined : `unknown format ${goQuote(value)}`;
  return [
    { names: ["format"], kind: "text", check },
    { names: ["o", "output"], kind: "text" },
  ];
}

/** A flag without a value. */
export function booleanFlag(...names: [string, ...string[]]): Flag {
  return { names, kind: "boolean" };
}

/** A flag with any text as its value. */
export function textFlag(...names: [string, ...string[]]): Flag {
  return { names, kind: "text" };
}
