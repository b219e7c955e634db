import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { newAgentState } from "./agent-state.ts";
import { changeState, readState, writeState } from "./state-file.ts";
import { temporaryUnit } from "./temporary-unit.ts";

function stateFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "fake-state-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "state.json");
  const unit = { juju: "3.6.28", unit: "toy/0", principal: "magnum/0", leader: true } as const;
  writeState(file, newAgentState({ ...unit, settings: {}, config: {} }));
  return file;
}

describe("hook commands in a hook", () => {
  it("lose no update when they run side by side", async () => {
    const { unit } = await temporaryUnit(
      '[ "$JUJU_HOOK_NAME" = update-status ] || exit 0; i=0; while [ $i -lt 20 ]; do juju-log "line $i" & i=$((i+1)); done; status-set active done & wait',
    );
    await unit.deploy();
    const before = (await unit.log()).length;
    const result = await unit.runHook("update-status");
    const lines = (await unit.log()).slice(before).map(({ message }) => message);
    expect(lines.sort()).toEqual(Array.from({ length: 20 }, (_, index) => `line ${index}`).sort());
    expect(result.calls.map(({ code }) => code)).toEqual(Array.from({ length: 21 }, () => 0));
    expect(await unit.status()).toEqual({ status: "active", message: "done" });
  }, 30_000);

  it("are recorded with their hook, arguments, exit code and error text", async () => {
    const { unit } = await temporaryUnit("is-leader >/dev/null; config-get --jason; exit 0");
    const [install] = await unit.deploy();
    expect(install?.calls).toMatchObject([
      { command: "is-leader", argv: [], hook: "install", code: 0, stderr: "" },
      { command: "config-get", argv: ["--jason"], hook: "install", code: 2 },
    ]);
    expect(install?.stderr).toBe("ERROR option provided but not defined: --jason\n");
    expect((await unit.calls()).length).toBe(14);
  });

  it("work when the charm has lost its own Node", async () => {
    const { unit } = await temporaryUnit("rm -rf bin; status-set blocked -- 'no bin/node'");
    await unit.deploy();
    expect(await unit.status()).toEqual({ status: "blocked", message: "no bin/node" });
  });

  it("write to the file of --output, in the hook's folder", async () => {
    const { unit } = await temporaryUnit(
      "config-get -o out.json --format=json word; config-get -o no/such word",
    );
    const [install] = await unit.deploy();
    expect(readFileSync(join(unit.charmFolder, "out.json"), "utf8")).toBe('"as shipped"\n');
    const missing = `ERROR open ${unit.charmFolder}/no/such: no such file or directory\n`;
    expect([install?.code, install?.stdout, install?.stderr]).toEqual([1, "", missing]);
  });

  it("fail once the hook has ended", async () => {
    const late = '(sleep 0.5; config-get word) >"$CHARM_DIR/../late" 2>&1 &';
    const { unit, jujuDir } = await temporaryUnit(`[ "$JUJU_HOOK_NAME" != update-status ] || { ${late} }`);
    await unit.deploy();
    await unit.runHook("update-status");
    const folder = join(jujuDir, "agents/unit-toy-0");
    const read = (): string => readFileSync(join(folder, "late"), "utf8");
    const text = `ERROR dial unix ${folder}/agent.socket: connect: no such file or directory\n`;
    await expect.poll(read, { timeout: 10_000 }).toBe(text);
  });

  it("log what the hook prints, but for a last line without an end", async () => {
    const { unit } = await temporaryUnit(
      '[ "$JUJU_HOOK_NAME" != stop ] || { echo out; echo bad >&2; printf half; }',
    );
    await unit.deploy();
    await unit.runHook("stop");
    expect(await unit.log()).toEqual([
      { level: "WARNING", logger: "unit.toy/0.stop", message: "bad" },
      { level: "DEBUG", logger: "unit.toy/0.stop", message: "out" },
    ]);
  });
});

describe("the state file", () => {
  it("is freed from the lock of a process that was killed while it changed something", () => {
    const file = stateFile();
    writeFileSync(`${file}.lock`, "");
    const minuteAgo = Date.now() / 1000 - 60;
    utimesSync(`${file}.lock`, minuteAgo, minuteAgo);
    changeState(file, () => ({ changes: { leader: false } }));
    expect(readState(file).leader).toBe(false);
    expect(() => readFileSync(`${file}.lock`)).toThrow("ENOENT");
  });

  it("is left as it was by a change that fails, and unlocked", () => {
    const file = stateFile();
    const failing = (): { readonly changes: { readonly leader: false } } => {
      throw new Error("on purpose");
    };
    expect(() => changeState(file, failing)).toThrow("on purpose");
    changeState(file, ({ leader }) => ({ changes: { "workload-version": String(leader) } }));
    expect(readState(file)["workload-version"]).toBe("true");
  });
});
