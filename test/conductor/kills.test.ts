import { describe, expect, test, vi } from "vitest";
import { apply, undo } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { rollback } from "../../src/conductor/rollback.ts";
import { temporarySuffix } from "../../src/host/files.ts";
import type { Host } from "../../src/host/host.ts";
import { sha256 } from "../../src/resources/file.ts";
import { kubeconfigText, secrets } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { dyingHost } from "../support/machine/faulty-host.ts";
import { listing } from "../support/machine/listing.ts";
import { driverWheel } from "../support/wheels.ts";

vi.setConfig({ testTimeout: 900_000 });

type Machine = Awaited<ReturnType<typeof conductorMachine>>;

/** An operation that is killed, and what runs next. */
interface Operation {
  readonly prepare: () => Promise<Machine>;
  readonly run: (host: Host) => Promise<unknown>;
  /** Unless given, the same again. */
  readonly next?: (host: Host) => Promise<unknown>;
}

/** Every n-th kill point; FAULTS=all takes every one. */
const every = process.env["FAULTS"] === "all" ? 1 : 5;

const placed = { charmDirectory: "/var/lib/juju/agents/unit-x-0/charm", unitName: "x/0" };
const newer = { ...wish(), ...placed };
const older = { ...wish({ "driver-version": "1.3.0", "chart-version": "0.20.0" }), ...placed };
const otherSecret = { ...newer, kubeconfig: kubeconfigText({ preferences: {} }) };

async function grafted(...wishes: readonly (typeof newer)[]): Promise<Machine> {
  const machine = await conductorMachine({ files: { "/etc/default/magnum-conductor": "# site\n" } });
  for (const each of wishes) await apply(machine.host, each);
  return machine;
}

/** The same wish with a wheel of the driver's present version attached. */
async function withWheel(host: Host, comment: string) {
  const bytes = await driverWheel({ comment });
  const from = `/juju/${comment}.whl`;
  await host.fs.write(from, bytes, { mode: "0600", uid: 0, gid: 0 });
  const file = { version: "1.4.0", sha256: sha256(bytes), from, remedy: "" };
  return { ...newer, attached: { "driver-wheel": file } };
}

async function graftedFromWheel(): Promise<Machine> {
  const machine = await grafted();
  await machine.host.fs.makeDirectory("/juju", { mode: "0755", uid: 0, gid: 0 });
  await apply(machine.host, await withWheel(machine.host, "one"));
  await withWheel(machine.host, "two");
  return machine;
}

const two = await driverWheel({ comment: "two" });
const otherWheel = {
  ...newer,
  attached: {
    "driver-wheel": { version: "1.4.0", sha256: sha256(two), from: "/juju/two.whl", remedy: "" },
  },
};

const operations: Readonly<Record<string, Operation>> = {
  "the first graft": { prepare: () => grafted(), run: (host) => apply(host, newer) },
  "a change to a newer driver": { prepare: () => grafted(older), run: (host) => apply(host, newer) },
  "a change to an older driver": { prepare: () => grafted(newer), run: (host) => apply(host, older) },
  "another kubeconfig": { prepare: () => grafted(newer), run: (host) => apply(host, otherSecret) },
  "another wheel of the same version": {
    prepare: graftedFromWheel,
    run: (host) => apply(host, otherWheel),
  },
  "another wheel of the same version that is taken back": {
    prepare: async () => {
      const machine = await graftedFromWheel();
      const good = machine.python.installed?.record;
      machine.faults.atStart = () => (machine.python.installed?.record === good ? "runs" : "crashes");
      return machine;
    },
    run: (host) => apply(host, otherWheel),
  },
  "no wheel any more": { prepare: graftedFromWheel, run: (host) => apply(host, newer) },
  "a repair": {
    prepare: async () => {
      const machine = await grafted(newer);
      machine.python.installed = undefined;
      const { fs } = machine.host;
      for (const path of [paths.dropIn, paths.helm, paths.kubeconfig, paths.conductorDefaults])
        await fs.remove(path);
      return machine;
    },
    run: (host) => apply(host, newer),
  },
  "a change that is taken back": {
    prepare: async () => {
      const machine = await grafted(older);
      machine.faults.atStart = () => (machine.python.installed?.version === "1.4.0" ? "dies later" : "runs");
      return machine;
    },
    run: (host) => apply(host, newer),
  },
  "a first graft that is taken back": {
    prepare: async () => {
      const machine = await grafted();
      machine.faults.atStart = () => (machine.python.installed === undefined ? "runs" : "crashes");
      return machine;
    },
    run: (host) => apply(host, newer),
  },
  "a rollback": {
    prepare: () => grafted(older, newer),
    run: (host) => rollback(host, "previous"),
    next: (host) => apply(host, newer),
  },
  "the removal": { prepare: () => grafted(newer), run: (host) => undo(host, "apply") },
  "a removal after a change that was killed at its restart": {
    prepare: async () => {
      const machine = await grafted(older);
      const run: Host["run"] = (argv, options) =>
        argv[1] === "restart" && argv[2] === "magnum-api"
          ? Promise.reject(new Error("killed"))
          : machine.host.run(argv, options);
      machine.faults.atStart = () => "exits";
      await apply({ ...machine.host, run }, newer).catch(() => {});
      machine.faults.atStart = () => "runs";
      return machine;
    },
    run: (host) => undo(host, "apply"),
  },
};

/** What the daemons and the operator see of a unit. */
async function shapeOf({ host, python, services }: Machine) {
  const files = await listing(host, ["/etc", "/usr", "/run"]);
  const running = Object.entries(services).map(([name, { active }]) => `${name} ${active}`);
  return JSON.stringify([files, python.installed?.version, python.installed?.record, running]);
}

/** No file with something secret in it may be read by others. */
async function expectNoSpill(host: Host) {
  for (const path of Object.keys(await listing(host, ["/etc", "/var", "/usr", "/run"]))) {
    const stat = await host.fs.stat(path);
    const text = stat?.kind === "file" ? Buffer.from((await host.fs.read(path)) ?? []).toString("utf8") : "";
    if (secrets.some((secret) => text.includes(secret))) expect(stat?.mode, path).toMatch(/^0[46]00$/);
  }
}

/** Nothing is half done, nothing under way, and nothing staged. */
async function expectAtRest(host: Host) {
  const all = Object.keys(await listing(host, ["/etc", "/var", "/usr", "/run"]));
  expect(all.filter((path) => path.endsWith(temporarySuffix))).toEqual([]);
  expect(all.filter((path) => path.startsWith(`${paths.transaction}`))).toEqual([]);
  expect(all.filter((path) => path.startsWith(`${paths.staging}`))).toEqual([]);
}

/** What the unit may be like in the end: as after the operation, or, where something else runs next, as before it. */
async function goodShapes({ prepare, run, next }: Operation): Promise<readonly string[]> {
  const machine = await prepare();
  const before = await shapeOf(machine);
  await run(machine.host);
  for (const service of Object.values(machine.services)) expect(service.active).toBe("active");
  await expectAtRest(machine.host);
  const after = await shapeOf(machine);
  return next === undefined ? [after] : [before, after];
}

/** One kill, and one run after it; whether the operation was over before the kill. */
async function killAt(operation: Operation, at: number, good: readonly string[]): Promise<boolean> {
  const machine = await operation.prepare();
  const dying = dyingHost(machine.host, at);
  const end = await operation.run(dying).catch((error: Error) => error.message);
  if (!dying.isDead) return true;
  expect(end).toBe("killed");
  await expectNoSpill(machine.host);
  await (operation.next ?? operation.run)(machine.host);
  expect(good).toContain(await shapeOf(machine));
  await expectAtRest(machine.host);
  await expectNoSpill(machine.host);
  return false;
}

describe("a run that is killed in the middle of a write leaves a unit that one next run brings to", () => {
  test.each(Object.entries(operations))("the state before or after it: %s", async (name, operation) => {
    const good = await goodShapes(operation);
    let kills = 0;
    let at = 1;
    for (; ; at += every) {
      try {
        if (await killAt(operation, at, good)) break;
      } catch (error) {
        throw new Error(`killed at write ${at}`, { cause: error });
      }
      kills += 1;
    }
    process.stdout.write(`${name}: ${kills} kills\n`);
    expect(kills * every).toBeGreaterThan(5);
  });
});
