import type { AgentStore } from "./agent-store.ts";
import type { HookCall } from "./call-record.ts";
import { afterHook, beforeHook } from "./hook-effects.ts";
import { type Hook, hookContext, hookEnvironment } from "./hook-environment.ts";
import { findHook, hookCommandLine } from "./hook-file.ts";
import type { Finished, Machine, Running } from "./machine.ts";
import type { UnitPaths } from "./unit-paths.ts";

/** What a hook came to. */
export interface HookResult {
  readonly hook: string;
  /** Exit code; 0 too when nothing ran. 126 when the hook is there and cannot be started. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** The hook commands that it ran, in the order in which they ended. */
  readonly calls: readonly HookCall[];
  /** True when Juju runs nothing: the charm has no such hook, or there was nothing to tell it. */
  readonly skipped: boolean;
}

/** A hook that still runs, for tests that kill it. */
export interface RunningHook {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  readonly done: Promise<HookResult>;
}

/** The result of a hook that Juju does not run. */
export function skippedHook(hook: string): HookResult {
  return { hook, code: 0, stdout: "", stderr: "", ms: 0, calls: [], skipped: true };
}

/** Runs the hooks of one unit, one at a time, and keeps the agent's state in step. */
export class HookRunner {
  readonly #machine: Machine;
  readonly #paths: UnitPaths;
  readonly #store: AgentStore;

  constructor(machine: Machine, paths: UnitPaths, store: AgentStore) {
    this.#machine = machine;
    this.#paths = paths;
    this.#store = store;
  }

  /** Starts a hook. Throws when another one runs or the charm has no such hook to run. */
  spawn(hook: Hook, timeoutMs: number): RunningHook {
    const file = findHook(this.#paths, hook.name);
    if (file.found !== "program") {
      throw new Error(
        `hook ${hook.name} cannot start: ${file.found === "broken" ? file.reason : "no such hook"}`,
      );
    }
    this.#prepare(hook);
    const callsBefore = this.#store.calls().length;
    const started = Date.now();
    const running = this.#launch(hook, file.path, timeoutMs);
    let terminated = false;
    return {
      get pid() {
        return running.pid;
      },
      kill(signal) {
        terminated ||= signal === "SIGTERM" || signal === "SIGKILL";
        running.kill(signal);
      },
      done: this.#finish(hook, running.done, { started, callsBefore, terminated: () => terminated }),
    };
  }

  /** Runs a hook to its end, at most `timeoutMs`. */
  async run(hook: Hook, timeoutMs: number): Promise<HookResult> {
    const file = findHook(this.#paths, hook.name);
    if (file.found === "program") return await this.spawn(hook, timeoutMs).done;
    this.#prepare(hook);
    if (file.found === "nothing") {
      this.#settle(hook, 0);
      return skippedHook(hook.name);
    }
    this.#settle(hook, 126);
    return { ...skippedHook(hook.name), code: 126, stderr: `${file.reason}\n`, skipped: false };
  }

  #prepare(hook: Hook): void {
    const running = this.#store.read().context?.hook;
    if (running !== undefined) throw new Error(`hook ${running} still runs: wait until it is done`);
    this.#store.change((state) => beforeHook(state, hook, this.#store.calls()));
  }

  #launch(hook: Hook, path: string, timeoutMs: number): Running {
    const state = this.#store.read();
    const context = hookContext(state, hook);
    const argv = hookCommandLine(this.#paths, path, hookEnvironment(state, context, hook, this.#paths));
    this.#store.change(() => ({ context }));
    try {
      return this.#machine.spawn(argv, { timeoutMs });
    } catch (error) {
      this.#store.change(() => ({ context: null }));
      throw error;
    }
  }

  async #finish(
    hook: Hook,
    done: Promise<Finished>,
    known: { readonly started: number; readonly callsBefore: number; terminated(): boolean },
  ): Promise<HookResult> {
    const finished = await done.finally(() => this.#store.change(() => ({ context: null })));
    const ms = Date.now() - known.started;
    const calls = this.#store.calls().slice(known.callsBefore);
    this.#store.change(({ log, unit }) => ({
      log: [...log, ...outputLines(finished, `unit.${unit}.${hook.name}`)],
    }));
    // A hook that is terminated from outside has not failed: the agent runs it again.
    if (finished.code === 0 || !known.terminated()) this.#settle(hook, finished.code);
    return { hook: hook.name, ...finished, ms, calls, skipped: false };
  }

  /** Notes a failure, or what follows from a hook that ended well. */
  #settle(hook: Hook, code: number): void {
    this.#store.change((state) => {
      if (code !== 0) return { "failed-hook": hook.name };
      const resolved = state["failed-hook"] === hook.name ? { "failed-hook": "" } : {};
      return { ...resolved, ...afterHook(state, hook, this.#store.calls()) };
    });
  }
}

/** The agent logs each line of a hook; a last line without a line end is lost. */
function outputLines({ stdout, stderr }: Finished, logger: string): readonly string[] {
  const lines = (text: string, level: string): readonly string[] =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => `${level} ${logger} ${line}`);
  return [...lines(stderr, "WARNING"), ...lines(stdout, "DEBUG")];
}
