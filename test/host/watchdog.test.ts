import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test, vi } from "vitest";
import { scratchFolder } from "../bundle/scratch.ts";

vi.setConfig({ testTimeout: 60_000 });

const module = new URL("../../src/host/watchdog.ts", import.meta.url).href;

function program(ms: number, rest: string) {
  const text = `const { endAfter } = await import(${JSON.stringify(module)}); endAfter(${ms}, "stuck\\n");\n${rest}`;
  return execa(process.execPath, ["--input-type=module", "-e", text], { reject: false });
}

describe("the watchdog", () => {
  test("kills a program that is stuck in a loop, with what it started and what that started, and says so", async () => {
    const file = join(await scratchFolder(), "pid");
    const script = `sleep 60 & echo $! >${file}; wait`;
    const { signal, stderr } = await program(
      2_000,
      `const { spawn } = await import("node:child_process");
      spawn("sh", ["-c", ${JSON.stringify(script)}], { detached: true, stdio: "ignore" });
      await new Promise((settle) => setTimeout(settle, 500));
      for (;;);`,
    );
    expect([signal, stderr]).toEqual(["SIGKILL", "stuck"]);
    const stat = `/proc/${readFileSync(file, "utf8").trim()}/stat`;
    const isGone = () => !existsSync(stat) || / [ZX] /.test(readFileSync(stat, "utf8"));
    await vi.waitFor(() => expect(isGone()).toBe(true), { timeout: 10_000 });
  });

  test("keeps no program from its end", async () => {
    const began = performance.now();
    expect(await program(50_000, "")).toMatchObject({ exitCode: 0, stderr: "" });
    expect(performance.now() - began).toBeLessThan(40_000);
  });
});
