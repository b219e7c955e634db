import { describe, expect, it } from "vitest";
import { temporaryUnit } from "./temporary-unit.ts";

const reads = "config-get --format=json; config-get --all --format=json | grep -o '\"unset\":[^,}]*'";

async function deployed(config: Record<string, string | number | boolean> = {}) {
  const { unit } = await temporaryUnit(`[ "$JUJU_HOOK_NAME" != config-changed ] || { ${reads}; }`, {
    config,
  });
  const results = await unit.deploy();
  return { unit, first: results.find(({ hook }) => hook === "config-changed")?.stdout ?? "" };
}

function options(stdout: string): unknown {
  return JSON.parse(stdout.split("\n")[0] ?? "");
}

const shipped = { word: "as shipped", empty: "", count: 3, ratio: 0.25, flag: true };

describe("the options of a unit", () => {
  it("are the charm's defaults at first, and an option without a default is absent", async () => {
    const { first } = await deployed();
    expect(options(first)).toEqual(shipped);
    expect(first).toContain('"unset":null');
  });

  it("take what was set before the deployment", async () => {
    const { first } = await deployed({ word: "other", count: "-7", flag: "F", ratio: "1e3" });
    expect(options(first)).toEqual({ ...shipped, word: "other", count: -7, flag: false, ratio: 1000 });
  });

  it("reach the charm through one config-changed", async () => {
    const { unit } = await deployed();
    const result = await unit.configure({ word: "new", unset: "now set" });
    expect(result).toMatchObject({ hook: "config-changed", code: 0, skipped: false });
    expect(options(result.stdout)).toEqual({ ...shipped, word: "new", unset: "now set" });
  });

  it("go back to the default when they are reset", async () => {
    const { unit } = await deployed({ word: "other", unset: "set" });
    const { stdout } = await unit.configure({ word: undefined, unset: undefined, count: undefined });
    expect(options(stdout)).toEqual(shipped);
  });

  it("run no hook when the same value is set again or nothing is there to reset", async () => {
    const { unit } = await deployed({ word: "same" });
    expect(await unit.configure({ word: "same", count: undefined })).toMatchObject({
      skipped: true,
      calls: [],
    });
    expect(await unit.configure({ word: "" })).toMatchObject({ skipped: false });
  });

  it.each([
    [{ count: "abc" }, 'option "count" expected int, got "abc"'],
    [{ count: "1.5" }, 'option "count" expected int, got "1.5"'],
    [{ count: "" }, 'option "count" expected int, got ""'],
    [{ count: "9223372036854775808" }, 'option "count" expected int, got "9223372036854775808"'],
    [{ ratio: "a" }, 'option "ratio" expected float, got "a"'],
    [{ flag: "yes" }, 'option "flag" expected boolean, got "yes"'],
    [{ key: "plain" }, 'option "key" expected secret, got "plain"'],
    [{ nothing: "x" }, 'unknown option "nothing"'],
    [{ word: "kept out", nothing: undefined }, 'unknown option "nothing"'],
  ])("refuse %j with Juju's text and change nothing", async (changes, text) => {
    const { unit } = await deployed();
    await expect(unit.configure(changes)).rejects.toThrow(text);
    expect(options((await unit.configure({ ratio: 0.5 })).stdout)).toEqual({ ...shipped, ratio: 0.5 });
  });

  it.each([
    [
      "word: {type: string, default: 0.25}",
      'invalid config default: option "word" expected string, got 0.25',
    ],
    ["count: {type: int, default: x}", 'option "count" expected int, got "x"'],
    ["count: {type: integer}", "int"],
  ])("make the charm unreadable when config.yaml says %s", async (option, text) => {
    const further = { "config.yaml": `options:\n  ${option}\n` };
    await expect(temporaryUnit("exit 0", { further })).rejects.toThrow(text);
  });
});
