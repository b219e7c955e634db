import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

/** The files of a machine's lock, on the host that takes it. */
export interface LockFiles {
  readonly lock: string;
  /** `machine-lock.log`. */
  readonly log: string;
}

/** Who takes the lock of a machine, and for what. */
export interface LockHolder {
  /** The unit whose agent takes it, such as `magnum/0`. */
  readonly unit: string;
  /** What its agent does, such as `run config-changed hook`. */
  readonly comment: string;
}

/**
 * Does work under the lock that all agents of a machine share, so that none of their hooks, actions and `juju-exec`
 * overlap. Throws when the lock is not free within `limitMs`. The lock goes with the process that holds it.
 *
 * Nothing of this was seen in a running Juju: that all three take the lock, the lines of `machine-lock.log`, when
 * they are written (at release) and the mode of that file are from its source.
 */
export async function underMachineLock<T>(
  files: LockFiles,
  holder: LockHolder,
  limitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  mkdirSync(dirname(files.lock), { recursive: true });
  const descriptor = openSync(files.lock, "a", 0o600);
  try {
    const requested = Date.now();
    await flock(descriptor, holder, limitMs);
    const acquired = Date.now();
    try {
      return await work();
    } finally {
      writeLogLine(files.log, holder, { requested, acquired, released: Date.now() });
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Node has no flock: the command takes it on a descriptor that is ours too, and leaves it to us. */
async function flock(descriptor: number, { unit, comment }: LockHolder, limitMs: number): Promise<void> {
  const seconds = String(limitMs / 1000);
  const child = spawn("/usr/bin/flock", ["--exclusive", "--timeout", seconds, "3"], {
    stdio: ["ignore", "ignore", "inherit", descriptor],
  });
  const code = await exitCode(child);
  if (code === 0) return;
  const reason =
    code === 1
      ? `was not free within ${seconds} s: see what holds it`
      : `was not taken: flock ended with ${code}`;
  throw new Error(`the machine lock for ${unit} (${comment}) ${reason}`);
}

function exitCode(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
}

interface LockTimes {
  readonly requested: number;
  readonly acquired: number;
  readonly released: number;
}

function writeLogLine(file: string, { unit, comment }: LockHolder, times: LockTimes): void {
  const agent = `unit-${unit.replace("/", "-")}`;
  const at = logTime(times.released);
  const waited = goDuration(times.acquired - times.requested);
  const held = goDuration(times.released - times.acquired);
  mkdirSync(dirname(file), { recursive: true });
  const known = existsSync(file) ? readFileSync(file, "utf8") : "";
  const start = `=== agent ${agent} started ===`;
  const first = known.includes(start) ? "" : `${logTime(times.requested)} ${start}\n`;
  const line = `${at} ${agent}: ${unit} uniter (${comment}), waited ${waited}, held ${held}\n`;
  appendFileSync(file, first + line, { mode: 0o600 });
}

function logTime(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

/** Writes a duration as Juju does, in whole seconds: `0s`, `1m5s`, `1h0m0s`. */
function goDuration(ms: number): string {
  const all = Math.round(ms / 1000);
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
