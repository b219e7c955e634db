import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { hookCommand } from "../../src/juju/hook-command.ts";
import { tellLimitMs } from "../../src/juju/hook-limits.ts";
import { scratchFolder } from "../bundle/scratch.ts";

vi.setConfig({ testTimeout: 60_000 });

/** A hook command of that name on the PATH until the test ends. */
async function tool(name: string, script: string): Promise<string> {
  const folder = await scratchFolder();
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
  return folder;
}

function told() {
  const lines: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(String(text)) > 0);
  return lines;
}

test("a hook command gives its code and both its outputs", async () => {
  await tool("tool-speaks", 'echo "out $*"; echo err >&2; exit 3');
  const answer = await hookCommand("tool-speaks", ["a", "--", "b c"]);
  expect(answer).toEqual({ code: 3, stdout: "out a -- b c\n", stderr: "err\n" });
});

test("one that is not there has the code -1", async () => {
  expect(await hookCommand("no-such-tool", [])).toMatchObject({ code: -1 });
});

test("one that hangs, ignores signals and has children is killed with them, and named on standard error", async () => {
  const lines = told();
  const folder = await tool("tool-hangs", `trap '' TERM; sleep 60 & echo $! >"\${0%/*}/pid"; wait; sleep 60`);
  const began = performance.now();
  expect(await hookCommand("tool-hangs", [], 1_000)).toMatchObject({ code: -1 });
  expect(performance.now() - began).toBeLessThan(30_000);
  expect(lines).toEqual(["tool-hangs gave no answer within 1 s\n"]);
  const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), { timeout: 10_000 });
});

test("one that gave no answer once is waited for 3 s from then on, and others as before", async () => {
  const lines = told();
  await tool("tool-late", "sleep 60");
  await hookCommand("tool-late", [], 100);
  await hookCommand("tool-late", [], 60_000);
  expect(lines.at(-1)).toBe("tool-late gave no answer within 3 s\n");
  await tool("tool-other", "sleep 4; echo there");
  expect(await hookCommand("tool-other", [], 60_000)).toMatchObject({ stdout: "there\n" });
});

test("none is started when the hook's time is over, and none is waited for past it", async () => {
  const lines = told();
  await tool("tool-at-end", "sleep 60");
  vi.spyOn(process, "uptime").mockReturnValue(tellLimitMs / 1_000 - 1);
  await hookCommand("tool-at-end", []);
  expect(lines).toEqual(["tool-at-end gave no answer within 1 s\n"]);
  vi.spyOn(process, "uptime").mockReturnValue(tellLimitMs / 1_000);
  expect(await hookCommand("tool-at-end", [])).toEqual({ code: -1, stdout: "", stderr: "" });
  expect(lines).toHaveLength(1);
});
