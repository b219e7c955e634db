import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { apply, healLast, plan, undo } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { restartServices } from "../../src/conductor/restart.ts";
import { watched } from "../../src/conductor/watched.ts";
import { committedWish } from "../../src/conductor/wish.ts";
import { readText } from "../../src/host/host.ts";
import { lastSignature, signer } from "../../src/juju/signer.ts";
import { statusFor } from "../../src/juju/status.ts";
import { inLine } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { reported } from "../support/reported.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const ca = readFileSync(join(import.meta.dirname, "../fixtures/ca/ca.pem"), "utf8");
const program = "/usr/sbin/policy-rc.d";
const ready = { status: "active", message: "Unit is ready" };
const newChart = wish({ "chart-version": "0.26.0" });

/** A machine with a policy whose answers tests set: exit codes by `NAME ACTION`, 0 unless set. */
async function underPolicy(answers: Record<string, number>, { grafted = true } = {}) {
  const asked: string[] = [];
  const machine = await conductorMachine({ files: { [program]: "#!/bin/sh\n" } });
  const { run } = machine.host;
  machine.host.run = async (argv, options) => {
    if (argv[3] !== program) return await run(argv, options);
    const question = argv.slice(4).join(" ");
    asked.push(question);
    const code = answers[question] ?? answers[argv[5] ?? ""] ?? 0;
    return { ok: code === 0, code, stdout: "", stderr: "", timedOut: code === -1 };
  };
  if (grafted) await apply(machine.host, wish());
  await machine.host.fs.remove(paths.probation);
  return { ...machine, asked };
}

test("a policy that denies a restart defers it: all is written and in force, and the status names it", async () => {
  const answers: Record<string, number> = {};
  const { host, asked } = await underPolicy(answers);
  Object.assign(answers, { restart: 101 });
  host.commands.length = 0;
  const ending = await reported(apply(host, newChart));
  expect(restarts(host.commands)).toEqual([]);
  expect(await readText(host.fs, paths.dropIn)).toContain("0.26.0");
  expect(await committedWish(host)).toMatchObject(newChart);
  expect(inLine(ending.report)).toBe(true);
  expect(statusFor(ending)).toEqual({
    status: "active",
    message:
      "restart deferred by policy-rc.d: magnum-conductor, magnum-api; next: run the action restart-services",
  });
  expect(new Set(asked)).toContain("magnum-conductor restart");
  expect(inLine((await reported(plan(host, newChart))).report)).toBe(true);
});

test("the next look restarts once the policy allows it, and each of its names is asked", async () => {
  const answers: Record<string, number> = { restart: 0 };
  const { host, asked } = await underPolicy(answers);
  Object.assign(answers, { "magnum-conductor.service restart": 101, "magnum-api restart": 106 });
  host.commands.length = 0;
  await apply(host, newChart);
  expect(restarts(host.commands)).toEqual([]);
  for (const key of Object.keys(answers)) delete answers[key];
  asked.length = 0;
  expect(statusFor(await reported(healLast(host)))).toEqual(ready);
  expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
  expect(asked).toEqual([
    "magnum-conductor restart",
    "magnum-conductor.service restart",
    "magnum-api restart",
    "magnum-api.service restart",
  ]);
});

test.each([0, 1, 104, 105])("a policy that ends with %i allows, as for invoke-rc.d", async (code) => {
  const { host } = await underPolicy({ restart: code });
  host.commands.length = 0;
  expect(statusFor(await reported(apply(host, newChart)))).toEqual(ready);
  expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
});

test.each([
  [102, /^policy-rc\.d ends with 102: magnum-conductor restart; next: repair \/usr\/sbin\/policy-rc\.d$/],
  [-1, /^policy-rc\.d gives no answer within 10 s; next: repair/],
])(
  "a policy that can't be understood (%i) is no permission: blocked, and the change stays",
  async (code, message) => {
    const answers: Record<string, number> = {};
    const { host } = await underPolicy(answers);
    Object.assign(answers, { restart: code });
    host.commands.length = 0;
    const ending = await reported(apply(host, newChart));
    expect(restarts(host.commands)).toEqual([]);
    expect(await committedWish(host)).toMatchObject(newChart);
    expect(statusFor(ending)).toMatchObject({ status: "blocked", message: expect.stringMatching(message) });
  },
);

test("a failed service is started only where the policy lets it start", async () => {
  const answers: Record<string, number> = { start: 101 };
  const { host, services } = await underPolicy(answers);
  Object.assign(services["magnum-conductor"] ?? {}, { active: "failed", result: "signal", mainPid: 0 });
  host.commands.length = 0;
  expect(statusFor(await reported(healLast(host)))).toEqual({
    status: "blocked",
    message:
      "magnum-conductor is down (failed), policy-rc.d forbids it; next: run the action restart-services",
  });
  delete answers["start"];
  expect(statusFor(await reported(healLast(host)))).toEqual(ready);
  expect(restarts(host.commands)).toEqual(["magnum-conductor"]);
});

test("a first graft that may not restart is in force, and its live proof is not checked", async () => {
  const { host } = await underPolicy({ restart: 101 }, { grafted: false });
  const ending = await reported(apply(host, wish()));
  expect(statusFor(ending).message).toMatch(/^restart deferred by policy-rc\.d/);
  expect(ending.report.gates.find(({ id }) => id === "magnum-conductor-live")).toMatchObject({
    state: "not checked",
  });
});

test("the action restart-services restarts all the same: a person asked", async () => {
  const answers: Record<string, number> = {};
  const { host, asked } = await underPolicy(answers);
  Object.assign(answers, { restart: 101 });
  await apply(host, newChart);
  host.commands.length = 0;
  asked.length = 0;
  const ending = await reported(restartServices(host, { deferredOnly: true }));
  expect(statusFor(ending)).toEqual(ready);
  expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
  expect(asked).toEqual([]);
});

test("certificates that are not wanted any more stay while the conductor that reads them may not be restarted", async () => {
  const answers: Record<string, number> = {};
  const { host } = await underPolicy(answers);
  await apply(host, wish({ "openstack-ca": ca }));
  Object.assign(answers, { restart: 101 });
  await apply(host, wish());
  expect(await host.fs.stat(paths.openstackCa)).toBeDefined();
  delete answers["restart"];
  expect(statusFor(await reported(healLast(host)))).toEqual(ready);
  await healLast(host);
  expect(await host.fs.stat(paths.openstackCa)).toBeUndefined();
});

test("a restart by somebody else between the write and ours is noticed, and not repeated", async () => {
  const answers: Record<string, number> = {};
  const { host, services } = await underPolicy(answers);
  const { run } = host;
  const pids: number[] = [];
  host.run = async (argv, options) => {
    const answer = await run(argv, options);
    if (argv[3] !== program || argv[4] !== "magnum-conductor") return answer;
    // Not in the millisecond of the write.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await run(["systemctl", "restart", "magnum-conductor"]);
    pids.push(services["magnum-conductor"]?.mainPid ?? 0);
    return answer;
  };
  const ending = await reported(apply(host, newChart));
  expect(statusFor(ending)).toEqual(ready);
  expect(pids).toEqual([services["magnum-conductor"]?.mainPid]);
});

test("a removal honours it too: all is taken back, and the processes are left", async () => {
  const answers: Record<string, number> = {};
  const { host } = await underPolicy(answers);
  Object.assign(answers, { restart: 101 });
  host.commands.length = 0;
  const report = await undo(host, "apply");
  if (report === undefined || "end" in report) throw new Error("not undone");
  expect(inLine(report)).toBe(true);
  expect(restarts(host.commands)).toEqual([]);
  expect(await host.fs.stat(paths.dropIn)).toBeUndefined();
  expect(await host.fs.stat(paths.state)).toBeUndefined();
});

test("a denial leaves hooks quiet until a file of the policy changes", async () => {
  const answers: Record<string, number> = {};
  const { host } = await underPolicy(answers);
  Object.assign(answers, { restart: 101 });
  const { settled, keep } = signer(host, { config: "{}", secret: "s" }, "/charm");
  const ending = await reported(apply(host, newChart, { settled }));
  await keep(ending);
  const signature = await lastSignature(host);
  expect(signature).toMatchObject({ inLine: true });
  expect(signature?.retryAt).toBe((signature?.takenAt ?? 0) + 30 * 60_000);
  await host.fs.makeDirectory("/etc/policy-rc.d", { mode: "0755", uid: 0, gid: 0 });
  await host.fs.write("/etc/policy-rc.d/charm.policy", "", { mode: "0644", uid: 0, gid: 0 });
  const { files } = await watched(host, ending.config, ending.unit);
  expect(files).toEqual(
    expect.arrayContaining([program, "/etc/policy-rc.d", "/etc/policy-rc.d/charm.policy"]),
  );
});
