import { describe, expect, test, vi } from "vitest";
import { apply, healLast } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { restartServices } from "../../src/conductor/restart.ts";
import { rollback } from "../../src/conductor/rollback.ts";
import { committedWish } from "../../src/conductor/wish.ts";
import { readText } from "../../src/host/host.ts";
import { restartEnd } from "../../src/juju/action-results.ts";
import { statusFor } from "../../src/juju/status.ts";
import { inLine } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { reported } from "../support/reported.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const both = ["magnum-conductor", "magnum-api"];
const newChart = wish({ "enable-auto-restarts": false, "chart-version": "0.26.0" });
const ready = { status: "active", message: "Unit is ready" };
const deferredOnly = { deferredOnly: true };

/** A machine whose services run with something older than what is in force. */
async function deferred() {
  const machine = await conductorMachine();
  await apply(machine.host, wish());
  await apply(machine.host, newChart);
  await machine.host.fs.remove(paths.probation);
  machine.host.commands.length = 0;
  return machine;
}

describe("a restart of the services", () => {
  test("makes what is deferred, conductor first, judges the exit gates, and is not made twice", async () => {
    const { host } = await deferred();
    const ending = await reported(restartServices(host, deferredOnly));
    expect(restarts(host.commands)).toEqual(both);
    expect(inLine(ending.report)).toBe(true);
    expect(ending.report.gates.find(({ id }) => id === "magnum-conductor-live")?.state).toBe("open");
    expect(statusFor(ending)).toEqual(ready);
    await restartServices(host, deferredOnly);
    expect(restarts(host.commands)).toEqual(both);
    expect(statusFor(await reported(healLast(host)))).toEqual(ready);
  });

  test("of one service leaves the other alone", async () => {
    const { host } = await deferred();
    await host.run(["systemctl", "restart", "magnum-api"]);
    host.commands.length = 0;
    await restartServices(host, deferredOnly);
    expect(restarts(host.commands)).toEqual(["magnum-conductor"]);
  });

  test("of all restarts those too that have read all", async () => {
    const { host } = await conductorMachine();
    await apply(host, wish());
    host.commands.length = 0;
    expect(inLine((await reported(restartServices(host, { deferredOnly: false }))).report)).toBe(true);
    expect(restarts(host.commands)).toEqual(both);
  });

  test("leaves files as they are, also those that drifted", async () => {
    const { host } = await deferred();
    await host.fs.remove(paths.kubeconfig);
    await restartServices(host, deferredOnly);
    expect(await host.fs.stat(paths.kubeconfig)).toBeUndefined();
  });

  test("is held back by a gate that is closed beforehand, and nothing goes down", async () => {
    const { host, python } = await deferred();
    python.unloadable.set("1.4.0", "ImportError: x");
    const ending = await reported(restartServices(host, deferredOnly));
    expect(restarts(host.commands)).toEqual([]);
    expect(statusFor(ending)).toMatchObject({ status: "blocked" });
    expect(statusFor(ending).message).toMatch(/^Magnum can't load its drivers: ImportError: x/);
  });

  test("that does not hold is said, and neither taken back nor tried again", async () => {
    const { host, faults } = await deferred();
    faults.atStart = () => "dies later";
    const ending = await reported(restartServices(host, deferredOnly));
    expect(statusFor(ending)).toMatchObject({ status: "blocked" });
    expect(await readText(host.fs, paths.dropIn)).toContain("0.26.0");
    expect(await committedWish(host)).toMatchObject(newChart);
    const count = restarts(host.commands).length;
    expect(statusFor(await reported(healLast(host))).message).toMatch(
      /^magnum-conductor is down \(failed\), auto restarts off; next: run the action restart/,
    );
    expect(restarts(host.commands)).toHaveLength(count);
  });

  test("does not go on to the API where the conductor does not come up", async () => {
    const { host, faults } = await deferred();
    faults.atStart = () => "crashes";
    await restartServices(host, deferredOnly);
    expect(restarts(host.commands)).toEqual(["magnum-conductor"]);
  });

  test("has a second look made at it, which takes nothing back", async () => {
    const { host } = await deferred();
    await restartServices(host, deferredOnly);
    expect(JSON.parse((await readText(host.fs, paths.probation)) ?? "")).toMatchObject({ stays: true });
    await host.sleep(80_000);
    await healLast(host);
    expect(await host.fs.stat(paths.probation)).toBeUndefined();
    expect(await committedWish(host)).toMatchObject(newChart);
  });

  test("starts a service that failed, and none that somebody stopped or masked", async () => {
    const { host, services } = await deferred();
    const [conductor = {}, api = {}] = both.map((name) => services[name]);
    Object.assign(conductor, { active: "failed", result: "signal", mainPid: 0 });
    Object.assign(api, { active: "inactive", result: "success", mainPid: 0 });
    const ending = await reported(restartServices(host, { deferredOnly: false }));
    expect(restarts(host.commands)).toEqual(["magnum-conductor"]);
    expect(statusFor(ending).message).toMatch(/^magnum-api is stopped/);
  });

  test("makes a rollback real, and the status is that of the rollback then", async () => {
    const { host } = await deferred();
    await rollback(host, { driver: "1.3.0" });
    expect(restarts(host.commands)).toEqual([]);
    const ending = await reported(restartServices(host, deferredOnly));
    expect(restarts(host.commands)).toEqual(both);
    expect(statusFor(ending).message).toMatch(/^rolled back to driver 1\.3\.0/);
    expect(restartEnd(ending, statusFor(ending)).failure).toBeUndefined();
  });

  test("is not begun where nothing is in force, or a change was cut short", async () => {
    const pristine = await conductorMachine();
    expect(await restartServices(pristine.host, deferredOnly)).toMatchObject({
      end: "fault",
      reason: "nothing is in force on this unit yet",
      remedy: "run the action apply",
    });
    const { host } = await deferred();
    const journal = { phase: "switching", startedAt: "", wish: newChart, running: both };
    await host.fs.makeDirectory(paths.transaction, { mode: "0700", uid: 0, gid: 0 });
    const rootOnly = { mode: "0600", uid: 0, gid: 0 };
    await host.fs.write(`${paths.transaction}/journal.json`, JSON.stringify(journal), rootOnly);
    expect(await restartServices(host, deferredOnly)).toMatchObject({
      end: "fault",
      reason: "a change of this unit was cut short",
    });
    expect(restarts(host.commands)).toEqual([]);
  });
});
