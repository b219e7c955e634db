import { posix } from "node:path";
import type { ActionResult } from "./action-runner.ts";
import { type JujuVersion, type ModelProxies, newAgentState } from "./agent-state.ts";
import type { AgentStore } from "./agent-store.ts";
import type { HookCall } from "./call-record.ts";
import { readCharm, readSettings, type Scalar } from "./charm.ts";
import { effectiveConfig } from "./charm-options.ts";
import type { Value } from "./go-json.ts";
import { peerRelation } from "./hook-effects.ts";
import type { Hook } from "./hook-environment.ts";
import type { HookResult, RunningHook } from "./hook-runner.ts";
import { JujuUnit } from "./juju-unit.ts";
import type { Finished, Machine } from "./machine.ts";
import { readState, writeState } from "./state-file.ts";
import { realJujuDir, unitPaths } from "./unit-paths.ts";
import { installTools } from "./unit-tools.ts";

/** A subordinate unit to be made. */
export interface UnitOptions {
  /** The path of the `.charm` on this host. */
  readonly charm: string;
  /** The charm's name unless told. */
  readonly application?: string;
  readonly number?: number;
  /** `magnum/0` unless told. */
  readonly principal?: string;
  /** 3.6.28 unless told. */
  readonly juju?: JujuVersion;
  readonly config?: Readonly<Record<string, Scalar>>;
  /** True unless told. */
  readonly leader?: boolean;
  /** Where Juju's files stand on the machine: `/var/lib/juju` unless told. */
  readonly jujuDir?: string;
  /** The time limit of a hook in ms: 10 minutes unless told. */
  readonly hookTimeoutMs?: number;
}

/** What Juju may tell a hook besides its name; what it usually tells is filled in. */
export type HookExtra = Partial<Omit<Hook, "name">>;

/** One line of the unit's log. */
export interface LogLine {
  readonly level: string;
  /** Who logged: `unit.APP/N.juju-log`, or `unit.APP/N.HOOK` for what a hook printed. */
  readonly logger: string;
  readonly message: string;
}

/** A subordinate unit and the Juju agent around it. */
export interface Unit {
  readonly name: string;
  /** The charm's folder, as the machine names it. */
  readonly charmFolder: string;
  /** `juju-exec`, as the machine names it: there from the deployment to the removal. Its effects show here. */
  readonly jujuExec: string;
  /** What the controller knows of it: for what acts on several units. */
  readonly store: AgentStore;
  /** Unpacks the charm and runs the first hooks. Stops at one that fails; called again, it goes on from there. */
  deploy(): Promise<readonly HookResult[]>;
  runHook(name: string, extra?: HookExtra): Promise<HookResult>;
  /** Starts a hook, for tests that kill it. */
  spawnHook(name: string, extra?: HookExtra): RunningHook;
  /**
   * `juju run` with typed parameters, waiting for the end. Throws Juju's text when there is no such action or it does
   * not take these parameters; an action that fails is a result.
   */
  runAction(name: string, params?: Readonly<Record<string, Value>>): Promise<ActionResult>;
  /**
   * Runs a shell script on the machine, as root, in the place of a hook of the principal: under the machine lock, with
   * a line in `machine-lock.log`. Nothing of the unit's own sees it.
   */
  runPrincipalHook(name: string, script: string): Promise<Finished>;
  /** Lets the unit's agent go away: `juju-exec` fails, and this harness runs no hook or action. */
  stopAgent(): Promise<void>;
  startAgent(): Promise<void>;
  /** `juju config`: undefined resets an option. Throws Juju's text for a wrong name or value, with nothing set. */
  configure(changes: Readonly<Record<string, Scalar | undefined>>): Promise<HookResult>;
  /** `juju model-config` of the proxies, all of them at once. Juju runs no hook for it. */
  modelConfig(proxies: ModelProxies): Promise<void>;
  /** `juju add-secret`; returns the secret's address. The unit may not read it yet. */
  addSecret(content: Readonly<Record<string, string>>): Promise<string>;
  grantSecret(uri: string): Promise<void>;
  revokeSecret(uri: string): Promise<void>;
  /** `juju update-secret`; runs secret-changed when the unit has read the secret before. */
  updateSecret(uri: string, content: Readonly<Record<string, string>>): Promise<HookResult>;
  removeSecret(uri: string): Promise<void>;
  /**
   * `juju attach-resource NAME=FILE`, and the hooks that it calls for. Throws Juju's text where the charm has no such
   * resource, or where the file's name ends otherwise than the declared one.
   */
  attachResource(name: string, content: string | Uint8Array, file?: string): Promise<readonly HookResult[]>;
  /** `juju refresh` to another `.charm`. */
  refresh(charm: string): Promise<readonly HookResult[]>;
  /** `juju remove-relation`: runs the last hooks, then deletes what Juju deletes. */
  remove(): Promise<readonly HookResult[]>;
  /** What `juju status` shows: `error` while a failed hook has not been run again with success. */
  status(): Promise<{ readonly status: string; readonly message: string }>;
  workloadVersion(): Promise<string>;
  log(): Promise<readonly LogLine[]>;
  /** Every hook command and every `juju-exec` that has ended, in that order. */
  calls(): Promise<readonly HookCall[]>;
}

/** Makes a unit on a machine: hook commands and state, no charm yet. Throws when the charm or the config is wrong. */
export async function createUnit(machine: Machine, options: UnitOptions): Promise<Unit> {
  const juju = options.juju ?? "3.6.28";
  const charm = await readCharm(options.charm, juju);
  const name = `${options.application ?? charm.metadata.name}/${options.number ?? 0}`;
  const paths = unitPaths(machine.root, options.jujuDir ?? realJujuDir, name);
  const settings = readSettings(charm.options, options.config ?? {});
  const config = effectiveConfig(charm.options, settings);
  await installTools(paths);
  const known = {
    juju,
    unit: name,
    principal: options.principal ?? "magnum/0",
    leader: options.leader ?? true,
  };
  writeState(paths.onHost(posix.join(paths.fake, "state.json")), {
    ...newAgentState({ ...known, settings, config, resources: charm.metadata.resources }),
    relations: charm.metadata.hasPeers ? [peerRelation(name)] : [],
  });
  return new JujuUnit(machine, paths, charm, options.hookTimeoutMs ?? 600_000);
}

/**
 * A unit that was deployed on a machine before, with the state that it has there: on a copy of that machine, say. Where
 * a hook of its removal had failed, `remove` goes on with that one.
 */
export async function findUnit(
  machine: Machine,
  options: Pick<UnitOptions, "charm" | "jujuDir" | "hookTimeoutMs"> & { readonly name: string },
): Promise<Unit> {
  const paths = unitPaths(machine.root, options.jujuDir ?? realJujuDir, options.name);
  const { juju } = readState(paths.onHost(posix.join(paths.fake, "state.json")));
  const charm = await readCharm(options.charm, juju);
  return new JujuUnit(machine, paths, charm, options.hookTimeoutMs ?? 600_000, "found");
}
