import { describe, expect, test, vi } from "vitest";
import { apply, healLast, plan, type Reported } from "../../src/conductor/graft.ts";
import { readHealRecords } from "../../src/conductor/heal-log.ts";
import { writeHold } from "../../src/conductor/hold.ts";
import { paths } from "../../src/conductor/paths.ts";
import { rollback } from "../../src/conductor/rollback.ts";
import { isQuiet } from "../../src/conductor/signature.ts";
import { committedWish, previousWish } from "../../src/conductor/wish.ts";
import { type Host, readText } from "../../src/host/host.ts";
import { lastSignature, signer } from "../../src/juju/signer.ts";
import { statusFor } from "../../src/juju/status.ts";
import { inLine } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { fullHost } from "../support/machine/faulty-host.ts";
import { listing } from "../support/machine/listing.ts";
import { reported } from "../support/reported.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const deferring = { "enable-auto-restarts": false } as const;
const newChart = { ...deferring, "chart-version": "0.26.0" } as const;
const note = {
  status: "active",
  message: "restart deferred: magnum-conductor, magnum-api; next: run the action restart-services",
};
const ready = { status: "active", message: "Unit is ready" };

async function grafted(first = wish()) {
  const machine = await conductorMachine();
  expect(inLine((await reported(apply(machine.host, first))).report)).toBe(true);
  await machine.host.fs.remove(paths.probation);
  machine.host.commands.length = 0;
  return machine;
}

/** A machine whose services run with something older than what is in force. */
async function deferred() {
  const machine = await grafted();
  const ending = await reported(apply(machine.host, wish(newChart)));
  return { ...machine, ending };
}

const gateOf = ({ report }: Reported, name: string) => report.gates.find(({ id }) => id === name);

async function restartByHand(host: Host) {
  await host.run(["systemctl", "restart", "magnum-conductor"]);
  await host.run(["systemctl", "restart", "magnum-api"]);
}

describe("a change while enable-auto-restarts is false", () => {
  test("writes everything, is in force, restarts nothing, and the status says so", async () => {
    const { host, ending } = await deferred();
    expect(restarts(host.commands)).toEqual([]);
    expect(await readText(host.fs, paths.dropIn)).toContain("0.26.0");
    expect(await committedWish(host)).toMatchObject(wish(newChart));
    expect(await host.fs.stat(paths.transaction)).toBeUndefined();
    expect(inLine(ending.report)).toBe(true);
    expect(statusFor(ending)).toEqual(note);
  });

  test("puts no change on probation, since nothing new runs", async () => {
    const { host } = await deferred();
    expect(await host.fs.stat(paths.probation)).toBeUndefined();
  });

  test("does not wait for helm of the conductor", async () => {
    const { host } = await grafted();
    const mode = { mode: "0444", uid: 0, gid: 0 };
    await host.fs.write("/proc/1001/task/1001/children", "7000 6001 6002 ", mode);
    await host.fs.makeDirectory("/proc/7000/task/7000", { ...mode, mode: "0755" });
    await host.fs.write("/proc/7000/cmdline", "helm\0upgrade\0", mode);
    const began = host.now().getTime();
    expect(statusFor(await apply(host, wish(newChart)))).toEqual(note);
    expect(host.now().getTime() - began).toBeLessThan(60_000);
  });

  test("of what the services do not read leaves them in line", async () => {
    const { host } = await grafted();
    expect(statusFor(await apply(host, wish({ ...deferring, "self-heal-limit": 9 })))).toEqual(ready);
  });

  test("that is changed back is no deferred restart any more: the processes have read that", async () => {
    const { host } = await deferred();
    expect(statusFor(await apply(host, wish(deferring)))).toEqual(ready);
    expect(restarts(host.commands)).toEqual([]);
  });

  test("is still refused as a whole by the staged proof", async () => {
    const { host, python } = await grafted(wish({ "driver-version": "1.3.0" }));
    python.unloadable.set("1.4.0", "ImportError: x");
    const before = await listing(host, ["/etc", "/usr/local"], { times: true });
    expect(statusFor(await apply(host, wish(deferring))).status).toBe("blocked");
    expect(await listing(host, ["/etc", "/usr/local"], { times: true })).toEqual(before);
  });

  test("that fails at a write is taken back without a restart, also of what has no record", async () => {
    const { host, python } = await deferred();
    await host.fs.removeTree(paths.processes);
    const full = fullHost(host, (path) => path === paths.dropIn);
    const ending = await reported(apply(full, wish({ ...newChart, "driver-version": "1.3.0" })));
    expect(ending.back === undefined ? undefined : inLine(ending.back)).toBe(true);
    expect(python.installed?.version).toBe("1.4.0");
    expect(await host.fs.stat(paths.transaction)).toBeUndefined();
    expect(restarts(host.commands)).toEqual([]);
  });

  test("on a pristine conductor grafts it but for the running command line, which is not checked", async () => {
    const { host } = await conductorMachine();
    const ending = await reported(apply(host, wish(deferring)));
    expect(statusFor(ending)).toEqual(note);
    expect(gateOf(ending, "magnum-conductor-live")).toMatchObject({
      state: "not checked",
      reason: "its restart is deferred: magnum-conductor runs without --config-dir",
    });
    await restartByHand(host);
    const after = await reported(apply(host, wish(deferring)));
    expect(statusFor(after)).toEqual(ready);
    expect(gateOf(after, "magnum-conductor-live")).toMatchObject({ state: "open" });
  });
});

describe("a unit with a deferred restart", () => {
  test("is found so by every look, which writes nothing, restarts nothing and logs no repair", async () => {
    const { host } = await deferred();
    const before = await listing(host, ["/etc", "/usr/local", "/var"], { times: true });
    for (const look of [apply(host, wish(newChart)), healLast(host)]) {
      expect(statusFor(await reported(look))).toEqual(note);
    }
    expect(await listing(host, ["/etc", "/usr/local", "/var"], { times: true })).toEqual(before);
    expect(restarts(host.commands)).toEqual([]);
    expect(await readHealRecords(host)).toEqual([]);
    expect(await host.fs.stat(paths.repairs)).toBeUndefined();
  });

  test("has quiet hooks until one of its processes is another", async () => {
    const { host } = await grafted();
    const { settled, keep } = signer(host, { config: "{}", secret: "s" }, "/charm");
    await keep(await apply(host, wish(newChart), { settled }));
    const signature = await lastSignature(host);
    expect(signature).toMatchObject({ inLine: true });
    expect(signature?.retryAt).toBe((signature?.takenAt ?? 0) + 30 * 60_000);
    expect(isQuiet({ ...signature, files: {}, processes: {} } as never, host.now().getTime())).toBe(true);
    expect(Object.keys(signature?.processes ?? {})).toEqual(["1001", "1002"]);
  });

  test("is repaired where a file drifts, without a restart", async () => {
    const { host } = await deferred();
    await host.fs.write(paths.dropIn, "# spoilt\n", { mode: "0644", uid: 0, gid: 0 });
    expect(statusFor(await reported(healLast(host)))).toEqual(note);
    expect(await readText(host.fs, paths.dropIn)).toContain("0.26.0");
    expect(restarts(host.commands)).toEqual([]);
  });

  test("is in line once somebody has restarted the services", async () => {
    const { host } = await deferred();
    await restartByHand(host);
    expect(statusFor(await reported(healLast(host)))).toEqual(ready);
  });

  test("says which of the services it is", async () => {
    const { host } = await deferred();
    await host.run(["systemctl", "restart", "magnum-api"]);
    expect(statusFor(await reported(healLast(host))).message).toMatch(/^restart deferred: magnum-conductor;/);
  });

  test("is no drift to report where self-heal is off, and a plan holds the restart back", async () => {
    const { host } = await grafted();
    const both = wish({ ...newChart, "self-heal": false });
    expect(statusFor(await apply(host, both))).toEqual(note);
    expect(statusFor(await reported(healLast(host)))).toEqual(note);
    const planned = await reported(plan(host, both));
    expect(inLine(planned.report)).toBe(true);
    expect(gateOf(planned, "show-args")).toMatchObject({ state: "open" });
    expect(await readHealRecords(host)).toEqual([]);
  });

  test("is restarted at once when enable-auto-restarts is true again, proved as a change", async () => {
    const { host } = await deferred();
    expect(statusFor(await apply(host, wish({ "chart-version": "0.26.0" })))).toEqual(ready);
    expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
  });

  test("goes back to what is before without a restart, whatever was asked for then", async () => {
    const { host } = await deferred();
    expect((await previousWish(host))?.options).not.toHaveProperty("enable-auto-restarts");
    const ending = await reported(rollback(host, "previous"));
    expect(await readText(host.fs, paths.dropIn)).toContain("0.25.1");
    expect((await committedWish(host))?.options).toMatchObject(deferring);
    expect(statusFor(ending).message).toMatch(
      /^rolled back to what was before: driver 1\.4\.0, chart 0\.25\.1/,
    );
    expect(restarts(host.commands)).toEqual([]);
  });

  test("tells that before a rollback, which the processes have not read either", async () => {
    const { host } = await deferred();
    expect(statusFor(await rollback(host, { driver: "1.3.0" }))).toEqual(note);
    expect(statusFor(await reported(healLast(host)))).toEqual(note);
    expect(restarts(host.commands)).toEqual([]);
  });
});

test("the latest word on restarts holds for the repair of what is in force while another wish is held", async () => {
  const { host } = await grafted();
  const wanted = wish(newChart);
  const at = host.now().toISOString();
  const trouble = { source: "g", reason: "r", remedy: "s", cure: "operator" } as const;
  await writeHold(host, { ...trouble, kind: "reverted", at, wanted });
  await host.fs.removeTree(paths.processes);
  await host.fs.write(paths.dropIn, "# spoilt\n", { mode: "0644", uid: 0, gid: 0 });
  await apply(host, wanted);
  expect(await readText(host.fs, paths.dropIn)).toContain("0.25.1");
  expect(restarts(host.commands)).toEqual([]);
});

describe("a service that is down while enable-auto-restarts is false", () => {
  test("is not started where it failed: the unit is blocked with the action that starts it", async () => {
    const { host, services } = await grafted(wish(deferring));
    Object.assign(services["magnum-conductor"] ?? {}, { active: "failed", result: "signal", mainPid: 0 });
    const ending = await reported(healLast(host));
    expect(statusFor(ending)).toEqual({
      status: "blocked",
      message: "magnum-conductor is down (failed), auto restarts off; next: run the action restart-services",
    });
    expect(restarts(host.commands)).toEqual([]);
  });

  test("does not take a change back, which it has nothing to do with", async () => {
    const { host, services } = await grafted(wish(deferring));
    Object.assign(services["magnum-api"] ?? {}, { active: "failed", result: "signal", mainPid: 0 });
    const ending = await reported(apply(host, wish(newChart)));
    expect(ending.hold).toBeUndefined();
    expect(await committedWish(host)).toMatchObject(wish(newChart));
    expect(statusFor(ending).message).toMatch(/^magnum-api is down \(failed\)/);
  });

  test("is told as stopped, or as masked, where it is that", async () => {
    const { host, services } = await deferred();
    const conductor = services["magnum-conductor"] ?? {};
    Object.assign(conductor, { active: "inactive", result: "success", mainPid: 0 });
    expect(statusFor(await reported(healLast(host))).message).toMatch(/^magnum-conductor is stopped/);
    Object.assign(conductor, { load: "masked" });
    const paused = await reported(healLast(host));
    expect(statusFor(paused).status).toBe("active");
    expect(restarts(host.commands)).toEqual([]);
  });
});
