import { describe, expect, test, vi } from "vitest";
import { interruptedChange } from "../../src/conductor/change.ts";
import { apply } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { committedWish } from "../../src/conductor/wish.ts";
import { readText } from "../../src/host/host.ts";
import { statusFor } from "../../src/juju/status.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { dyingHost } from "../support/machine/faulty-host.ts";
import { listing } from "../support/machine/listing.ts";
import { reported } from "../support/reported.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const turn = { reason: "waiting for its turn to restart (magnum-capi-helm/0 restarts)" };
const waiting = { status: "waiting", message: turn.reason };
const ready = { status: "active", message: "Unit is ready" };
const newer = wish({ "chart-version": "0.26.0" });

async function grafted() {
  const machine = await conductorMachine();
  expect(statusFor(await apply(machine.host, wish()))).toEqual(ready);
  await machine.host.fs.remove(paths.probation);
  machine.host.commands.length = 0;
  return machine;
}

describe("a change, while running services may not be restarted", () => {
  test("is refused with nothing written and nothing fetched, and the status says why", async () => {
    const { host } = await grafted();
    const before = await listing(host, ["/etc", "/usr/local", paths.state], { times: true });
    host.web.clear();
    const ending = await apply(host, wish({ "chart-version": "0.26.0", "driver-version": "1.3.0" }), {
      turn,
    });
    expect(statusFor(ending)).toEqual(waiting);
    expect(await listing(host, ["/etc", "/usr/local", paths.state], { times: true })).toEqual(before);
    expect(host.commands.filter((argv) => argv.includes("download"))).toEqual([]);
    expect(statusFor(await apply(host, newer))).toEqual(ready);
  });

  test("that restarts nothing is made", async () => {
    const { host } = await grafted();
    const other = { ...wish(), kubeconfig: kubeconfigText({ preferences: {} }) };
    expect(statusFor(await apply(host, other, { turn }))).toEqual(ready);
    expect(await committedWish(host)).toMatchObject(other);
    expect(restarts(host.commands)).toEqual([]);
  });

  test("that leaves restarts to the operator is made", async () => {
    const { host } = await grafted();
    const later = wish({ "chart-version": "0.26.0", "enable-auto-restarts": false });
    const { status, message } = statusFor(await apply(host, later, { turn }));
    expect([status, message]).toEqual(["active", expect.stringContaining("restart deferred")]);
  });

  test("of a unit whose services are down is made: they serve nobody", async () => {
    const { host, services } = await grafted();
    for (const service of Object.values(services))
      Object.assign(service, { active: "failed", result: "exit-code", mainPid: 0 });
    expect(statusFor(await apply(host, newer, { turn }))).toEqual(ready);
  });

  test("that was cut short stays as it is, and goes on when its turn has come", async () => {
    const { host } = await grafted();
    const isCut = async () => (await interruptedChange(host)) !== undefined;
    for (let at = 8; !(await isCut()); at += 1) await apply(dyingHost(host, at), newer).catch(() => {});
    expect(await isCut()).toBe(true);
    host.commands.length = 0;
    expect(statusFor(await apply(host, newer, { turn }))).toEqual(waiting);
    expect(restarts(host.commands)).toEqual([]);
    expect(await isCut()).toBe(true);
    expect(statusFor(await apply(host, newer))).toEqual(ready);
    expect(await committedWish(host)).toMatchObject(newer);
  });
});

test("a repair puts the files right, and leaves running services until their turn", async () => {
  const { host } = await grafted();
  const good = await readText(host.fs, paths.dropIn);
  await host.fs.write(paths.dropIn, "# spoilt\n", { mode: "0644", uid: 0, gid: 0 });
  await host.run(["systemctl", "restart", "magnum-conductor"]);
  await host.fs.removeTree(paths.processes);
  host.commands.length = 0;
  const ending = await reported(apply(host, wish(), { turn }));
  expect(statusFor(ending)).toEqual(waiting);
  expect(await readText(host.fs, paths.dropIn)).toBe(good);
  expect(restarts(host.commands)).toEqual([]);
  const closed = ending.report.gates.filter(({ state }) => state === "closed");
  expect(closed).toEqual([]);
  expect(statusFor(await apply(host, wish()))).toEqual(ready);
  expect(restarts(host.commands)).toContain("magnum-conductor");
});
