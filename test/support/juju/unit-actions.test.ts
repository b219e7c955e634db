import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JujuVersion } from "./agent-state.ts";
import type { Value } from "./go-json.ts";
import { temporaryUnit } from "./temporary-unit.ts";
import type { ToyMember } from "./toy-charm.ts";
import type { Unit } from "./unit.ts";

/** What Juju's runner made of a toy charm. Recorded runs that use `state-set` or print no text are not among them. */
interface Recorded {
  readonly juju: JujuVersion;
  readonly id: string;
  readonly kind: "action" | "exec";
  readonly name: string;
  readonly charm: Readonly<Record<string, string>>;
  readonly not_executable?: readonly string[];
  readonly log: readonly string[];
  readonly action_finish?: readonly {
    readonly message: string;
    readonly results: object;
    readonly status: string;
  }[];
  /** "status: message" of the unit. */
  readonly status_after: string;
}

const file = join(import.meta.dirname, "../../fixtures/juju/action-and-exec-runs.jsonl");
const recorded = readFileSync(file, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Recorded)
  .filter(({ kind }) => kind === "action");

const setsStatus = '[ "$JUJU_HOOK_NAME" != start ] || status-set active ready';
const params = {
  ...{ gate: "all", timeout: 30, big: 1234567, "dry-run": true, list: ["x", "y"], empty: "" },
  scope: { cluster: "c1", labels: { a: "b" } },
};

const spec = `
verify:
  description: looks
  params:
    gate: {type: string, default: all, enum: [all, tcp]}
    timeout: {type: integer, minimum: 1, maximum: 60}
    scope:
      type: object
      properties:
        cluster: {type: string, default: c1}
        depth: {type: integer}
  required: [timeout]
  additionalProperties: false
bare:
`;

async function actionUnit(
  script: string,
  { yaml = spec, juju = "3.6.28" as JujuVersion } = {},
): Promise<Unit> {
  const action: ToyMember = { script: `#!/bin/sh\n${script}\n` };
  const further = { "actions.yaml": yaml, "actions/verify": action, "actions/bare": action };
  const { unit } = await temporaryUnit(setsStatus, { further, juju });
  await unit.deploy();
  return unit;
}

/** The line's charm, whose unit has the recorded name. */
async function recordedUnit({ charm, not_executable = [], juju }: Recorded) {
  const members = Object.entries(charm).map(([path, text]): [string, ToyMember] => [
    path,
    not_executable.includes(path) ? text : { script: text },
  ]);
  const further = {
    ...Object.fromEntries(members),
    "actions.yaml": "verify:\n  additionalProperties: true\n",
  };
  const made = await temporaryUnit(setsStatus, { further, juju, application: "magnum-capi-helm" });
  await made.unit.deploy();
  return made;
}

describe("an action, as Juju's own runner ran it", () => {
  it.each(recorded.map((line) => [line.juju, line.id, line] as const))("%s %s", async (_juju, _id, line) => {
    const { unit, jujuDir } = await recordedUnit(line);
    const { status, message, results, id } = await unit.runAction(line.name, params);
    const finished = { message: message.replaceAll(jujuDir, "/var/lib/juju"), results, status };
    const { tag: _tag, ...first } = { tag: "", ...line.action_finish?.[0] };

    expect(finished).toEqual(first);
    expect(id).toBe("2");
    const log = (await unit.log()).map((one) => `${one.level} ${one.logger} ${one.message}`);
    expect(log.sort()).toEqual([...line.log].sort());
    const after = await unit.status();
    expect(`${after.status}: ${after.message}`).toBe(line.status_after);
  });

  it("is held to every line that the fixture has", () => expect(recorded.length).toBe(26));
});

describe("an action's parameters", () => {
  const show = "action-get --format=json";

  it("are what was given over the defaults, at every depth", async () => {
    const unit = await actionUnit(show);
    const { stdout } = await unit.runAction("verify", { timeout: 5, scope: { depth: 2 } });
    expect(JSON.parse(stdout)).toEqual({ gate: "all", timeout: 5, scope: { cluster: "c1", depth: 2 } });
    const plain = await unit.runAction("verify", { timeout: 5, gate: "tcp" });
    expect(JSON.parse(plain.stdout)).toEqual({ gate: "tcp", timeout: 5, scope: { cluster: "c1" } });
    expect(plain.id).toBe("4");
  });

  it.each<[Record<string, Value>, string]>([
    [{}, '(root) : "timeout" property is missing and required, given {}'],
    [{ timeout: 3, b: "x" }, '(root) : additional property "b" is not allowed, given {"b":"x","timeout":3}'],
    [{ timeout: "two" }, '(root).timeout : must be of type integer, given "two"'],
    [{ timeout: 1.5 }, "(root).timeout : must be of type integer, given 1.5"],
    [{ timeout: 0 }, "(root).timeout : must be greater than or equal to 1, given 0"],
    [{ timeout: 61 }, "(root).timeout : must be lower than or equal to 60, given 61"],
    [{ timeout: 1, gate: "x" }, '(root).gate : must match one of the enum values ["all","tcp"], given "x"'],
    [{ timeout: 1, scope: { depth: "x" } }, '(root).scope.depth : must be of type integer, given "x"'],
    [{ timeout: 1, scope: [] }, "(root).scope : must be of type object, given []"],
  ])("are refused with Juju's text: %j", async (given, text) => {
    const unit = await actionUnit("touch ran");
    await expect(unit.runAction("verify", given)).rejects.toThrow(`validation failed: ${text}`);
    expect(await unit.calls()).toMatchObject([{ command: "status-set" }]);
  });

  it("are refused for an action that the charm does not have", async () => {
    const unit = await actionUnit(show);
    await expect(unit.runAction("nosuch")).rejects.toThrow('action "nosuch" not defined on unit "toy/0"');
  });

  it("may be any in Juju 3 where the charm does not say, and none in Juju 4", async () => {
    const three = await actionUnit(show);
    expect((await three.runAction("bare", { x: 1 })).stdout).toBe('{"x":1}\n');
    const four = await actionUnit(show, { juju: "4.0.15" });
    await expect(four.runAction("bare", { x: 1 })).rejects.toThrow('additional property "x" is not allowed');
  });

  it.each([
    ["Verify:\n", "bad action name Verify"],
    ["juju-verify:\n", 'cannot use action name juju-verify: the "juju-" prefix is reserved'],
    ["verify: {params: {a: {type: int}}}\n", "Invalid option"],
    ["verify: {params: {a: {minLength: 3}}}\n", "minLength"],
    ["verify: {parallel: true}\n", "side by side"],
  ])("make the charm unreadable when actions.yaml says %j", async (yaml, text) => {
    await expect(actionUnit(show, { yaml })).rejects.toThrow(text);
  });
});

describe("an action", () => {
  it("keeps what it set and logged before it failed, and its calls", async () => {
    const unit = await actionUnit("action-log one; action-set a.b=1; action-log -- -two; echo out; exit 3");
    const result = await unit.runAction("bare");
    expect(result).toMatchObject({
      ...{ action: "bare", status: "failed", message: "exit status 3", log: ["one", "-two"], code: 3 },
      ...{ results: { a: { b: "1" }, "return-code": 3, stdout: "out\n" }, stdout: "out\n", stderr: "" },
    });
    expect(result.calls.map(({ command, hook }) => [command, hook])).toEqual([
      ["action-log", "actions/bare"],
      ["action-set", "actions/bare"],
      ["action-log", "actions/bare"],
    ]);
  });

  it("runs on a unit whose hook has failed, and sets its status where it says so", async () => {
    const further = {
      "actions.yaml": "cure:\n",
      "actions/cure": { script: "#!/bin/sh\nstatus-set active cured\n" },
    };
    const { unit } = await temporaryUnit("exit 1", { further });
    await unit.deploy();
    expect(await unit.runAction("cure")).toMatchObject({ status: "completed", message: "" });
    expect(await unit.status()).toMatchObject({ status: "error" });
  });
});
