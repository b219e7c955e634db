import type { ActionContext } from "./agent-state.ts";
import type { AgentStore } from "./agent-store.ts";
import type { HookCall } from "./call-record.ts";
import { type ContextRunner, type Ended, type Program, wholeLines } from "./context-runner.ts";
import type { Value } from "./go-json.ts";
import { actionContext, actionEnvironment } from "./hook-environment.ts";
import { findHook } from "./hook-file.ts";
import type { UnitPaths } from "./unit-paths.ts";

/** What an action came to: what `juju run --format json` shows of it, and how its process went. */
export interface ActionResult {
  readonly action: string;
  /** The number of its task. */
  readonly id: string;
  readonly status: "completed" | "failed";
  readonly message: string;
  /**
   * What it set, with Juju's own `return-code`, `stdout` and `stderr`; these two only where it printed whole lines.
   * Juju shows what is no UTF-8 in base64; here it stands as text with U+FFFD.
   */
  readonly results: { readonly [key: string]: Value };
  /** The lines of `action-log`, without Juju's times. */
  readonly log: readonly string[];
  /** Exit code, or 128 + n for signal n, where `return-code` is -1; 126 when it cannot be started, 127 when there is none. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The hook commands that it ran, in the order in which they ended. */
  readonly calls: readonly HookCall[];
  readonly ms: number;
}

/** What an action is asked to do. */
export interface ActionOrder {
  readonly name: string;
  /** With the defaults filled in. */
  readonly params: { readonly [key: string]: Value };
  readonly timeoutMs: number;
}

/** Runs the actions of one unit. */
export class ActionRunner {
  readonly #contexts: ContextRunner;
  readonly #paths: UnitPaths;
  readonly #store: AgentStore;

  constructor(contexts: ContextRunner, paths: UnitPaths, store: AgentStore) {
    this.#contexts = contexts;
    this.#paths = paths;
    this.#store = store;
  }

  /** Runs an action to its end. It leaves the unit's status as the action set it, whether it failed or not. */
  async run({ name, params, timeoutMs }: ActionOrder): Promise<ActionResult> {
    const id = this.#newTask();
    const action: ActionContext = { name, id, params, results: {}, message: "", failed: false, log: [] };
    const file = findHook(this.#paths, `actions/${name}`);
    const comment = `run action ${id}`;
    if (file.found === "program") {
      const prepare = (): Program => this.#prepare(action, file.path);
      return await this.#contexts.start(comment, timeoutMs, prepare, (ended) => judge(action, ended)).done;
    }
    const { unit } = this.#store.read();
    const [code, message] =
      file.found === "nothing" ? [127, `action not implemented on unit "${unit}"`] : [126, file.reason];
    return await this.#contexts.exclusively(comment, timeoutMs, async () => ({
      ...{ action: name, id, status: "failed", message, results: {}, log: [] },
      ...{ code, stdout: "", stderr: "", calls: [], ms: 0 },
    }));
  }

  /** Juju counts operations and their tasks in one row, so the first task is 2. */
  #newTask(): string {
    let started = 0;
    this.#store.change((state) => {
      started = state["actions-started"] + 1;
      return { "actions-started": started };
    });
    return String(2 * started);
  }

  #prepare(action: ActionContext, path: string): Program {
    const state = this.#store.read();
    const context = actionContext(state, action);
    const environment = actionEnvironment(state, context, action, this.#paths);
    return { context, path, environment, logger: `unit.${state.unit}.${action.name}` };
  }
}

function judge({ name, id }: ActionContext, ended: Ended): ActionResult {
  const { code, stdout, stderr, calls, ms, context } = ended;
  const { results = {}, message = "", failed = false, log = [] } = context.action ?? {};
  const death = deathOf(code);
  const printed = { stdout: wholeLines(stdout), stderr: wholeLines(stderr) };
  return {
    ...{ action: name, id, log, code, stdout, stderr, calls, ms },
    status: failed || code !== 0 ? "failed" : "completed",
    message: code === 0 ? message : (death ?? `exit status ${code}`),
    results: {
      ...(results as { readonly [key: string]: Value }),
      "return-code": death === undefined ? code : -1,
      ...Object.fromEntries(Object.entries(printed).filter(([, text]) => text !== "")),
    },
  };
}

/** How Juju names the signal that ended a process: the agent takes TERM and KILL for its own end. */
function deathOf(code: number): string | undefined {
  if (code === 128 + 15 || code === 128 + 9) return "terminated";
  const others: { readonly [code: number]: string } = { 129: "hangup", 130: "interrupt", 134: "aborted" };
  const name = code === 139 ? "segmentation fault" : others[code];
  return name === undefined ? undefined : `signal: ${name}`;
}
