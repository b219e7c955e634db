import type { AgentState } from "./agent-state.ts";
import { goQuote } from "./go-quote.ts";
import { RunError } from "./hook-command.ts";

/** The part of a file system that a hook command looks at. */
export interface Files {
  exists(path: string): boolean;
}

type Environment = { readonly [name: string]: string | undefined };

/**
 * Does what a hook command does before it is understood: reads the address of its agent and the id of its hook
 * from the environment, and fails with exit code 1 outside a hook or in another one. Throws `RunError`.
 */
export function checkConnection(env: Environment, state: AgentState, files: Files): void {
  const id = required(env, "JUJU_CONTEXT_ID");
  const address = required(env, "JUJU_AGENT_SOCKET_ADDRESS");
  const network = required(env, "JUJU_AGENT_SOCKET_NETWORK");
  if (network !== "unix") throw new RunError(`dial ${network}: unknown network ${network}`);
  // The agent listens on its socket during a hook only. No socket is needed here: the state says which hook runs.
  const { JUJU_AGENT_TOKEN } = env;
  const listens = state.context !== null && address.endsWith(`/${agentFolder(state.unit)}/agent.socket`);
  if (!listens) {
    const problem = files.exists(address) ? "connection refused" : "no such file or directory";
    throw new RunError(`dial unix ${address}: connect: ${problem}`);
  }
  if (state.juju === "3.6.28" && JUJU_AGENT_TOKEN) {
    throw new RunError("bad request: token does not match");
  }
  if (id !== state.context?.id) throw new RunError(`bad request: wrong context ID; got ${goQuote(id)}`);
}

/** The name of a unit's folder: `unit-magnum-capi-helm-0` for `magnum-capi-helm/0`. */
export function agentFolder(unit: string): string {
  return `unit-${unit.replace("/", "-")}`;
}

function required(env: Environment, name: string): string {
  const value = env[name];
  if (!value) throw new RunError(`${name} not set`);
  return value;
}
