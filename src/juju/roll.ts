import type { ClosedTurn } from "../conductor/turn.ts";
import type { PeerData, Roll, Turn } from "./peer-data.ts";

/** All units of the application by name, this one among them. */
export type Units = Readonly<Record<string, PeerData>>;

/** How long a turn may last before it is passed over: a hook may run for ten minutes, and wait as long for another's. */
export const longestTurnMs = 20 * 60_000;

/** The order of units: 2 before 10. */
export function byNumber(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** A turn as long as the unit that has it still asks for it. */
function stillAsked(turn: Turn | undefined, units: Units): Turn | undefined {
  return turn !== undefined && units[turn.unit]?.wants === turn.id ? turn : undefined;
}

/** A clock that was set back by more than a turn's time counts as one that went on. */
function isOver({ at }: Turn, now: number): boolean {
  return Math.abs(now - at) > longestTurnMs;
}

/** Requests that were passed over, while their units still ask for something. */
function stillPassed(passed: Roll["passed"], units: Units): Record<string, string> {
  const kept = Object.entries(passed ?? {}).filter(([name]) => units[name]?.wants !== undefined);
  return Object.fromEntries(kept);
}

/** Those who wait, the lowest number first, but after all others those that did not use their turn. */
function waiting(units: Units, passed: Readonly<Record<string, string>>): readonly string[] {
  const rank = (name: string) => (passed[name] === undefined ? 0 : 1);
  return Object.entries(units)
    .filter(([name, { wants }]) => wants !== undefined && wants !== passed[name])
    .map(([name]) => name)
    .toSorted((a, b) => rank(a) - rank(b) || byNumber(a, b));
}

/**
 * Whose turn it is next, by what the units tell: one unit at a time restarts, the lowest number first. A unit on which
 * a change failed stops all others, but may try again itself; one that does not use its turn in time is passed over,
 * and comes last when it asks anew. `now` in milliseconds since the epoch. Pure.
 */
export function decide(roll: Roll, units: Units, now: number): Roll {
  const passed = stillPassed(roll.passed, units);
  const failed = Object.keys(units)
    .filter((name) => units[name]?.failed !== undefined)
    .toSorted(byNumber);
  const [stopped] = failed;
  let turn = stillAsked(roll.turn, units);
  if (turn !== undefined && isOver(turn, now) && !failed.includes(turn.unit)) {
    passed[turn.unit] = turn.id;
    turn = undefined;
  }
  const [next] = waiting(units, passed).filter((name) => stopped === undefined || failed.includes(name));
  const id = next === undefined ? undefined : units[next]?.wants;
  if (turn === undefined && next !== undefined && id !== undefined) turn = { unit: next, id, at: now };
  return { salt: roll.salt, turn, stopped, passed };
}

/** Why a unit may not restart its services now; `undefined` where it may. Pure. */
export function closedTurn(
  { turn, stopped }: Roll,
  unit: string,
  id: string | undefined,
): ClosedTurn | undefined {
  if (turn !== undefined && turn.unit === unit && turn.id === id) return undefined;
  const why = stopped !== undefined && stopped !== unit ? `${stopped} failed` : restarting(turn, unit);
  return { reason: `waiting for its turn to restart${why === "" ? "" : ` (${why})`}` };
}

function restarting(turn: Turn | undefined, unit: string): string {
  return turn === undefined || turn.unit === unit ? "" : `${turn.unit} restarts`;
}
