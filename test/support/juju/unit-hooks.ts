import type { AgentState } from "./agent-state.ts";
import { peerEndpoint } from "./hook-effects.ts";
import type { Hook } from "./hook-environment.ts";

/** The hooks of a new subordinate unit, in Juju's order. */
export function deployHooks(
  { juju, leader, principal, relations }: AgentState,
  endpoint: string,
): readonly Hook[] {
  const follower = juju === "3.6.28" ? ["leader-settings-changed"] : [];
  const leadership = leader ? ["leader-elected"] : follower;
  const peers = relations.map((it) => `${it.endpoint}-relation-created`);
  const names = [
    "install",
    ...peers,
    `${endpoint}-relation-created`,
    ...leadership,
    "config-changed",
    "start",
  ];
  const joined = [`${endpoint}-relation-joined`, `${endpoint}-relation-changed`];
  return [...names.map((name) => ({ name })), ...joined.map((name) => ({ name, remoteUnit: principal }))];
}

/** The hooks of a unit that goes: the relation is broken before the unit stops. */
export function removeHooks({ principal }: AgentState, endpoint: string): readonly Hook[] {
  const departed = { name: `${endpoint}-relation-departed`, remoteUnit: principal, departingUnit: principal };
  const names = [`${endpoint}-relation-broken`, "stop", "remove"];
  return [departed, ...names.map((name) => ({ name }))];
}

/** What is left of a unit's removal where the agent went away while one of its hooks had failed; none elsewhere. */
export function removalLeft(state: AgentState, endpoint: string): readonly Hook[] {
  const hooks = removeHooks(state, endpoint);
  const failed = hooks.findIndex(({ name }) => name === state["failed-hook"]);
  return failed === -1 ? [] : hooks.slice(failed);
}

/** The hooks of `juju refresh` and of `juju attach-resource`. */
export const refreshHooks: readonly Hook[] = [{ name: "upgrade-charm" }, { name: "config-changed" }];

/** Fills in what Juju would tell a hook that a test runs by name alone. */
export function usualHook(name: string, { principal }: AgentState): Hook {
  // By itself the leader's data: one of the other units has to be named.
  if (name.startsWith(`${peerEndpoint}-relation-`)) return { name };
  if (/-relation-(joined|changed)$/.test(name)) return { name, remoteUnit: principal };
  if (name.endsWith("-relation-departed")) return { name, remoteUnit: principal, departingUnit: principal };
  return { name };
}
