import type { Deadlines } from "../host/deadline.ts";

/** A hook or an action is over by then, in milliseconds since its program started, whatever hangs. */
export const hookLimitMs = 600_000;

/** Until then, Juju is told how it went. */
export const tellLimitMs = 590_000;

/** Until then it works; and takes back what it could not end. */
export const hookDeadlines: Deadlines = { workMs: 450_000, wholeMs: 550_000 };

/** Milliseconds since this program started, by a clock that nobody sets. */
export function sinceStart(): number {
  return process.uptime() * 1_000;
}
