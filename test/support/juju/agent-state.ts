import type { Value } from "./go-json.ts";

/** The Juju versions whose hook commands and hook environment are known line by line. */
export type JujuVersion = "3.6.28" | "4.0.15";

/** The value of a charm option; null is an option without a value. */
export type OptionValue = string | number | boolean | null;

/** A status as a charm sets it. */
export interface StatusInfo {
  readonly status: string;
  readonly message: string;
  readonly data?: { readonly [key: string]: string | number | boolean | null };
}

/** What one unit or application tells in a relation. */
export type Bag = Readonly<Record<string, string>>;

/** A relation as the unit's agent sees it: to the principal, or to the other units of the application. */
export interface Relation {
  readonly id: number;
  readonly endpoint: string;
  readonly "remote-app": string;
  /** Remote units that have joined, sorted. */
  readonly members: readonly string[];
  /** What this unit tells. */
  readonly "local-unit"?: Bag;
  /** What this application tells; in a relation of peers all of its units may read it. */
  readonly "local-app"?: Bag;
  /** What others tell, by the name of the unit or application. */
  readonly remote?: Readonly<Record<string, Bag>>;
}

/** A secret of the model or of this application. */
export interface Secret {
  readonly owner: "model" | "application";
  /** Whether this unit may read it. */
  readonly granted: boolean;
  /** The revision that this unit reads; 0 until it first reads one. */
  readonly tracked: number;
  readonly "consumer-label": string;
  readonly "owner-label"?: string;
  /** The contents, oldest first; revision 1 is the first. */
  readonly revisions: readonly { readonly [key: string]: string }[];
}

/** A file resource of the application. */
export interface FileResource {
  /** The file's name on the unit, as the charm's metadata has it. */
  readonly path: string;
  /** Whether the operator has attached one. */
  readonly uploaded: boolean;
}

/** What an action has set so far; values are texts. */
export interface ActionResults {
  readonly [key: string]: string | ActionResults;
}

/** The running action, in the context of which `action-get` and its kin work. */
export interface ActionContext {
  readonly name: string;
  /** The number of its task, such as "2". */
  readonly id: string;
  /** What the operator gave over the defaults of the charm. */
  readonly params: { readonly [key: string]: Value };
  readonly results: ActionResults;
  /** The text of the last `action-fail`. */
  readonly message: string;
  readonly failed: boolean;
  /** The lines of `action-log`. */
  readonly log: readonly string[];
}

/** The running hook or action. Outside of both there is none, and every hook command fails. */
export interface HookContext {
  /** JUJU_CONTEXT_ID. */
  readonly id: string;
  /** Empty in an action. */
  readonly hook: string;
  /** -1 outside relation hooks. */
  readonly "relation-id": number;
  readonly "remote-unit": string;
  readonly "remote-app": string;
  /** Null or absent in a hook. */
  readonly action?: ActionContext | null;
}

/** The proxies that the model's settings give to charms. */
export interface ModelProxies {
  readonly "juju-http-proxy"?: string;
  readonly "juju-https-proxy"?: string;
  readonly "juju-no-proxy"?: string;
}

/** All that the controller and the agent know of the unit, in one file that hook commands read and change. */
export interface AgentState {
  readonly juju: JujuVersion;
  readonly unit: string;
  readonly principal: string;
  readonly machine: string;
  readonly "model-uuid": string;
  readonly "model-name": string;
  readonly "availability-zone": string;
  /** The model's juju-http-proxy and its kin; none unless set. */
  readonly "model-proxies"?: ModelProxies;
  readonly leader: boolean;
  readonly context: HookContext | null;
  /** What the operator set with `juju config`; an option that was never set or was reset is absent. */
  readonly settings: { readonly [option: string]: OptionValue };
  /** What the charm reads: the settings over the defaults of the charm. */
  readonly config: { readonly [option: string]: OptionValue };
  readonly "unit-status": StatusInfo;
  readonly "application-status": StatusInfo;
  readonly "workload-version": string;
  readonly relations: readonly Relation[];
  /** While a hook runs: the relations before it, for it may fail. */
  readonly "relations-before"?: readonly Relation[];
  readonly secrets: { readonly [id: string]: Secret };
  /** By name, those that the charm declares. */
  readonly resources: { readonly [name: string]: FileResource };
  /** Lines "LEVEL logger message". */
  readonly log: readonly string[];
  /** The hook that failed and was not yet run again with success; empty when none did. */
  readonly "failed-hook": string;
  /** How many actions were started. */
  readonly "actions-started": number;
}

/** The state of a unit of which nothing has run yet. */
export function newAgentState(
  known: Pick<AgentState, "juju" | "unit" | "principal" | "leader" | "settings" | "config"> &
    Partial<Pick<AgentState, "resources">>,
): AgentState {
  return {
    resources: {},
    ...known,
    machine: "1/lxd/2",
    "model-uuid": "2c9a64f0-6b1f-4a8c-8a55-3f0cbb0e6d11",
    "model-name": "openstack",
    "availability-zone": "nova",
    context: null,
    "unit-status": { status: "waiting", message: "agent initialising" },
    "application-status": { status: "unknown", message: "" },
    "workload-version": "",
    relations: [],
    secrets: {},
    log: [],
    "failed-hook": "",
    "actions-started": 0,
  };
}
