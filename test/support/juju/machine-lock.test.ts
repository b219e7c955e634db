import { spawn } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { underMachineLock } from "./machine-lock.ts";
import { temporaryUnit } from "./temporary-unit.ts";

/** Notes when it began and ended, a while apart. */
const span = (name: string): string =>
  `echo "${name} began" >>"$AT"; sleep 0.4; echo "${name} ended" >>"$AT"`;

/** The lines of a lock log without their times and how long it was waited for and held. */
function lockLog(jujuDir: string): readonly string[] {
  const lines = readFileSync(join(jujuDir, "log/machine-lock.log"), "utf8").trimEnd().split("\n");
  const times = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d |, waited \d+s, held \d+s$/g;
  return lines.map((line) => line.replace(times, ""));
}

async function spanUnit() {
  const folder = await mkdtemp(join(tmpdir(), "lock-"));
  onTestFinished(async () => await rm(folder, { recursive: true }));
  const at = join(folder, "spans");
  const inAll = (name: string): string => span(name).replaceAll("$AT", at);
  const hook = `[ "$JUJU_HOOK_NAME" != update-status ] || { ${inAll("hook")}; }`;
  const further = { "actions.yaml": "act:\n", "actions/act": { script: `#!/bin/sh\n${inAll("action")}\n` } };
  const made = await temporaryUnit(hook, { further });
  await made.unit.deploy();
  return { ...made, inAll, spans: () => readFileSync(at, "utf8").trimEnd().split("\n") };
}

describe("the machine lock", () => {
  it("lets hooks, actions, juju-exec and the principal's hooks run one after another", async () => {
    const { unit, jujuDir, inAll, spans } = await spanUnit();
    const exec = new Promise((resolve) =>
      spawn(unit.jujuExec, ["-u", unit.name, inAll("exec")], { stdio: "ignore" }).once("exit", resolve),
    );
    const results = await Promise.all([
      unit.runHook("update-status"),
      unit.runAction("act"),
      unit.runPrincipalHook("config-changed", inAll("principal")),
      exec,
    ]);
    expect(results).toMatchObject([{ code: 0 }, { code: 0 }, { code: 0 }, 0]);

    const names = ["hook", "action", "principal", "exec"];
    const seen = spans();
    const order = seen.filter((line) => line.endsWith("began")).map((line) => line.replace(" began", ""));
    expect(order.toSorted()).toEqual(names.toSorted());
    expect(seen).toEqual(order.flatMap((name) => [`${name} began`, `${name} ended`]));

    const waits = lockLog(jujuDir);
    expect(waits).toEqual(
      expect.arrayContaining([
        "=== agent unit-toy-0 started ===",
        "=== agent unit-magnum-0 started ===",
        "unit-magnum-0: magnum/0 uniter (run config-changed hook)",
        "unit-toy-0: toy/0 uniter (run update-status hook)",
        "unit-toy-0: toy/0 uniter (run action 2)",
        "unit-toy-0: toy/0 uniter (run commands)",
      ]),
    );
    expect(new Set(waits).size).toBe(waits.length);
  });

  it("is noted for every hook of a life in Juju's words", async () => {
    const { unit, jujuDir } = await temporaryUnit("exit 0");
    await unit.deploy();
    await unit.remove();
    const prefix = "unit-toy-0: toy/0 uniter";
    expect(lockLog(jujuDir)).toEqual([
      "=== agent unit-toy-0 started ===",
      `${prefix} (run install hook)`,
      `${prefix} (run relation-created (12; app: magnum) hook)`,
      `${prefix} (run leader-elected hook)`,
      `${prefix} (run config-changed hook)`,
      `${prefix} (run start hook)`,
      `${prefix} (run relation-joined (12; unit: magnum/0) hook)`,
      `${prefix} (run relation-changed (12; unit: magnum/0) hook)`,
      `${prefix} (run relation-departed (12; unit: magnum/0, departee: magnum/0) hook)`,
      `${prefix} (run relation-broken (12; app: magnum) hook)`,
      `${prefix} (run stop hook)`,
      `${prefix} (run remove hook)`,
    ]);
  });

  it("is not held by what a hook leaves behind in the background", async () => {
    const { unit } = await temporaryUnit('[ "$JUJU_HOOK_NAME" != stop ] || sleep 5 >/dev/null 2>&1 &');
    await unit.deploy();
    await unit.runHook("stop");
    const started = performance.now();
    await unit.runHook("start");
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it("is waited for no longer than the limit, and the error says for what", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lock-"));
    onTestFinished(async () => await rm(folder, { recursive: true }));
    const files = { lock: join(folder, "lock"), log: join(folder, "log") };
    const holder = { unit: "magnum/0", comment: "run stop hook" };
    const second = underMachineLock(files, holder, 10_000, async () => {
      await underMachineLock(files, { unit: "toy/0", comment: "run commands" }, 200, async () => undefined);
    });
    const text = "the machine lock for toy/0 (run commands) was not free within 0.2 s: see what holds it";
    await expect(second).rejects.toThrow(text);
    expect(readFileSync(files.log, "utf8")).toContain("(run stop hook)");
    expect(readFileSync(files.log, "utf8")).not.toContain("(run commands)");
  });

  it("counts whole seconds, in Juju's form", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lock-"));
    onTestFinished(async () => await rm(folder, { recursive: true }));
    const files = { lock: join(folder, "lock"), log: join(folder, "log") };
    appendFileSync(files.log, "2026-01-01 00:00:00 === agent unit-magnum-0 started ===\n");
    const holder = { unit: "magnum/0", comment: "run start hook" };
    const wait = (ms: number) => async (): Promise<void> =>
      await new Promise((resolve) => setTimeout(resolve, ms));
    await Promise.all([1, 2].map(() => underMachineLock(files, holder, 10_000, wait(1200))));
    const lines = readFileSync(files.log, "utf8").trimEnd().split("\n").slice(1);
    const form = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d unit-magnum-0: magnum\/0 uniter \(run start hook\), /;
    const times = lines.map((line) => line.replace(form, ""));
    expect(times).toEqual([
      expect.stringMatching(/^waited [0-2]s, held [1-4]s$/),
      expect.stringMatching(/^waited [1-6]s, held [1-4]s$/),
    ]);
  });
});
