import { randomBytes } from "node:crypto";
import type { ActionContext, AgentState, HookContext } from "./agent-state.ts";
import type { UnitPaths } from "./unit-paths.ts";

/** A hook that is about to run. */
export interface Hook {
  readonly name: string;
  /** In relation hooks: the remote unit; empty in created and broken. */
  readonly remoteUnit?: string;
  /** In departed hooks: the unit that goes. */
  readonly departingUnit?: string;
  /** In secret hooks: the full address of the secret. */
  readonly secret?: string;
}

/** The PATH of Juju's agent, after the folder of the hook commands. */
const agentPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin";

/** Makes the context of a hook: its relation is the one whose endpoint the hook's name begins with. */
export function hookContext(state: AgentState, hook: Hook): HookContext {
  const relation = state.relations.find(({ endpoint }) => hook.name.startsWith(`${endpoint}-relation-`));
  if (relation === undefined && /-relation-\w+$/.test(hook.name)) {
    throw new Error(`hook ${hook.name} needs a relation, and the unit has none yet: deploy it first`);
  }
  return {
    ...plainContext(state, hook.name),
    hook: hook.name,
    "relation-id": relation?.id ?? -1,
    "remote-unit": relation === undefined ? "" : (hook.remoteUnit ?? ""),
    "remote-app": relation?.["remote-app"] ?? "",
  };
}

/** A context of no hook, relation or action; the agent numbers its contexts. */
function plainContext({ unit }: AgentState, kind: string): HookContext {
  const number = randomBytes(8).readBigUInt64BE() >> 1n;
  return {
    id: `${unit}-${kind}-${number}`,
    hook: "",
    "relation-id": -1,
    "remote-unit": "",
    "remote-app": "",
  };
}

/** Makes the context of an action. */
export function actionContext(state: AgentState, action: ActionContext): HookContext {
  return { ...plainContext(state, "run-action"), action };
}

/** Makes the context of the commands of `juju-exec`. */
export function execContext(state: AgentState): HookContext {
  return plainContext(state, "");
}

/** Names and values, in the order in which Juju's agent writes them. */
export type Environment = readonly (readonly [name: string, value: string])[];

/** The whole environment of a hook. Nothing is inherited. */
export function hookEnvironment(
  state: AgentState,
  context: HookContext,
  hook: Hook,
  paths: UnitPaths,
): Environment {
  const own = [...relationVariables(state, context, hook), ...secretVariables(state, hook)];
  const path = ["JUJU_DISPATCH_PATH", `hooks/${hook.name}`] as const;
  return [...contextEnvironment(state, context, paths, own), path];
}

/** The whole environment of an action. */
export function actionEnvironment(
  state: AgentState,
  context: HookContext,
  { name, id }: ActionContext,
  paths: UnitPaths,
): Environment {
  const own: Environment = [
    ["JUJU_ACTION_NAME", name],
    ["JUJU_ACTION_UUID", id],
    ["JUJU_ACTION_TAG", `action-${id}`],
  ];
  return [...contextEnvironment(state, context, paths, own), ["JUJU_DISPATCH_PATH", `actions/${name}`]];
}

/** The whole environment of the commands of `juju-exec`: JUJU_DISPATCH_PATH is not in it. */
export function execEnvironment(state: AgentState, context: HookContext, paths: UnitPaths): Environment {
  return contextEnvironment(state, context, paths, []);
}

/** What all contexts of the agent have in common, around the variables of one kind of them. */
function contextEnvironment(
  state: AgentState,
  context: HookContext,
  paths: UnitPaths,
  own: Environment,
): Environment {
  const old = state.juju === "3.6.28";
  const proxies = state["model-proxies"] ?? {};
  return [
    ["CHARM_DIR", paths.charm],
    ["JUJU_CHARM_DIR", paths.charm],
    ["JUJU_CONTEXT_ID", context.id],
    ["JUJU_HOOK_NAME", context.hook],
    ["JUJU_AGENT_SOCKET_ADDRESS", paths.socket],
    ["JUJU_AGENT_SOCKET_NETWORK", "unix"],
    ["JUJU_UNIT_NAME", state.unit],
    ["JUJU_MODEL_UUID", state["model-uuid"]],
    ["JUJU_MODEL_NAME", state["model-name"]],
    ["JUJU_API_ADDRESSES", "10.20.0.2:17070"],
    ...(old ? ([["JUJU_SLA", "unsupported"]] as const) : []),
    ["JUJU_MACHINE_ID", state.machine],
    ["JUJU_PRINCIPAL_UNIT", state.principal],
    ["JUJU_AVAILABILITY_ZONE", state["availability-zone"]],
    ["JUJU_VERSION", state.juju],
    ["CLOUD_API_VERSION", ""],
    ["JUJU_CHARM_HTTP_PROXY", proxies["juju-http-proxy"] ?? ""],
    ["JUJU_CHARM_HTTPS_PROXY", proxies["juju-https-proxy"] ?? ""],
    ["JUJU_CHARM_FTP_PROXY", ""],
    ["JUJU_CHARM_NO_PROXY", proxies["juju-no-proxy"] ?? ""],
    ...(old ? [] : empty(...traceVariables)),
    ...own,
    ["APT_LISTCHANGES_FRONTEND", "none"],
    ["DEBIAN_FRONTEND", "noninteractive"],
    ["LANG", "C.UTF-8"],
    ["TERM", "tmux-256color"],
    ["PATH", `${paths.tools}:${agentPath}`],
  ];
}

const traceVariables = [
  "JUJU_CHARM_TRACE_CONFIG_HTTP",
  "JUJU_CHARM_TRACE_CONFIG_GRPC",
  "JUJU_CHARM_TRACE_CONFIG_CA_CERT",
];

function empty(...names: readonly string[]): Environment {
  return names.map((name) => [name, ""]);
}

function relationVariables(state: AgentState, context: HookContext, hook: Hook): Environment {
  const relation = state.relations.find(({ id }) => id === context["relation-id"]);
  if (relation === undefined) return [];
  const departing: Environment = hook.departingUnit ? [["JUJU_DEPARTING_UNIT", hook.departingUnit]] : [];
  return [
    ["JUJU_RELATION", relation.endpoint],
    ["JUJU_RELATION_ID", `${relation.endpoint}:${relation.id}`],
    ["JUJU_REMOTE_UNIT", context["remote-unit"]],
    ["JUJU_REMOTE_APP", context["remote-app"]],
    ...departing,
  ];
}

function secretVariables(state: AgentState, hook: Hook): Environment {
  if (hook.secret === undefined) return [];
  const id = hook.secret.slice(hook.secret.search(/[^/:]*$/));
  return [
    ["JUJU_SECRET_ID", hook.secret],
    ["JUJU_SECRET_LABEL", state.secrets[id]?.["consumer-label"] ?? ""],
  ];
}
