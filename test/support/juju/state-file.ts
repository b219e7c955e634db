import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AgentState } from "./agent-state.ts";

/** How long a change may take, in ms: a lock that is older is that of a killed process. A change takes about 1 ms. */
const staleAfter = 3000;

/** Reads the state. A change replaces the file as a whole, so a reader needs no lock. */
export function readState(file: string): AgentState {
  return JSON.parse(readFileSync(file, "utf8")) as AgentState;
}

/** Writes a state where none may be changing it yet. */
export function writeState(file: string, state: AgentState): void {
  writeFileSync(`${file}.new`, JSON.stringify(state, null, 1), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Changes the state under a lock: hooks run hook commands side by side. Returns what the change returns. */
export function changeState<T extends { readonly changes?: Partial<AgentState> }>(
  file: string,
  change: (state: AgentState) => T,
): T {
  const lock = `${file}.lock`;
  takeLock(lock);
  try {
    const state = readState(file);
    const result = change(state);
    if (result.changes !== undefined) writeState(file, { ...state, ...result.changes });
    return result;
  } finally {
    rmSync(lock, { force: true });
  }
}

function takeLock(lock: string): void {
  while (!tryLock(lock)) {
    if (isStale(lock)) rmSync(lock, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

function tryLock(lock: string): boolean {
  try {
    closeSync(openSync(lock, "wx"));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function isStale(lock: string): boolean {
  const held = statSync(lock, { throwIfNoEntry: false });
  return held !== undefined && Date.now() - held.mtimeMs > staleAfter;
}
