import { join } from "node:path";
import type { AgentState } from "./agent-state.ts";
import { type HookCall, readCalls } from "./call-record.ts";
import { changeState, readState } from "./state-file.ts";

/** The state and the record of calls of one unit, as the harness reaches them on this host. */
export class AgentStore {
  readonly #state: string;
  readonly #calls: string;

  constructor(folder: string) {
    this.#state = join(folder, "state.json");
    this.#calls = join(folder, "calls.jsonl");
  }

  read(): AgentState {
    return readState(this.#state);
  }

  /** Changes the parts that the function returns. */
  change(change: (state: AgentState) => Partial<AgentState>): void {
    changeState(this.#state, (state) => ({ changes: change(state) }));
  }

  /** Every hook command that ran, in the order in which they ended. */
  calls(): readonly HookCall[] {
    return readCalls(this.#calls);
  }
}
