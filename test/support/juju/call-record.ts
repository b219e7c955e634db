import { appendFileSync, existsSync, readFileSync } from "node:fs";

/** One hook command that ran. */
export interface HookCall {
  readonly command: string;
  readonly argv: readonly string[];
  /** The hook that called it, or `actions/NAME`, or what else JUJU_DISPATCH_PATH said; empty without both. */
  readonly hook: string;
  readonly code: number;
  /** What it answered; a secret's content where that was asked for. */
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds from the start of its process to its answer. */
  readonly ms: number;
}

/** Adds a call to the record. One write each, so calls that run side by side do not mix. */
export function recordCall(file: string, call: HookCall): void {
  appendFileSync(file, `${JSON.stringify(call)}\n`, { mode: 0o600 });
}

/** Reads the record in the order in which the calls ended. */
export function readCalls(file: string): readonly HookCall[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as HookCall);
}
