import type { AgentState } from "./agent-state.ts";
import type { AgentStore } from "./agent-store.ts";
import type { HookCall } from "./call-record.ts";
import type { ContextRunner, Ended, Program, Started } from "./context-runner.ts";
import { afterHook, beforeHook } from "./hook-effects.ts";
import { type Hook, hookContext, hookEnvironment } from "./hook-environment.ts";
import { findHook } from "./hook-file.ts";
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

/** A hook that waits for the machine lock or runs, for tests that kill it. */
export type RunningHook = Started<HookResult>;

/** The result of a hook that Juju does not run. */
export function skippedHook(hook: string): HookResult {
  return { hook, code: 0, stdout: "", stderr: "", ms: 0, calls: [], skipped: true };
}

/** Runs the hooks of one unit, one at a time, and keeps the agent's state in step. */
export class HookRunner {
  readonly #contexts: ContextRunner;
  readonly #paths: UnitPaths;
  readonly #store: AgentStore;
  /** The hook that waits for the lock or runs. */
  #current = "";

  constructor(contexts: ContextRunner, paths: UnitPaths, store: AgentStore) {
    this.#contexts = contexts;
    this.#paths = paths;
    this.#store = store;
  }

  /** Starts a hook. Throws when another one runs or the charm has no such hook to run. */
  spawn(hook: Hook, timeoutMs: number): RunningHook {
    const file = findHook(this.#paths, `hooks/${hook.name}`);
    if (file.found !== "program") {
      throw new Error(
        `hook ${hook.name} cannot start: ${file.found === "broken" ? file.reason : "no such hook"}`,
      );
    }
    return this.#start(hook, file.path, timeoutMs);
  }

  /** Runs a hook to its end, at most `timeoutMs`. */
  async run(hook: Hook, timeoutMs: number): Promise<HookResult> {
    const file = findHook(this.#paths, `hooks/${hook.name}`);
    if (file.found === "program") return await this.#start(hook, file.path, timeoutMs).done;
    return await this.#contexts.exclusively(this.#comment(hook), timeoutMs, async () => {
      this.#before(hook);
      this.#settle(hook, file.found === "nothing" ? 0 : 126);
      if (file.found === "nothing") return skippedHook(hook.name);
      return { ...skippedHook(hook.name), code: 126, stderr: `${file.reason}\n`, skipped: false };
    });
  }

  #start(hook: Hook, path: string, timeoutMs: number): RunningHook {
    if (this.#current !== "") throw new Error(`hook ${this.#current} still runs: wait until it is done`);
    this.#current = hook.name;
    let terminated = false;
    const started = this.#contexts.start(
      this.#comment(hook),
      timeoutMs,
      () => this.#prepare(hook, path),
      (ended) => this.#judge(hook, ended, terminated),
    );
    return {
      get pid() {
        return started.pid;
      },
      kill(signal) {
        terminated ||= signal === "SIGTERM" || signal === "SIGKILL";
        started.kill(signal);
      },
      done: started.done.finally(() => {
        this.#current = "";
      }),
    };
  }

  #prepare(hook: Hook, path: string): Program {
    this.#before(hook);
    const state = this.#store.read();
    const context = hookContext(state, hook);
    const environment = hookEnvironment(state, context, hook, this.#paths);
    return { context, path, environment, logger: `unit.${state.unit}.${hook.name}` };
  }

  #before(hook: Hook): void {
    this.#store.change((state) => beforeHook(state, hook, this.#store.calls()));
  }

  #judge(hook: Hook, { code, stdout, stderr, ms, calls }: Ended, terminated: boolean): HookResult {
    // A hook that is terminated from outside has not failed: the agent runs it again.
    if (code === 0 || !terminated) this.#settle(hook, code);
    return { hook: hook.name, code, stdout, stderr, ms, calls, skipped: false };
  }

  /** Notes a failure, or what follows from a hook that ended well. */
  #settle(hook: Hook, code: number): void {
    this.#store.change((state) => {
      if (code !== 0) return { "failed-hook": hook.name };
      const resolved = state["failed-hook"] === hook.name ? { "failed-hook": "" } : {};
      return { ...resolved, ...afterHook(state, hook, this.#store.calls()) };
    });
  }

  #comment(hook: Hook): string {
    return hookComment(this.#store.read(), hook);
  }
}

/** What the agent takes the machine lock for; the forms are from Juju's source. */
function hookComment(state: AgentState, hook: Hook): string {
  if (hook.secret !== undefined) return `run ${hook.name} (${hook.secret}) hook`;
  const [, endpoint, event] = /^(.+)-(relation-\w+)$/.exec(hook.name) ?? [];
  if (endpoint === undefined) return `run ${hook.name} hook`;
  const { id, "remote-app": app } = state.relations.find((one) => one.endpoint === endpoint) ?? {
    id: 12,
    "remote-app": state.principal.replace(/\/.*/, ""),
  };
  const departee = hook.departingUnit === undefined ? "" : `, departee: ${hook.departingUnit}`;
  const about = hook.remoteUnit === undefined ? `app: ${app}` : `unit: ${hook.remoteUnit}${departee}`;
  return `run ${event} (${id}; ${about}) hook`;
}
