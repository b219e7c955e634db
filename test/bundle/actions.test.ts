import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildCharm } from "../../build/build.ts";
import { hostArch } from "../../build/node-binary.ts";
import type { HealRecord } from "../../src/conductor/heal-log.ts";
import { createUnit, type Unit } from "../support/juju/unit.ts";
import { kubeconfigText, secrets } from "../support/kubeconfigs.ts";
import { driverWheel } from "../support/wheels.ts";
import { bareMachine, canIsolate, makeWorkspace } from "./bare-machine.ts";

let workspace: string;
let charm: string;
let isIsolated: boolean;
let it: Unit;

async function deployed(): Promise<Unit> {
  const jujuDir = join(workspace, "juju");
  const made = await createUnit(bareMachine(workspace), { charm, jujuDir, hookTimeoutMs: 60_000 });
  await made.deploy();
  const uri = await made.addSecret({ kubeconfig: kubeconfigText() });
  await made.grantSecret(uri);
  await made.configure({ kubeconfig: uri });
  return made;
}

beforeAll(async () => {
  workspace = await makeWorkspace();
  charm = (await buildCharm({ arch: hostArch() ?? "amd64", out: join(workspace, "dist") })).path;
  isIsolated = await canIsolate(workspace);
  if (isIsolated) it = await deployed();
});

afterAll(() => rm(workspace, { recursive: true, force: true }));

describe("the packed charm on a machine that is no conductor", () => {
  beforeEach(({ skip }) => {
    if (!isIsolated) skip("this host lets nobody have mounts of their own (unshare)");
  });

  const noConductor =
    "waiting for magnum-conductor to be installed: /etc/init.d/magnum-conductor is not there";

  test("fails the action apply with what it waits for, in results that a pipeline reads", async () => {
    const result = await it.runAction("apply");
    expect(result).toMatchObject({ status: "failed", message: noConductor, code: 0 });
    expect(result.results).toEqual({
      "return-code": 0,
      "in-line": "false",
      changes: "[]",
      restarts: "",
      status: "waiting",
      message: noConductor,
    });
    expect(await it.status()).toMatchObject({ status: "waiting", message: noConductor });
    expect(await readdir(join(workspace, "lib"))).toEqual([]);
  });

  test("fails the action rollback, and leaves the status as it is", async () => {
    const result = await it.runAction("rollback");
    expect(result).toMatchObject({
      status: "failed",
      code: 0,
      message: "there is no earlier generation on this unit; next: capi-graft rollback --to 1.3.0",
    });
    expect(result.results).toMatchObject({ "in-line": "false", "return-code": 0 });
    expect(await it.status()).toMatchObject({ status: "waiting", message: noConductor });
    expect(await readdir(join(workspace, "lib"))).toEqual([]);
  });

  test("fails the action plan with what it waits for, and leaves no file and no other status", async () => {
    const result = await it.runAction("plan");
    expect(result).toMatchObject({ status: "failed", message: noConductor, code: 0 });
    expect(result.results).toEqual({
      "return-code": 0,
      "in-line": "false",
      changes: "[]",
      restarts: "",
      deferred: "",
      gates: "[]",
    });
    expect(await it.status()).toMatchObject({ status: "waiting", message: noConductor });
    expect(await readdir(join(workspace, "lib"))).toEqual([]);
  });

  const notYet = "nothing is in force on this unit yet; next: run the action apply";

  test.each([
    ["verify", notYet],
    ["restart-services", notYet],
    ["show-effective-config", "there is no conductor: /etc/init.d/magnum-conductor is not there"],
  ])("fails the action %s in words, asks for no option, and changes nothing", async (name, message) => {
    const before = await it.calls();
    const result = await it.runAction(name);
    expect(result).toMatchObject({ status: "failed", message, code: 0 });
    for (const key of Object.keys(result.results)) expect(key).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(Object.keys(result.results)).not.toContain("stdout");
    const calls = (await it.calls()).slice(before.length).map(({ command }) => command);
    expect(calls).not.toContain("config-get");
    expect(calls).not.toContain("status-set");
    expect(await it.status()).toMatchObject({ status: "waiting", message: noConductor });
    expect(await readdir(join(workspace, "lib"))).toEqual([]);
  });

  test.each([
    ["plan", { force: true }],
    ["verify", { force: true }],
    ["restart-services", { "deferred-only": "yes" }],
    ["restart-services", { services: "magnum-api" }],
    ["show-effective-config", { option: "x" }],
    ["rollback", { to: "latest" }],
    ["rollback", { form: "1.3.0" }],
    ["heal-log", { limit: 0 }],
    ["heal-log", { limit: 501 }],
    ["upgrade-check", { capi: "1.16" }],
    ["upgrade-check", { force: true }],
    ["apply", { force: true }],
    ["no-such-action", {}],
  ])("refuses %s with %j before it runs", async (name, params) => {
    const before = await it.calls();
    await expect(it.runAction(name, params)).rejects.toThrow();
    expect(await it.calls()).toEqual(before);
  });

  test("shows the heal log in kebab-case keys, the latest records, and no secret", async () => {
    const empty = await it.runAction("heal-log");
    expect(empty).toMatchObject({ status: "completed", code: 0 });
    const state = join(workspace, "lib/magnum-capi-helm");
    await mkdir(state);
    const lines = [1, 2, 3].map((minute) => JSON.stringify(recordAt(minute)));
    await writeFile(join(state, "heal.log"), `${lines.join("\n")}\n`);
    const { results, status } = await it.runAction("heal-log", { limit: 2 });
    await rm(state, { recursive: true });
    expect(status).toBe("completed");
    for (const key of Object.keys(results)) expect(key).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    const text = JSON.stringify(results);
    expect(text).toContain("2026-03-01T12:03:00Z");
    expect(text).not.toContain("2026-03-01T12:01:00Z");
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(Object.keys(results)).not.toContain("stdout");
    expect(Object.keys(results)).not.toContain("stderr");
  });

  test("has nothing to repair in the hook that the watch asks for", async () => {
    const hook = await it.runHook("self-heal").catch((error: Error) => error);
    expect(hook).toMatchObject({ code: 0 });
    expect(await it.status()).toMatchObject({ status: "waiting", message: noConductor });
  });

  test("refuses a wrong resource by name when it is attached, and an empty one cures it", async () => {
    const hooks = await it.attachResource("driver-wheel", await driverWheel({ name: "magnum" }));
    expect(hooks.map(({ hook, code }) => [hook, code])).toEqual([
      ["upgrade-charm", 0],
      ["config-changed", 0],
    ]);
    expect(await it.status()).toEqual({
      status: "blocked",
      message:
        "driver-wheel: a wheel of magnum; next: juju attach-resource magnum-capi-helm driver-wheel=FILE",
    });
    await it.attachResource("driver-wheel", "");
    expect(await it.status()).toMatchObject({ status: "waiting", message: noConductor });
    expect(await readdir(join(workspace, "lib"))).toEqual([]);
  });
});

function recordAt(minute: number): HealRecord {
  return {
    at: `2026-03-01T12:0${minute}:00Z`,
    kind: "heal",
    trigger: "watch",
    changes: [
      {
        id: "file:/etc/magnum/kubeconfig",
        action: "update",
        outcome: "changed",
        drift: [{ key: "sha256", observed: "a".repeat(64), desired: "b".repeat(64) }],
      },
    ],
    cause: { what: "unknown", evidence: [] },
    restarts: [],
    seconds: 1,
  };
}
