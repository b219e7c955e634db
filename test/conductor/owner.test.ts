import { describe, expect, test, vi } from "vitest";
import { apply, lastWish, undo } from "../../src/conductor/graft.ts";
import { layout, otherOwner, readOwner } from "../../src/conductor/owner.ts";
import { paths } from "../../src/conductor/paths.ts";
import { restartServices } from "../../src/conductor/restart.ts";
import { rollback } from "../../src/conductor/rollback.ts";
import { committedWish } from "../../src/conductor/wish.ts";
import { type Host, HostFault, readText } from "../../src/host/host.ts";
import { watchUnit } from "../../src/juju/watch.ts";
import { inLine } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const everything = ["/etc", "/usr", "/var", "/run"];
const rootOnly = { mode: "0600", uid: 0, gid: 0 };

function unit(name: string, number = 0) {
  const charmDirectory = `/var/lib/juju/agents/unit-${name}-${number}/charm`;
  return { charmDirectory, unitName: `${name}/${number}` };
}

const first = unit("capi");
const second = unit("capi-again");

/** Puts a unit's charm there, as Juju does. */
async function deploy(host: Host, { charmDirectory }: typeof first): Promise<void> {
  await host.fs.makeDirectory(charmDirectory, { mode: "0755", uid: 0, gid: 0 });
  await host.fs.write(`${charmDirectory}/metadata.yaml`, "", rootOnly);
}

async function inForce(work: ReturnType<typeof apply>): Promise<void> {
  const ending = await work;
  if (ending.end !== "report" || !inLine(ending.report)) throw new Error(JSON.stringify(ending));
}

/** A machine that the first unit keeps grafted. */
async function grafted() {
  const machine = await conductorMachine();
  await deploy(machine.host, first);
  await inForce(apply(machine.host, { ...wish(), ...first }));
  machine.host.commands.length = 0;
  return machine;
}

/** Runs some work and holds it to having written nothing and restarted nothing. */
async function touchesNothing(
  host: Host & { commands: (readonly string[])[] },
  work: () => Promise<unknown>,
) {
  const before = await listing(host, everything, { times: true });
  const end = await work();
  expect(await listing(host, everything, { times: true })).toEqual(before);
  expect(restarts(host.commands)).toEqual([]);
  return end;
}

describe("who keeps the graft of a unit", () => {
  test("is on record from the first write on, also of a change that did not hold", async () => {
    const { host, faults } = await conductorMachine();
    const { write } = host.fs;
    let known: unknown;
    host.fs.write = async (path, ...rest) => {
      if (path.endsWith("journal.json")) known ??= await readOwner(host);
      await write(path, ...rest);
    };
    faults.atStart = () => "exits";
    await apply(host, { ...wish(), ...first });
    expect(known).toEqual(first);
  });

  test("is put on record on a unit that an earlier release grafted, with nothing else written", async () => {
    const { host } = await grafted();
    await host.fs.remove(paths.owner);
    const before = await listing(host, everything, { times: true });
    await inForce(apply(host, { ...wish(), ...first }));
    const { [paths.owner]: record, ...rest } = await listing(host, everything, { times: true });
    expect(record).toMatch(/^file 0600 0:0 /);
    const isOwn = ([path]: [string, string]) => path !== paths.state && path !== paths.healLog;
    expect(Object.entries(rest).filter(isOwn)).toEqual(Object.entries(before).filter(isOwn));
    expect(restarts(host.commands)).toEqual([]);
  });

  test("stays the unit of the charm when the command applies something there", async () => {
    const { host } = await grafted();
    await inForce(apply(host, wish({ "chart-version": "0.24.0" })));
    expect(await readOwner(host)).toEqual(first);
    expect(await lastWish(host)).toMatchObject(first);
  });

  test("is nobody where the command alone was ever used: a unit that comes takes it over", async () => {
    const { host } = await conductorMachine();
    await inForce(apply(host, wish()));
    expect(await readOwner(host)).toEqual({});
    expect(await otherOwner(host, first)).toBeUndefined();
    await inForce(apply(host, { ...wish(), ...first }));
    expect(await readOwner(host)).toEqual(first);
  });
});

describe("a unit of another application beside one that lives", () => {
  test("changes nothing and says who is there", async () => {
    const { host } = await grafted();
    await deploy(host, second);
    const end = await touchesNothing(host, () =>
      apply(host, { ...wish({ "chart-version": "0.24.0" }), ...second }),
    );
    expect(end).toEqual({
      end: "fault",
      reason: "another unit keeps the graft: capi/0",
      remedy: "remove one of the two applications",
      cure: "operator",
    });
  });

  test("grafts once the first was removed, in any state that this left", async () => {
    const { host } = await grafted();
    await deploy(host, second);
    await undo(host, "apply", { isLast: true });
    await host.fs.removeTree("/var/lib/juju/agents/unit-capi-0");
    await inForce(apply(host, { ...wish(), ...second }));
    expect(await readOwner(host)).toEqual(second);
  });
});

describe("a unit under another name over a leftover, whose unit went without its hooks,", () => {
  async function leftover() {
    const machine = await grafted();
    await machine.host.fs.removeTree("/var/lib/juju/agents/unit-capi-0");
    await deploy(machine.host, second);
    return machine;
  }

  test("adopts it without a restart: the watch and the command lead to its own charm", async () => {
    const { host } = await leftover();
    await inForce(apply(host, { ...wish(), ...second }));
    expect(restarts(host.commands)).toEqual([]);
    expect(await readOwner(host)).toEqual(second);
    for (const path of [paths.command, `${paths.units}/magnum-capi-helm-watch.service`])
      expect(await readText(host.fs, path)).toContain(second.charmDirectory);
    expect(await lastWish(host)).toMatchObject(second);
    expect(await committedWish(host)).toMatchObject(second);
  });

  test("adopts a change that was cut short, and its repairs ask for its own agent from then on", async () => {
    const { host } = await leftover();
    const run: Host["run"] = (argv, options) =>
      argv[1] === "restart" ? Promise.reject(new Error("killed")) : host.run(argv, options);
    const other = { ...wish({ "chart-version": "0.24.0" }), ...first };
    await deploy(host, first);
    await apply(
      { ...host, run },
      { ...other, options: { ...other.options, "driver-version": "1.3.0" } },
    ).catch(() => {});
    await host.fs.removeTree("/var/lib/juju/agents/unit-capi-0");
    await inForce(apply(host, { ...wish(), ...second }));
    expect(await lastWish(host)).toMatchObject(second);
  });

  test("goes on holding back what was reverted, and its repairs ask for its own agent", async () => {
    const { host, faults } = await grafted();
    faults.atStart = () => "exits";
    const reverted = wish({ "driver-version": "1.3.0" });
    await apply(host, { ...reverted, ...first });
    faults.atStart = () => "runs";
    await host.fs.removeTree("/var/lib/juju/agents/unit-capi-0");
    await deploy(host, second);
    expect(await apply(host, { ...reverted, ...second })).toMatchObject({ hold: { kind: "reverted" } });
    expect(await lastWish(host)).toMatchObject({ ...second, options: { "driver-version": "1.3.0" } });
  });

  test("takes all of it back when it goes, what stood there before the first included", async () => {
    const machine = await conductorMachine({ files: { [paths.kubeconfig]: "of the site" } });
    const { host } = machine;
    const before = await listing(host, everything);
    await deploy(host, first);
    await inForce(apply(host, { ...wish(), ...first }));
    await host.fs.removeTree("/var/lib/juju");
    await deploy(host, second);
    await inForce(apply(host, { ...wish(), ...second }));
    await undo(host, "apply", { isLast: true });
    await host.fs.removeTree("/var/lib/juju");
    expect(await listing(host, everything)).toEqual(before);
  });
});

describe("records of a newer release of the charm", () => {
  async function newer() {
    const machine = await grafted();
    const record = JSON.parse((await readText(machine.host.fs, paths.owner)) ?? "") as object;
    const text = JSON.stringify({ ...record, layout: layout + 1 });
    await machine.host.fs.write(paths.owner, text, rootOnly);
    // As that release may write them.
    for (const path of [paths.desired, paths.hold]) await machine.host.fs.write(path, "[0, 1]", rootOnly);
    return machine;
  }
  const refusal = {
    end: "fault",
    reason: `the records here are of a newer charm: layout ${layout + 1}, this one reads ${layout}`,
    remedy: "juju refresh to that charm",
    cure: "operator",
  };

  test.each<[string, (host: Host) => Promise<unknown>]>([
    ["a hook", (host) => apply(host, { ...wish(), ...first })],
    ["the command", (host) => apply(host, wish(), { explicit: true })],
    ["a rollback", (host) => rollback(host, "previous")],
    ["a restart", (host) => restartServices(host, { deferredOnly: false })],
    ["a removal", (host) => undo(host, "apply", { isLast: true })],
  ])("are neither read nor written, by %s, and that is said", async (_, work) => {
    const { host } = await newer();
    expect(await touchesNothing(host, () => work(host))).toEqual(refusal);
  });

  test("are left alone by the watch, which writes no signature either", async () => {
    const { host } = await newer();
    await host.fs.write(paths.dropIn, "# spoilt\n", { ...rootOnly, mode: "0644" });
    let said = "";
    await touchesNothing(host, () => watchUnit(host, (text) => (said += text)));
    expect(said).toBe(`${refusal.reason}; next: ${refusal.remedy}\n`);
    await expect(lastWish(host)).rejects.toThrow(HostFault);
  });
});
