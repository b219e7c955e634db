import { basename } from "node:path";
import type { Host } from "../host/host.ts";
import type { Conductor } from "./conductor.ts";
import { viewsAsDaemons } from "./daemon-view.ts";
import { configArguments } from "./gates.ts";
import { childrenOf, programOf } from "./processes.ts";

/** One look at the workers of a main process. */
export interface Workers {
  /** Those that run. */
  readonly present: readonly number[];
  /** Those that run, where there was an earlier look only those that ran then as well. */
  readonly steady: readonly number[];
  /** Those that ran in two looks and are gone. */
  readonly lost: readonly number[];
  /** How many came and went, those of one look only too. */
  readonly gone: number;
}

const shells = new Set(["sh", "bash", "dash", "busybox"]);

/**
 * Looks at the workers of one main process again and again. A worker is a child that runs the main process's own
 * program: helm, and what an init script runs before it becomes the daemon (`systemctl`, `find`), are none. One look
 * is not enough to know a worker, since any child is a copy of its parent until it runs its own program.
 */
export function followWorkers(): (host: Host, mainPid: number) => Promise<Workers> {
  let program: string | undefined;
  let last: readonly number[] | undefined;
  const seen = new Set<number>();
  const known = new Set<number>();
  const restart = (found: string | undefined) => {
    program = found;
    last = undefined;
    seen.clear();
    known.clear();
  };
  return async (host, mainPid) => {
    const found = await programOf(host, mainPid);
    if (found !== program) restart(found);
    const now = await workersOf(host, mainPid, found);
    const before = last;
    last = now;
    const steady = before === undefined ? now : now.filter((pid) => before.includes(pid));
    addAll(seen, now);
    if (before !== undefined) addAll(known, steady);
    return { present: now, steady, lost: without(known, now), gone: without(seen, now).length };
  };
}

function addAll(set: Set<number>, pids: readonly number[]): void {
  for (const pid of pids) set.add(pid);
}

function without(set: ReadonlySet<number>, pids: readonly number[]): readonly number[] {
  return [...set].filter((pid) => !pids.includes(pid));
}

async function workersOf(host: Host, pid: number, program: string | undefined): Promise<readonly number[]> {
  if (shells.has(basename(program ?? ""))) return [];
  const children = await childrenOf(host, pid);
  const programs = await Promise.all(children.map((child) => programOf(host, child)));
  return children.filter((_, index) => programs[index] === program);
}

/** Magnum's own server (not uwsgi) forks a process for each request, and none before (magnum/cmd/api.py, 15 to 20). */
export function forksForRequests(words: readonly string[]): boolean {
  return runs(words, "magnum-api");
}

/** A script's own name is behind its interpreter. */
function runs(words: readonly string[], script: string): boolean {
  return words.slice(0, 2).some((word) => basename(word) === script);
}

/** Whether a conductor works in its main process alone: oslo.service does with one worker (oslo_service/service.py). */
export async function worksAlone(host: Host, unit: Conductor, words: readonly string[]): Promise<boolean> {
  if (!runs(words, "magnum-conductor")) return false;
  const asked = { args: configArguments(words), options: [["conductor", "workers"]] as const };
  const [view] = await viewsAsDaemons(host, unit, [asked]);
  const seen = view?.options["conductor.workers"];
  if (seen === undefined || "error" in seen) return false;
  if (/^[1-9]/.test(seen.value)) return seen.value === "1";
  const processors = await host.run(["getconf", "_NPROCESSORS_ONLN"], { timeoutMs: 5_000 });
  return processors.stdout.trim() === "1";
}
