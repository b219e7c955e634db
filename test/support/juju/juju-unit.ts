import { type ActionResult, ActionRunner } from "./action-runner.ts";
import type { ModelProxies } from "./agent-state.ts";
import { AgentStore } from "./agent-store.ts";
import type { HookCall } from "./call-record.ts";
import { type Charm, readCharm, type Scalar } from "./charm.ts";
import { actionParams } from "./charm-actions.ts";
import { openCharm } from "./charm-archive.ts";
import { deployCharm } from "./charm-folder.ts";
import { effectiveConfig, readOptionValue, requireOption } from "./charm-options.ts";
import { ContextRunner } from "./context-runner.ts";
import type { Value } from "./go-json.ts";
import { peerEndpoint, peerRelation } from "./hook-effects.ts";
import type { Hook } from "./hook-environment.ts";
import { type HookResult, HookRunner, type RunningHook, skippedHook } from "./hook-runner.ts";
import type { Finished, Machine } from "./machine.ts";
import type { HookExtra, LogLine, Unit } from "./unit.ts";
import { deployHooks, refreshHooks, removalLeft, removeHooks, usualHook } from "./unit-hooks.ts";
import type { UnitPaths } from "./unit-paths.ts";
import { attachResource, refreshedResources } from "./unit-resources.ts";
import { addSecret, grantSecret, removeSecret, updateSecret } from "./unit-secrets.ts";
import { installExec, installNode, letAgentAnswer, removeUnit } from "./unit-tools.ts";

/** The agent of one unit, on the state file that its hook commands share. */
export class JujuUnit implements Unit {
  readonly name: string;
  readonly charmFolder: string;
  readonly jujuExec: string;
  readonly store: AgentStore;
  readonly #machine: Machine;
  readonly #contexts: ContextRunner;
  readonly #paths: UnitPaths;
  readonly #isThisHost: boolean;
  readonly #runner: HookRunner;
  readonly #actions: ActionRunner;
  readonly #timeoutMs: number;
  #charm: Charm;
  #phase: "new" | "living" | "going" | "gone";
  /** How many charms were put on the unit. */
  #deployed = 0;
  #pending: readonly Hook[];
  #isStopped = false;

  constructor(
    machine: Machine,
    paths: UnitPaths,
    charm: Charm,
    timeoutMs: number,
    state: "new" | "found" = "new",
  ) {
    this.#paths = paths;
    this.#isThisHost = ["", "/"].includes(machine.root);
    this.store = new AgentStore(paths.onHost(paths.fake));
    this.#machine = machine;
    this.#contexts = new ContextRunner(machine, paths, this.store);
    this.#runner = new HookRunner(this.#contexts, paths, this.store);
    this.#actions = new ActionRunner(this.#contexts, paths, this.store);
    this.#timeoutMs = timeoutMs;
    this.#charm = charm;
    const left = state === "new" ? [] : removalLeft(this.store.read(), charm.metadata.endpoint);
    this.#phase = state === "new" ? "new" : left.length > 0 ? "going" : "living";
    this.#pending = left;
    this.name = this.store.read().unit;
    this.charmFolder = paths.charm;
    this.jujuExec = paths.jujuExec;
  }

  async deploy(): Promise<readonly HookResult[]> {
    this.#requireAgent();
    if (this.#phase === "new") {
      await this.#placeCharm();
      await installNode(this.#paths, this.#isThisHost);
      await installExec(this.#paths);
      this.#pending = deployHooks(this.store.read(), this.#charm.metadata.endpoint);
      this.#phase = "living";
    }
    return await this.#runPending();
  }

  async runHook(name: string, extra: HookExtra = {}): Promise<HookResult> {
    this.#requireAgent();
    return await this.#runner.run({ ...usualHook(name, this.store.read()), ...extra }, this.#timeoutMs);
  }

  spawnHook(name: string, extra: HookExtra = {}): RunningHook {
    this.#requireAgent();
    return this.#runner.spawn({ ...usualHook(name, this.store.read()), ...extra }, this.#timeoutMs);
  }

  async runAction(name: string, given: Readonly<Record<string, Value>> = {}): Promise<ActionResult> {
    this.#requireAgent();
    const params = actionParams(this.#charm.actions, this.name, name, given);
    return await this.#actions.run({ name, params, timeoutMs: this.#timeoutMs });
  }

  async runPrincipalHook(name: string, script: string): Promise<Finished> {
    const timeoutMs = this.#timeoutMs;
    const run = (): Promise<Finished> => this.#machine.exec(["/bin/bash", "-c", script], { timeoutMs });
    const { principal } = this.store.read();
    return await this.#contexts.exclusively(`run ${name} hook`, timeoutMs, run, principal);
  }

  async stopAgent(): Promise<void> {
    this.#isStopped = true;
    await letAgentAnswer(this.#paths, false);
  }

  async startAgent(): Promise<void> {
    this.#isStopped = false;
    if (this.#phase === "living" || this.#phase === "going") await letAgentAnswer(this.#paths, true);
  }

  async configure(changes: Readonly<Record<string, Scalar | undefined>>): Promise<HookResult> {
    this.#requireNoError("config-changed");
    const before = this.store.read().settings;
    const settings = { ...before };
    for (const [name, value] of Object.entries(changes)) {
      requireOption(this.#charm.options, name);
      if (value === undefined) delete settings[name];
      else settings[name] = readOptionValue(this.#charm.options, name, value);
    }
    this.store.change(() => ({ settings, config: effectiveConfig(this.#charm.options, settings) }));
    const same = Object.keys({ ...before, ...settings }).every((name) => before[name] === settings[name]);
    return same ? skippedHook("config-changed") : await this.#tell({ name: "config-changed" });
  }

  async addSecret(content: Readonly<Record<string, string>>): Promise<string> {
    return addSecret(this.store, content);
  }

  async modelConfig(proxies: ModelProxies): Promise<void> {
    this.store.change(() => ({ "model-proxies": proxies }));
  }

  async grantSecret(uri: string): Promise<void> {
    grantSecret(this.store, uri, true);
  }

  async revokeSecret(uri: string): Promise<void> {
    grantSecret(this.store, uri, false);
  }

  async updateSecret(uri: string, content: Readonly<Record<string, string>>): Promise<HookResult> {
    this.#requireNoError("secret-changed");
    const told = updateSecret(this.store, uri, content);
    return told ? await this.#tell({ name: "secret-changed", secret: uri }) : skippedHook("secret-changed");
  }

  async removeSecret(uri: string): Promise<void> {
    removeSecret(this.store, uri);
  }

  async attachResource(
    name: string,
    content: string | Uint8Array,
    file?: string,
  ): Promise<readonly HookResult[]> {
    this.#requireNoError("upgrade-charm");
    attachResource(this.store, this.#paths, { name, content, file });
    if (this.#phase !== "living") return [];
    this.#pending = [...this.#pending, ...refreshHooks];
    return await this.#runPending();
  }

  async refresh(charm: string): Promise<readonly HookResult[]> {
    this.#requireNoError("upgrade-charm");
    if (this.#phase !== "living") throw new Error(`${this.name} is not deployed: deploy it before a refresh`);
    this.#charm = await readCharm(charm, this.store.read().juju);
    await this.#placeCharm();
    const { hasPeers } = this.#charm.metadata;
    this.store.change(({ settings, resources, relations }) => ({
      config: effectiveConfig(this.#charm.options, settings),
      resources: refreshedResources(resources, this.#charm.metadata.resources),
      // A release that brings the relation between the units gets it with the refresh.
      ...(hasPeers && relations.every(({ endpoint }) => endpoint !== peerEndpoint)
        ? { relations: [...relations, peerRelation(this.name)] }
        : {}),
    }));
    this.#pending = [...this.#pending, ...refreshHooks];
    return await this.#runPending();
  }

  async remove(): Promise<readonly HookResult[]> {
    if (this.#phase === "living") {
      this.#requireNoError("stop");
      this.#pending = removeHooks(this.store.read(), this.#charm.metadata.endpoint);
      this.#phase = "going";
    }
    const results = await this.#runPending();
    if (this.#pending.length === 0) {
      await removeUnit(this.#paths);
      this.#phase = "gone";
    }
    return results;
  }

  async status(): Promise<{ readonly status: string; readonly message: string }> {
    const state = this.store.read();
    const failed = state["failed-hook"];
    if (failed !== "") return { status: "error", message: `hook failed: "${failed}"` };
    const { status, message } = state["unit-status"];
    return { status, message };
  }

  async workloadVersion(): Promise<string> {
    return this.store.read()["workload-version"];
  }

  async log(): Promise<readonly LogLine[]> {
    return this.store.read().log.map((line) => {
      const [, level = "", logger = "", message = ""] = /^(\S+) (\S+) ([\s\S]*)$/.exec(line) ?? [];
      return { level, logger, message };
    });
  }

  async calls(): Promise<readonly HookCall[]> {
    return this.store.calls();
  }

  async #placeCharm(): Promise<void> {
    const archive = await openCharm(this.#charm.archive, this.store.read().juju);
    try {
      const { name: charmName, hookNames } = this.#charm.metadata;
      const charm = this.#paths.onHost(this.#paths.charm);
      const manifest = this.#paths.onHost(this.#paths.manifest);
      await deployCharm(archive, { charm, manifest, charmName, hookNames, revision: this.#deployed });
    } finally {
      archive.close();
    }
    this.#deployed += 1;
  }

  /** Runs the hooks that wait, up to the first that fails; that one stays first. */
  async #runPending(): Promise<readonly HookResult[]> {
    const results: HookResult[] = [];
    for (let [next] = this.#pending; next !== undefined; [next] = this.#pending) {
      const result = await this.#runner.run(next, this.#timeoutMs);
      results.push(result);
      if (result.code !== 0) break;
      this.#pending = this.#pending.slice(1);
    }
    return results;
  }

  /** Tells a living unit of a change. Before its first hooks are through they will see the change anyway. */
  async #tell(hook: Hook): Promise<HookResult> {
    const ready = this.#phase === "living" && this.#pending.length === 0;
    return ready ? await this.#runner.run(hook, this.#timeoutMs) : skippedHook(hook.name);
  }

  #requireAgent(): void {
    if (this.#isStopped) throw new Error(`the agent of ${this.name} is stopped: start it first`);
  }

  #requireNoError(hook: string): void {
    this.#requireAgent();
    const failed = this.store.read()["failed-hook"];
    if (failed === "") return;
    throw new Error(`Juju runs no ${hook} while the hook ${failed} has failed: run that one again first`);
  }
}
