import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { HookResult } from "./hook-runner.ts";
import { localMachine } from "./local-machine.ts";
import { temporaryUnit } from "./temporary-unit.ts";
import { findUnit } from "./unit.ts";

const ran = (results: readonly HookResult[]): readonly string[] =>
  results.filter(({ skipped }) => !skipped).map(({ hook }) => hook);

const seesStatus = 'juju-log "$(status-get --include-data --format=json)"';
const seesRelation = 'juju-log "ids $(relation-ids juju-info --format=json)"';
const seesMembers =
  'id=$(relation-ids juju-info); [ -z "$id" ] || juju-log "units $(relation-list -r "$id" --format=json)"';

async function logged(unit: {
  log(): Promise<readonly { readonly message: string }[]>;
}): Promise<readonly string[]> {
  return (await unit.log()).map(({ message }) => message);
}

describe("a unit's life", () => {
  it("begins with Juju's hooks in Juju's order", async () => {
    const { unit } = await temporaryUnit("exit 0");
    expect(ran(await unit.deploy())).toEqual([
      "install",
      "juju-info-relation-created",
      "leader-elected",
      "config-changed",
      "start",
      "juju-info-relation-joined",
      "juju-info-relation-changed",
    ]);
  });

  it.each([
    ["3.6.28", ["leader-settings-changed"]],
    ["4.0.15", []],
  ] as const)("tells a unit that is not the leader of it under Juju %s by %j", async (juju, hooks) => {
    const { unit } = await temporaryUnit("exit 0", { juju, leader: false });
    expect(ran(await unit.deploy()).filter((hook) => hook.startsWith("leader-"))).toEqual(hooks);
  });

  it("ends with Juju's hooks in Juju's order and leaves no folder of the unit", async () => {
    const { unit, jujuDir } = await temporaryUnit("exit 0");
    await unit.deploy();
    expect(await readdir(join(jujuDir, "tools"))).toEqual(["node", "unit-toy-0"]);

    const hooks = ["juju-info-relation-departed", "juju-info-relation-broken", "stop", "remove"];
    expect(ran(await unit.remove())).toEqual(hooks);
    expect(await unit.status()).toEqual({ status: "terminated", message: "" });
    expect(await readdir(join(jujuDir, "tools"))).toEqual([]);
    expect(await readdir(join(jujuDir, "agents"))).toEqual([]);
  });

  it("shows Juju's own status around the charm's", async () => {
    const { unit } = await temporaryUnit(seesStatus);
    const seen = (text: string): string => `{"message":"${text}","status":"maintenance","status-data":{}}`;
    expect(await unit.status()).toEqual({ status: "waiting", message: "agent initialising" });
    await unit.deploy();
    expect((await logged(unit))[0]).toBe(seen("installing charm software"));
    expect(await unit.status()).toEqual({ status: "unknown", message: "" });
    await unit.remove();
    expect((await logged(unit)).slice(-2)).toEqual([
      seen("stopping charm software"),
      seen("cleaning up prior to charm deletion"),
    ]);
  });

  it("keeps the status and the version that the charm set", async () => {
    const { unit } = await temporaryUnit("status-set active -- ready; application-version-set -- 1.4.0");
    await unit.deploy();
    expect(await unit.status()).toEqual({ status: "active", message: "ready" });
    expect(await unit.workloadVersion()).toBe("1.4.0");
  });

  it("knows the relation from created to broken, and the principal from joined to departed", async () => {
    const { unit } = await temporaryUnit(`${seesRelation}; ${seesMembers}`);
    await unit.deploy();
    await unit.remove();
    const nobody = ['ids ["juju-info:12"]', "units []"];
    const magnum = ['ids ["juju-info:12"]', 'units ["magnum/0"]'];
    const inHook = (lines: readonly string[]): readonly string[] =>
      lines.map((line) => `juju-info:12: ${line}`);
    expect(await logged(unit)).toEqual([
      "ids []",
      ...inHook(nobody),
      ...[...nobody, ...nobody, ...nobody],
      ...[...inHook(magnum), ...inHook(magnum)],
      ...[...inHook(nobody), ...inHook(nobody)],
      ...["ids []", "ids []"],
    ]);
  });
});

describe("a hook that fails", () => {
  it("stops the unit with the status error, and deploy goes on from it", async () => {
    const { unit, jujuDir } = await temporaryUnit(
      `status-set active fine; [ "$JUJU_HOOK_NAME" != start ] || [ -e "$CHARM_DIR/../cured" ]`,
    );
    const first = await unit.deploy();
    expect([first.at(-1)?.hook, first.at(-1)?.code]).toEqual(["start", 1]);
    expect(await unit.status()).toEqual({ status: "error", message: 'hook failed: "start"' });
    await expect(unit.configure({ count: 4 })).rejects.toThrow("run that one again first");

    await writeFile(join(jujuDir, "agents/unit-toy-0/cured"), "");
    expect(ran(await unit.deploy())).toEqual([
      "start",
      "juju-info-relation-joined",
      "juju-info-relation-changed",
    ]);
    expect(await unit.status()).toEqual({ status: "active", message: "fine" });
  });

  it("of a removal is gone on with by an agent that was started anew on the same state", async () => {
    const { unit, jujuDir, charm } = await temporaryUnit(
      `[ "$JUJU_HOOK_NAME" != stop ] || [ -e "$CHARM_DIR/../cured" ]`,
    );
    await unit.deploy();
    expect(ran(await unit.remove()).at(-1)).toBe("stop");

    const again = await findUnit(localMachine(), { charm: await charm("exit 0"), jujuDir, name: unit.name });
    await writeFile(join(jujuDir, "agents/unit-toy-0/cured"), "");
    expect(ran(await again.remove())).toEqual(["stop", "remove"]);
    expect(await again.status()).toEqual({ status: "terminated", message: "" });
  });

  it.each([
    ["a hook without the execute bit", "#!/bin/sh\n", "permission denied"],
    ["a hook without a first line for the kernel", { script: "exit 0\n" }, "exec format error"],
    ["a hook for another processor", { script: "\x7fELF-----------------" }, "exec format error"],
  ])("is %s", async (_, stub, reason) => {
    const { unit } = await temporaryUnit("", { further: { "hooks/stub": stub } });
    const [install, ...others] = await unit.deploy();
    expect(others).toEqual([]);
    expect(install).toMatchObject({ hook: "install", code: 126, stderr: expect.stringContaining(reason) });
    expect(await unit.status()).toMatchObject({ status: "error" });
  });

  it("is no hook that the charm does not have: that one is skipped", async () => {
    const { unit } = await temporaryUnit("exit 0", {
      further: { "hooks/start": null, "hooks/install": { link: "gone" } },
    });
    const results = await unit.deploy();
    expect(results.filter(({ skipped }) => skipped).map(({ hook }) => hook)).toEqual(["install", "start"]);
    expect(results.every(({ code }) => code === 0)).toBe(true);
  });

  it("is one that runs longer than the time limit: it is killed, and the test fails with its name", async () => {
    const { unit } = await temporaryUnit("sleep 30", { hookTimeoutMs: 300 });
    await expect(unit.deploy()).rejects.toThrow(/hooks\/install ran longer than 300 ms/);
  });
});

describe("a hook that is killed", () => {
  it("is run again by its agent: the unit has no error", async () => {
    const { unit, jujuDir } = await temporaryUnit(
      '[ "$JUJU_HOOK_NAME" != update-status ] || { status-set maintenance half; touch "$CHARM_DIR/../half"; exec sleep 30; }',
    );
    await unit.deploy();
    const running = unit.spawnHook("update-status");
    await expect
      .poll(() => existsSync(join(jujuDir, "agents/unit-toy-0/half")), { timeout: 10_000 })
      .toBe(true);
    running.kill("SIGKILL");
    expect(await running.done).toMatchObject({
      hook: "update-status",
      code: 137,
      calls: [{ command: "status-set" }],
    });
    expect(await unit.status()).toEqual({ status: "maintenance", message: "half" });
    expect(await unit.runHook("start")).toMatchObject({ code: 0 });
  });

  it("keeps other hooks out while it runs", async () => {
    const { unit } = await temporaryUnit('[ "$JUJU_HOOK_NAME" != update-status ] || exec sleep 30');
    await unit.deploy();
    const running = unit.spawnHook("update-status");
    await expect(unit.runHook("start")).rejects.toThrow("hook update-status still runs");
    running.kill("SIGTERM");
    expect((await running.done).code).toBe(143);
  });
});
