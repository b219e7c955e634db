import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { HookResult } from "./hook-runner.ts";
import { temporaryUnit } from "./temporary-unit.ts";

const metadata = `name: toy
summary: a toy
description: a toy
subordinate: true
requires:
  juju-info: {interface: juju-info, scope: container}
resources:
  tool: {type: file, filename: tool.tar.gz, description: a tool}
`;
const script = "resource-get tool || true; echo";

/** The hooks that ran, and the path that the last of them printed. */
function ran(results: readonly HookResult[]): readonly string[] {
  return [...results.map(({ hook }) => hook), results.at(-1)?.stdout.trim() ?? ""];
}

async function toyUnit(juju: "3.6.28" | "4.0.15" = "3.6.28") {
  const made = await temporaryUnit(script, { juju, further: { "metadata.yaml": metadata } });
  const deployed = await made.unit.deploy();
  return { ...made, deployed, path: join(made.unit.charmFolder, "../resources/tool.tar.gz") };
}

describe("a file resource", () => {
  it.each(["3.6.28", "4.0.15"] as const)("that nobody attached is not found, under Juju %s", async (juju) => {
    const { deployed } = await toyUnit(juju);
    expect(
      deployed.every(({ stderr }) => stderr.endsWith('/resources/tool: resource "tool" not found\n')),
    ).toBe(true);
  });

  it("that is attached runs upgrade-charm and config-changed, and its file lies beside the charm's folder", async () => {
    const { unit, path } = await toyUnit();
    expect(ran(await unit.attachResource("tool", "bytes"))).toEqual([
      "upgrade-charm",
      "config-changed",
      path,
    ]);
    expect(readFileSync(path, "utf8")).toBe("bytes");
  });

  it("is fetched only by a hook that asks for it, and again only where the bytes differ", async () => {
    const { unit, path, charm } = await toyUnit();
    await unit.attachResource("tool", "bytes");
    const { ino } = statSync(path);
    await unit.attachResource("tool", "bytes");
    expect(statSync(path).ino).toBe(ino);
    await unit.refresh(await charm("exit 0", { "metadata.yaml": metadata }));
    await unit.attachResource("tool", "others");
    expect(readFileSync(path, "utf8")).toBe("bytes");
  });

  it("may be empty, and outlives a refresh of the charm", async () => {
    const { unit, path, charm } = await toyUnit();
    await unit.attachResource("tool", "");
    expect(readFileSync(path, "utf8")).toBe("");
    expect(ran(await unit.refresh(await charm(script, { "metadata.yaml": metadata })))).toContain(path);
  });

  it("is refused where the charm has none of that name, or the file's name ends otherwise", async () => {
    const { unit } = await toyUnit();
    await expect(unit.attachResource("other", "x")).rejects.toThrow('resource "other" not found');
    await expect(unit.attachResource("tool", "x", "tool.zip")).rejects.toThrow(
      'incorrect extension on resource upload "tool.zip", expected ".gz"',
    );
  });
});
