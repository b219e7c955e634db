import { describe, expect, test, vi } from "vitest";
import { apply, healLast, undo } from "../../src/conductor/graft.ts";
import { readHealRecords } from "../../src/conductor/heal-log.ts";
import { readHold } from "../../src/conductor/hold.ts";
import { paths } from "../../src/conductor/paths.ts";
import { rollback } from "../../src/conductor/rollback.ts";
import { committedWish } from "../../src/conductor/wish.ts";
import type { Host } from "../../src/host/host.ts";
import { statusFor } from "../../src/juju/status.ts";
import { inLine } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";
import { reported } from "../support/reported.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const older = wish({ "chart-version": "0.20.0" });
const newer = wish({ "chart-version": "0.26.0" });

async function grafted(...wishes: readonly ReturnType<typeof wish>[]) {
  const machine = await conductorMachine();
  for (const each of wishes) await apply(machine.host, each);
  machine.host.commands.length = 0;
  return machine;
}

describe("a rollback", () => {
  test("to the previous generation brings its options and kubeconfig back, without the network", async () => {
    // Versions whose digests are not pinned: the fake index has other bytes.
    const first = { ...wish({ "driver-version": "1.3.1" }), kubeconfig: `${wish().kubeconfig}# first\n` };
    const { host, python } = await grafted(first);
    const before = await listing(host, ["/etc", "/usr/local"]);
    await apply(host, wish({ "driver-version": "1.4.1" }));
    host.web.clear();
    python.refusal = "ERROR: no route to host\n";
    const ending = await reported(rollback(host, "previous"));
    expect(inLine(ending.report)).toBe(true);
    expect(await listing(host, ["/etc", "/usr/local"])).toEqual(before);
    expect(python.installed?.version).toBe("1.3.1");
    expect(await committedWish(host)).toMatchObject(first);
    expect(statusFor(ending)).toEqual({
      status: "active",
      message:
        "rolled back to what was before: driver 1.3.1, chart 0.25.1; next: change an option, or run apply",
    });
    expect((await readHealRecords(host)).at(-1)).toMatchObject({ kind: "rollback" });
  });

  test("to a driver keeps the rest as it is", async () => {
    const { host, python } = await grafted(newer);
    const ending = await reported(rollback(host, { driver: "1.3.0" }));
    expect(inLine(ending.report)).toBe(true);
    expect(python.installed?.version).toBe("1.3.0");
    expect((await committedWish(host))?.options).toEqual({ ...newer.options, "driver-version": "1.3.0" });
    expect(await readHold(host)).toMatchObject({ kind: "rollback", wanted: newer, cure: "note" });
    expect(await host.fs.stat(paths.hold)).toMatchObject({ mode: "0600", uid: 0 });
  });

  test("is kept against hooks and the watch, which repair what it brought", async () => {
    const { host, python } = await grafted(older, newer);
    await rollback(host, "previous");
    for (const again of [() => apply(host, newer), () => healLast(host)]) {
      await host.fs.remove(paths.dropIn);
      const ending = await reported(again());
      expect(inLine(ending.report)).toBe(true);
      expect(statusFor(ending)).toMatchObject({
        status: "active",
        message: expect.stringMatching(/^rolled back/),
      });
      expect(await committedWish(host)).toMatchObject(older);
      expect(Buffer.from((await host.fs.read(paths.dropIn)) ?? []).toString()).toContain("0.20.0");
    }
    expect(python.installed?.version).toBe("1.4.0");
  });

  test("ends with an apply that a person asks for", async () => {
    const { host } = await grafted(older, newer);
    await rollback(host, "previous");
    const ending = await reported(apply(host, newer, { explicit: true }));
    expect(statusFor(ending)).toEqual({ status: "active", message: "Unit is ready" });
    expect(await committedWish(host)).toMatchObject(newer);
    expect(await readHold(host)).toBeUndefined();
  });

  test("ends with another option", async () => {
    const { host } = await grafted(older, newer);
    await rollback(host, "previous");
    const other = wish({ "chart-version": "0.27.0" });
    expect(statusFor(await apply(host, other))).toEqual({ status: "active", message: "Unit is ready" });
    expect(await committedWish(host)).toMatchObject(other);
    expect(await readHold(host)).toBeUndefined();
  });

  test("of a rollback comes back to what is wanted, and is no holding state", async () => {
    const { host } = await grafted(older, newer);
    await rollback(host, "previous");
    const ending = await reported(rollback(host, "previous"));
    expect(await committedWish(host)).toMatchObject(newer);
    expect(ending.hold).toBeUndefined();
    expect(await readHold(host)).toBeUndefined();
  });

  test("after another one still holds back what the options ask for", async () => {
    const { host } = await grafted(older, newer);
    await rollback(host, { driver: "1.3.0" });
    await rollback(host, { driver: "1.2.0" });
    expect(await readHold(host)).toMatchObject({
      wanted: newer,
      reason: "rolled back to driver 1.2.0, a holding state",
    });
    expect((await reported(apply(host, newer))).hold).toMatchObject({ kind: "rollback" });
  });

  test("is made also where self-heal is off", async () => {
    const off = wish({ "self-heal": false });
    const { host, python } = await grafted(off);
    await rollback(host, { driver: "1.3.0" });
    expect(python.installed?.version).toBe("1.3.0");
  });

  test("with nothing to go back to says what can be done, and changes nothing", async () => {
    for (const wishes of [[], [newer]]) {
      const { host } = await grafted(...wishes);
      const before = await listing(host, ["/"], { times: true });
      expect(await rollback(host, "previous")).toEqual({
        end: "fault",
        cure: "operator",
        reason: "there is no earlier generation on this unit",
        remedy: "capi-graft rollback --to 1.3.0",
      });
      expect(await listing(host, ["/"], { times: true })).toEqual(before);
    }
  });

  test("to a driver that can't be had changes nothing that is live", async () => {
    const { host, python } = await grafted(newer);
    const before = await listing(host, ["/etc", "/usr"], { times: true });
    python.refusal = "ERROR: Could not find a version (from versions: 1.3.0, 1.4.0)\n";
    const ending = await reported(rollback(host, { driver: "1.1.0" }));
    expect(inLine(ending.report)).toBe(false);
    expect(await listing(host, ["/etc", "/usr"], { times: true })).toEqual(before);
    expect(await readHold(host)).toBeUndefined();
    expect(restarts(host.commands)).toEqual([]);
  });

  test("that does not hold leaves the unit as it is, and what was held back before", async () => {
    const { host, python, faults } = await grafted(older);
    faults.atStart = () => (python.installed?.version === "1.4.0" ? "runs" : "crashes");
    const ending = await reported(rollback(host, { driver: "1.3.0" }));
    expect(statusFor(ending)).toMatchObject({
      status: "blocked",
      message: expect.stringMatching(/^reverted, /),
    });
    expect(python.installed?.version).toBe("1.4.0");
    expect(await readHold(host)).toBeUndefined();
    expect(statusFor(await apply(host, older))).toEqual({ status: "active", message: "Unit is ready" });

    faults.atStart = () => "runs";
    await apply(host, newer);
    await rollback(host, "previous");
    const held = await readHold(host);
    faults.atStart = () => (python.installed?.version === "1.4.0" ? "runs" : "crashes");
    await rollback(host, { driver: "1.3.0" });
    expect(await readHold(host)).toEqual(held);
  });

  test("is not refused by a change that a killed run left: that one is what comes after it", async () => {
    const { host } = await grafted(older);
    const killed: Host = {
      ...host,
      run: (argv, options) =>
        argv[1] === "restart" ? Promise.reject(new Error("killed")) : host.run(argv, options),
    };
    await expect(apply(killed, newer)).rejects.toThrow("killed");
    const ending = await reported(rollback(host, { driver: "1.3.0" }));
    expect(inLine(ending.report)).toBe(true);
    expect(await readHold(host)).toMatchObject({ kind: "rollback", wanted: newer });
    expect(await host.fs.stat(paths.transaction)).toBeUndefined();
    expect((await reported(apply(host, newer))).hold).toMatchObject({ kind: "rollback" });
  });

  test("waits for another run, and does nothing beside it", async () => {
    const { host } = await grafted(older, newer);
    const busy: Host = { ...host, lock: async () => undefined };
    const before = await listing(host, ["/"], { times: true });
    expect(await rollback(busy, "previous")).toEqual({ end: "busy" });
    expect(await listing(host, ["/"], { times: true })).toEqual(before);
  });

  test("is undone by the removal like anything else", async () => {
    const machine = await conductorMachine();
    const before = await listing(machine.host, ["/etc", "/usr", "/var"]);
    await apply(machine.host, older);
    await apply(machine.host, newer);
    await rollback(machine.host, "previous");
    await undo(machine.host, "apply");
    expect(await listing(machine.host, ["/etc", "/usr", "/var"])).toEqual(before);
  });
});
