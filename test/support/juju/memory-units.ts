import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import { healHook, reconcileHook, reconcileUnit } from "../../../src/juju/charm.ts";
import { peersHook } from "../../../src/juju/peers-hook.ts";
import { lastSignature } from "../../../src/juju/signer.ts";
import { scratchFolder } from "../../bundle/scratch.ts";
import { conductorMachine, wish } from "../machine/conductor-machine.ts";
import { restarts } from "../machine/fake-systemd.ts";
import { newAgentState } from "./agent-state.ts";
import { AgentStore } from "./agent-store.ts";
import { Application, type Member } from "./application.ts";
import { bundleFakeJuju, commandStubs } from "./fake-tools.ts";
import { peerRelation } from "./hook-effects.ts";
import { hookContext, hookEnvironment } from "./hook-environment.ts";
import type { HookExtra } from "./unit.ts";
import { unitPaths } from "./unit-paths.ts";

const app = "magnum-capi-helm";
const secret = "d0bsnaj8mtb47d5kqv0g";

/** The hook commands that a hook called, by name, in the order in which they ended; none where it was quiet. */
export type Calls = readonly string[];

type Machine = Awaited<ReturnType<typeof conductorMachine>>;

/** A unit whose machine is in memory: its hooks run in this process, with the fake hook commands on PATH. */
export interface MemoryUnit extends Member<Calls>, Machine {
  readonly store: AgentStore;
  configure(options: Readonly<Record<string, unknown>>): void;
  status(): string;
  /** The second look at what was restarted, as the watch asks for it when its time has come. */
  secondLook(): Promise<Calls>;
  apply(): Promise<Calls>;
  /** The services that were restarted since the last time. */
  restarted(): readonly string[];
}

async function makeUnit(number: number, juju: string): Promise<MemoryUnit> {
  const name = `${app}/${number}`;
  const folder = join(juju, String(number));
  const paths = unitPaths("", folder, name);
  for (const each of [paths.tools, paths.fake]) mkdirSync(each, { recursive: true });
  const program = join(juju, "fake-juju.cjs");
  const stubs = commandStubs({ node: process.execPath, program, folder: paths.fake });
  for (const [command, script] of stubs) writeFileSync(join(paths.tools, command), script, { mode: 0o755 });
  const { options, kubeconfig } = wish();
  const config = options as Record<string, string>;
  const known = { juju: "3.6.28", unit: name, principal: `magnum/${number}`, leader: false } as const;
  const owned = { owner: "model", granted: true, tracked: 0, "consumer-label": "" } as const;
  const state = {
    ...newAgentState({ ...known, settings: {}, config }),
    relations: [peerRelation(name)],
    secrets: { [secret]: { ...owned, revisions: [{ kubeconfig }] } },
  };
  writeFileSync(join(paths.fake, "state.json"), JSON.stringify(state));
  const store = new AgentStore(paths.fake);
  const machine = await conductorMachine();

  async function inHook(hook: string, extra: HookExtra, work: () => Promise<unknown>): Promise<Calls> {
    const before = store.read();
    const context = hookContext(before, { name: hook, ...extra });
    const from = store.calls().length;
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
    return store
      .calls()
      .slice(from)
      .map(({ command }) => command);
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

/** So many units of one application, the first of them its leader, none of which has run a hook. */
export async function memoryUnits(count: number) {
  const folder = await scratchFolder();
  writeFileSync(join(folder, "fake-juju.cjs"), await bundleFakeJuju());
  const units: MemoryUnit[] = [];
  for (let number = 0; number < count; number += 1) units.push(await makeUnit(number, folder));
  const [leader] = units;
  if (leader === undefined) throw new Error("an application without units");
  return { units, leader, application: new Application(units) };
}
