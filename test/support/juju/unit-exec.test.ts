import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import type { JujuVersion } from "./agent-state.ts";
import { readExecOrder } from "./exec-order.ts";
import { UsageError } from "./gnu-flags.ts";
import { temporaryUnit } from "./temporary-unit.ts";
import type { ToyMember } from "./toy-charm.ts";
import type { Unit } from "./unit.ts";

const fixtures = join(import.meta.dirname, "../../fixtures/juju");

function readLines<T>(name: string): readonly T[] {
  const lines = readFileSync(join(fixtures, name), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as T);
}

interface RefusedLine {
  readonly juju: JujuVersion;
  readonly id: string;
  readonly argv: readonly string[];
  readonly stderr: string;
  readonly rc: number;
}

interface RunLine {
  readonly juju: JujuVersion;
  readonly id: string;
  readonly kind: "action" | "exec";
  readonly name: string;
  readonly charm: Readonly<Record<string, string>>;
  readonly error?: string;
  readonly exec: { readonly rc: number; readonly stdout: string; readonly stderr: string };
}

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const refused = readLines<RefusedLine>("juju-exec.jsonl");
const runs = readLines<RunLine>("action-and-exec-runs.jsonl").filter(({ kind }) => kind === "exec");

/** Starts it as any process of the machine might: with hardly an environment. */
function start(unit: Unit, argv: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(unit.jujuExec, argv, {
    env: { PATH: "/usr/bin:/bin", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
  });
  const code = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const done = async (): Promise<Answer> => {
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await code, stdout, stderr };
  };
  return { child, done: done() };
}

async function exec(unit: Unit, commands: string): Promise<Answer> {
  return await start(unit, ["-u", unit.name, commands]).done;
}

async function deployed(
  script = "exit 0",
  options: Parameters<typeof temporaryUnit>[1] = {},
): ReturnType<typeof temporaryUnit> {
  const made = await temporaryUnit(script, options);
  await made.unit.deploy();
  return made;
}

describe("the command line of juju-exec", () => {
  const units = ["magnum-capi-helm/0"];

  it.each(refused.map((line) => [line.juju, line.id, line] as const))(
    "is refused as recorded: Juju %s, %s",
    (_juju, _id, { juju, argv, stderr, rc }) => {
      let error: unknown;
      try {
        readExecOrder({ argv: argv.slice(1), env: {}, juju, units });
      } catch (thrown) {
        error = thrown;
      }
      expect(`ERROR ${(error as Error).message}\n`).toBe(stderr);
      expect(error instanceof UsageError ? 2 : 1).toBe(rc);
    },
  );

  it("is held to every line that the fixture has", () => expect(refused.length).toBe(18));

  it.each([
    [["-u", "magnum-capi-helm/0", "a; b 'c'"], "a; b 'c'"],
    [["-u", "unit-magnum-capi-helm-0", "true"], "true"],
    [["magnum-capi-helm/0", "true"], "true"],
    [["true"], "true"],
    [["-u", "magnum-capi-helm/0", "--", "echo", "a b", "$x", '"', "\\"], 'echo "a b" "\\$x" "\\"" "\\\\"'],
  ])("%j runs %j", (argv, commands) => {
    const order = readExecOrder({ argv, env: {}, juju: "3.6.28", units });
    expect(order).toEqual({ unit: "magnum-capi-helm/0", commands });
  });
});

describe("juju-exec", () => {
  it.each(runs.map((line) => [line.juju, line.id, line] as const))(
    "runs commands as Juju's own runner did: %s %s",
    async (_juju, _id, line) => {
      const members = Object.entries(line.charm).map(([path, script]): [string, ToyMember] => [
        path,
        { script },
      ]);
      const { unit, jujuDir } = await deployed("exit 0", {
        ...{ juju: line.juju, application: "magnum-capi-helm", further: Object.fromEntries(members) },
      });
      const logBefore = await unit.log();
      const { code, stdout, stderr } = await exec(unit, line.name);

      const seen = { rc: code, stdout: stdout.replaceAll(jujuDir, "/var/lib/juju"), stderr };
      const failed = { rc: 1, stdout: "", stderr: `ERROR ${line.error}\n` };
      expect(seen).toEqual(line.error === undefined ? line.exec : failed);
      expect(await unit.log()).toEqual(logBefore);
    },
  );

  it("shows what its hook commands did in the status, the log and the calls of the unit", async () => {
    const { unit } = await deployed();
    const script = "status-set blocked -- 'by hand'; juju-log -l WARNING healed; config-get word; exit 4";
    const answer = await exec(unit, `JUJU_DISPATCH_PATH=hooks/self-heal /bin/sh -c "${script}"`);
    expect(answer).toEqual({ code: 4, stdout: "as shipped\n", stderr: "" });
    expect(await unit.status()).toEqual({ status: "blocked", message: "by hand" });
    expect((await unit.log()).at(-1)).toEqual({
      ...{ level: "WARNING", logger: "unit.toy/0.juju-log", message: "healed" },
    });
    const calls = await unit.calls();
    expect(calls.map(({ command, hook, code }) => [command, hook, code])).toEqual([
      ["status-set", "hooks/self-heal", 0],
      ["juju-log", "hooks/self-heal", 0],
      ["config-get", "hooks/self-heal", 0],
      ["juju-exec", "", 4],
    ]);
  });

  it("ends its context with its commands", async () => {
    const { unit, jujuDir } = await deployed();
    await exec(unit, 'cp "$(command -v status-set)" ../late; env >../env');
    const env = readFileSync(join(jujuDir, "agents/unit-toy-0/env"), "utf8").trimEnd().split("\n");
    const variables = Object.fromEntries(env.map((line) => line.split(/=(.*)/s).slice(0, 2)));
    const late = spawn(join(jujuDir, "agents/unit-toy-0/late"), ["active"], { env: variables });
    expect(await text(late.stderr)).toContain("agent.socket: connect: no such file or directory");
  });

  it("is refused in a hook and in an action", async () => {
    const call = 'juju_exec=$CHARM_DIR/../../../bin/juju-exec; "$juju_exec" -u toy/0 true';
    const further = {
      "actions.yaml": "try:\n",
      "actions/try": { script: `#!/bin/sh\n${call}\n` },
    };
    const { unit } = await deployed(`[ "$JUJU_HOOK_NAME" != update-status ] || { ${call}; }`, { further });
    const refusal =
      /^ERROR juju-exec cannot be called from within a hook, have context "toy\/0-update-status-\d+"\n$/;
    expect(await unit.runHook("update-status")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(refusal),
    });
    expect(await unit.runAction("try")).toMatchObject({ status: "failed", message: "exit status 2" });
  });

  it("goes on when it is killed itself", async () => {
    const { unit, jujuDir } = await deployed();
    const at = (name: string): string => join(jujuDir, "agents/unit-toy-0", name);
    const { child, done } = start(unit, [
      "-u",
      "toy/0",
      "touch ../began; sleep 1; status-set active 'went on'",
    ]);
    await expect.poll(() => existsSync(at("began")), { timeout: 10_000 }).toBe(true);
    child.kill("SIGKILL");
    expect((await done).code).toBe(null);
    await expect.poll(async () => (await unit.status()).message, { timeout: 10_000 }).toBe("went on");
  });

  it("fails while the agent is stopped, and works again once it is started", async () => {
    const { unit, jujuDir } = await deployed();
    await unit.stopAgent();
    const socket = join(jujuDir, "agents/unit-toy-0/run.socket");
    const reason = `dial unix ${socket}: connect: no such file or directory`;
    expect(await exec(unit, "touch ../ran")).toEqual({
      ...{ code: 1, stdout: "", stderr: `ERROR dialing juju run socket: ${reason}\n` },
    });
    await expect(unit.runHook("update-status")).rejects.toThrow("the agent of toy/0 is stopped");
    await expect(unit.configure({ word: "x" })).rejects.toThrow("the agent of toy/0 is stopped");
    await unit.startAgent();
    expect(await exec(unit, "ls ..")).toMatchObject({ code: 0, stdout: expect.not.stringContaining("ran") });
  });

  it("is gone with the unit", async () => {
    const { unit } = await deployed();
    expect(statSync(unit.jujuExec).mode & 0o777).toBe(0o755);
    await unit.remove();
    expect(existsSync(unit.jujuExec)).toBe(false);
  });

  it("runs on a unit whose hook has failed", async () => {
    const { unit } = await deployed("exit 1");
    expect(await exec(unit, "status-set active fine")).toMatchObject({ code: 0 });
    expect(await unit.status()).toEqual({ status: "error", message: 'hook failed: "install"' });
  });
});
