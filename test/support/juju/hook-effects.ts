import type { AgentState, Relation, StatusInfo } from "./agent-state.ts";
import type { HookCall } from "./call-record.ts";
import type { Hook } from "./hook-environment.ts";

/** What Juju's agent changes before it runs a hook: the status, and the relation that the hook is about. */
export function beforeHook(state: AgentState, hook: Hook, calls: readonly HookCall[]): Partial<AgentState> {
  const change = statusBefore.get(hook.name);
  const keepsOwn = hook.name === "install" && calls.some(setsStatus);
  const status = change === undefined || keepsOwn ? {} : { "unit-status": change };
  return { ...status, ...relationsBefore(state, hook) };
}

/** What it changes once a hook ended well, or was not there to run. */
export function afterHook(state: AgentState, hook: Hook, calls: readonly HookCall[]): Partial<AgentState> {
  if (hook.name === "stop") return { "unit-status": { status: "maintenance", message: "" } };
  if (hook.name === "remove") return { "unit-status": { status: "terminated", message: "" } };
  if (hook.name === "start" && !calls.some(setsStatus)) {
    return { "unit-status": { status: "unknown", message: "" } };
  }
  if (!hook.name.endsWith("-relation-broken")) return {};
  return { relations: state.relations.filter((relation) => !isAbout(hook, relation)) };
}

/** The endpoint of the relation between the units of an application, in the charms that have one. */
export const peerEndpoint = "peers";

/** The relation between the units as the first of them finds it. */
export function peerRelation(unit: string): Relation {
  return { id: 3, endpoint: peerEndpoint, "remote-app": unit.split("/")[0] ?? "", members: [] };
}

const statusBefore: ReadonlyMap<string, StatusInfo> = new Map([
  ["install", { status: "maintenance", message: "installing charm software" }],
  ["stop", { status: "maintenance", message: "stopping charm software" }],
  ["remove", { status: "maintenance", message: "cleaning up prior to charm deletion" }],
]);

function setsStatus({ command, argv, code }: HookCall): boolean {
  return command === "status-set" && code === 0 && !argv.includes("--application");
}

function isAbout(hook: Hook, { endpoint }: Relation): boolean {
  return hook.name.startsWith(`${endpoint}-relation-`);
}

function relationsBefore(state: AgentState, hook: Hook): Partial<AgentState> {
  const [, endpoint, event] = /^(.+)-relation-(\w+)$/.exec(hook.name) ?? [];
  if (endpoint === undefined) return {};
  if (endpoint === peerEndpoint) return {};
  if (event === "created") return { relations: [...others(state, endpoint), newRelation(state, endpoint)] };
  const members = event === "joined" ? [state.principal] : [];
  if (event !== "joined" && event !== "departed") return {};
  return {
    relations: state.relations.map((relation) =>
      isAbout(hook, relation) ? { ...relation, members } : relation,
    ),
  };
}

function others({ relations }: AgentState, endpoint: string): readonly Relation[] {
  return relations.filter((relation) => relation.endpoint !== endpoint);
}

function newRelation(state: AgentState, endpoint: string): Relation {
  return { id: 12, endpoint, "remote-app": state.principal.split("/")[0] ?? "", members: [] };
}
