import type { HookContext } from "./agent-state.ts";
import type { AgentStore } from "./agent-store.ts";
import type { HookCall } from "./call-record.ts";
import type { Environment } from "./hook-environment.ts";
import { hookCommandLine } from "./hook-file.ts";
import type { Finished, Machine, Running } from "./machine.ts";
import { type LockFiles, underMachineLock } from "./machine-lock.ts";
import type { UnitPaths } from "./unit-paths.ts";

/** A program of the charm that is about to run, and the context in which its hook commands work. */
export interface Program {
  readonly context: HookContext;
  /** As the machine names it. */
  readonly path: string;
  readonly environment: Environment;
  /** Who logs what it prints. */
  readonly logger: string;
}

/** What a program came to. */
export interface Ended extends Finished {
  readonly ms: number;
  /** The hook commands that it ran, in the order in which they ended. */
  readonly calls: readonly HookCall[];
  /** Its context as its last hook command left it. */
  readonly context: HookContext;
}

/** A program that waits for the machine lock or runs. */
export interface Started<T> {
  /** 0 until it runs. */
  readonly pid: number;
  /** Sends a signal as soon as it runs. */
  kill(signal: NodeJS.Signals): void;
  readonly done: Promise<T>;
}

/** Runs programs of one unit's charm, each under the lock of the machine. */
export class ContextRunner {
  readonly #machine: Machine;
  readonly #paths: UnitPaths;
  readonly #store: AgentStore;
  readonly #lock: LockFiles;

  constructor(machine: Machine, paths: UnitPaths, store: AgentStore) {
    this.#machine = machine;
    this.#paths = paths;
    this.#store = store;
    this.#lock = { lock: paths.onHost(paths.machineLock), log: paths.onHost(paths.machineLockLog) };
  }

  /** Does work under the lock of the machine, for the unit unless told, waiting for it at most `limitMs`. */
  async exclusively<T>(
    comment: string,
    limitMs: number,
    work: () => Promise<T>,
    unit: string = this.#store.read().unit,
  ): Promise<T> {
    return await underMachineLock(this.#lock, { unit, comment }, limitMs, work);
  }

  /**
   * Waits for the lock, then has the program prepared, runs it, and has its end judged while it still holds the
   * lock. The time limit holds for the wait and for the program, for each in full.
   */
  start<T>(
    comment: string,
    timeoutMs: number,
    prepare: () => Program,
    judge: (ended: Ended) => T,
  ): Started<T> {
    let running: Running | undefined;
    const signals: NodeJS.Signals[] = [];
    const done = this.exclusively(comment, timeoutMs, async () => {
      const program = prepare();
      const ended = await this.#run(program, timeoutMs, (started) => {
        running = started;
        for (const signal of signals) started.kill(signal);
      });
      return judge(ended);
    });
    return {
      get pid() {
        return running?.pid ?? 0;
      },
      kill(signal) {
        if (running === undefined) signals.push(signal);
        else running.kill(signal);
      },
      done,
    };
  }

  async #run(
    { context, path, environment, logger }: Program,
    timeoutMs: number,
    onStart: (running: Running) => void,
  ): Promise<Ended> {
    const callsBefore = this.#store.calls().length;
    const started = Date.now();
    this.#store.change(({ relations }) => ({ context, "relations-before": relations }));
    let isCommitted = false;
    let left: HookContext | null = null;
    let finished: Finished;
    try {
      const running = this.#machine.spawn(hookCommandLine(this.#paths, path, environment), { timeoutMs });
      onStart(running);
      finished = await running.done;
      isCommitted = finished.code === 0;
    } finally {
      this.#store.change((state) => {
        left = state.context;
        // What a hook tells in its relations is sent when it has ended well.
        const relations = isCommitted ? state.relations : (state["relations-before"] ?? state.relations);
        return { context: null, relations };
      });
    }
    const ms = Date.now() - started;
    this.#store.change(({ log }) => ({ log: [...log, ...outputLines(finished, logger)] }));
    const since = this.#store.calls().slice(callsBefore);
    const calls = since.filter(({ command }) => command !== "juju-exec");
    return { ...finished, ms, calls, context: left ?? context };
  }
}

/** What the agent keeps of an output: a last line without a line end is lost. */
export function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

/** The agent logs each line that a program prints. */
function outputLines({ stdout, stderr }: Finished, logger: string): readonly string[] {
  const lines = (text: string, level: string): readonly string[] =>
    wholeLines(text)
      .split("\n")
      .slice(0, -1)
      .map((line) => `${level} ${logger} ${line}`);
  return [...lines(stderr, "WARNING"), ...lines(stdout, "DEBUG")];
}
