import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { healHook, reconcileHook, reconcileUnit } from "../../../src/juju/charm.ts";
import { peersHook } from "../../../src/juju/peers-hook.ts";
import { lastSignature } from "../../../src/juju/signer.ts";
import { scratchFolder } from "../../bundle/scratch.ts";
import { conductorMachine, wish } from "../machine/conductor-machine.ts";
import { restarts } from "../machine/fake-systemd.ts";
import { type AgentState, newAgentState } from "./agent-state.ts";
import type { AgentStore } from "./agent-store.ts";
import { Application, type Member } from "./application.ts";
import { allCommands } from "./commands/all-commands.ts";
import { peerRelation } from "./hook-effects.ts";
import { hookContext, hookEnvironment } from "./hook-environment.ts";
import { type Call, type Outcome, runCommand } from "./run-command.ts";
import { toolServer } from "./tool-server.ts";
import type { HookExtra } from "./unit.ts";
import { unitPaths } from "./unit-paths.ts";

const app = "magnum-capi-helm";
const secret = "d0bsnaj8mtb47d5kqv0g";

/** The hook commands that a hook called, by name, in the order in which they ended; none where it was quiet. */
type Calls = readonly string[];

type Machine = Awaited<ReturnType<typeof conductorMachine>>;

/** A unit whose machine is in memory: its hooks run in this process, with the fake hook commands on PATH. */
export interface MemoryUnit extends Member<Calls>, Machine {
  readonly store: Pick<AgentStore, "read" | "change">;
  configure(options: Readonly<Record<string, unknown>>): void;
  status(): string;
  /** The second look at what was restarted, as the watch asks for it when its time has come. */
  secondLook(): Promise<Calls>;
  apply(): Promise<Calls>;
  /** The services that were restarted since the last time. */
  restarted(): readonly string[];
}

/** The state of a unit, and the hook commands that it ran. */
interface Agent {
  state: AgentState;
  readonly calls: string[];
}

type Agents = Map<string, Agent>;

/** Whether the unit's agent listens at a path is for other tests. */
const listening = { exists: () => true };

async function makeUnit(
  number: number,
  juju: string,
  agents: Agents,
  script: (unit: string, name: string) => string,
): Promise<MemoryUnit> {
  const name = `${app}/${number}`;
  const folder = join(juju, String(number));
  const paths = unitPaths("", folder, name);
  mkdirSync(paths.tools, { recursive: true });
  for (const command of allCommands.keys())
    writeFileSync(join(paths.tools, command), script(name, command), { mode: 0o755 });
  const { options, kubeconfig } = wish();
  const config = options as Record<string, string>;
  const known = { juju: "3.6.28", unit: name, principal: `magnum/${number}`, leader: false } as const;
  const owned = { owner: "model", granted: true, tracked: 0, "consumer-label": "" } as const;
  const state = {
    ...newAgentState({ ...known, settings: {}, config }),
    relations: [peerRelation(name)],
    secrets: { [secret]: { ...owned, revisions: [{ kubeconfig }] } },
  };
  const agent: Agent = { state, calls: [] };
  agents.set(name, agent);
  const store: MemoryUnit["store"] = {
    read: () => agent.state,
    change: (change) => {
      agent.state = { ...agent.state, ...change(agent.state) };
    },
  };
  const machine = await conductorMachine();

  async function inHook(hook: string, extra: HookExtra, work: () => Promise<unknown>): Promise<Calls> {
    const before = store.read();
    const context = hookContext(before, { name: hook, ...extra });
    agent.calls.length = 0;
    for (const [variable, value] of hookEnvironment(before, context, { name: hook, ...extra }, paths))
      vi.stubEnv(variable, variable === "PATH" ? `${paths.tools}:/usr/bin:/bin` : value);
    store.change(() => ({ context }));
    try {
      await work();
    } catch (error) {
      store.change(() => ({ relations: before.relations }));
      throw error;
    } finally {
      store.change(() => ({ context: null }));
      vi.unstubAllEnvs();
    }
    return agent.calls.splice(0);
  }

  const asked = () => ({ config: { code: 0, stdout: JSON.stringify(store.read().config) } });
  const isQuiet = async () => {
    const signature = await lastSignature(machine.host);
    return signature !== undefined && signature.peers === undefined;
  };
  return {
    ...machine,
    name,
    store,
    configure: (changes) =>
      store.change((it) => ({ config: { ...it.config, ...(changes as Record<string, string>) } })),
    status: () => {
      const { status, message } = store.read()["unit-status"];
      return `${status}: ${message}`;
    },
    runHook: async (hook, extra = {}) => {
      const isPeers = hook.startsWith("peers-");
      if (isPeers && (await isQuiet())) return [];
      const work = () => (isPeers ? peersHook(machine.host, hook) : reconcileHook(machine.host, asked()));
      return await inHook(hook, extra, work);
    },
    secondLook: async () => {
      await machine.host.sleep(80_000);
      return await inHook("self-heal", {}, () => healHook(machine.host));
    },
    apply: () =>
      inHook("apply", {}, () =>
        reconcileUnit(machine.host, asked(), { explicit: true, trigger: "action apply" }),
      ),
    restarted: () => restarts(machine.host.commands.splice(0)),
  };
}

function answer(agents: Agents, unit: string, call: Pick<Call, "name" | "argv">): Outcome {
  const agent = agents.get(unit);
  if (agent === undefined) throw new Error(`there is no unit ${unit}`);
  const outcome = runCommand({ ...call, env: process.env, cwd: "/" }, agent.state, listening);
  agent.state = { ...agent.state, ...outcome.changes };
  agent.calls.push(call.name);
  return outcome;
}

/** So many units of one application, the first of them its leader, none of which has run a hook. */
export async function memoryUnits(count: number) {
  const folder = await scratchFolder();
  const agents: Agents = new Map();
  const server = await toolServer((unit, name, argv) => answer(agents, unit, { name, argv }));
  onTestFinished(() => void server.close());
  const units: MemoryUnit[] = [];
  for (let number = 0; number < count; number += 1)
    units.push(await makeUnit(number, folder, agents, server.script));
  const [leader] = units;
  if (leader === undefined) throw new Error("an application without units");
  return { units, leader, application: new Application(units) };
}
