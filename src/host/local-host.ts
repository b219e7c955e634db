import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { download } from "./download.ts";
import { hostFs } from "./files.ts";
import type { CommandResult, Host, Release, RunOptions } from "./host.ts";
import { httpsClient } from "./https.ts";

const baseEnvironment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LANG: "C.UTF-8",
  LC_ALL: "C.UTF-8",
};

/** From the polite signal to the other one. */
const politeMs = 2_000;

/**
 * Gives a command up that can't be killed: one that the kernel holds, or a process that left its group with our pipes.
 * Neither may keep this process from its end.
 */
function givenUp(child: ChildProcess, afterMs: number): { readonly over: Promise<undefined>; clear(): void } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((settle) => {
    timer = setTimeout(() => {
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
      child.unref();
      settle(undefined);
    }, afterMs);
  });
  return { over, clear: () => clearTimeout(timer) };
}

async function run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const [file = "", ...rest] = argv;
  const timeoutMs = options.timeoutMs ?? 60_000;
  const late = `no answer within ${Math.ceil(timeoutMs / 1_000)} s`;
  const child = execa(file, rest, {
    reject: false,
    extendEnv: false,
    env: { ...baseEnvironment, ...options.env },
    cwd: options.cwd ?? "/",
    timeout: timeoutMs,
    forceKillAfterDelay: politeMs,
    killDescendants: true,
    maxBuffer: 16 * 1024 * 1024,
    stripFinalNewline: false,
    ...(options.input === undefined ? { stdin: "ignore" } : { input: options.input }),
  });
  const limit = givenUp(child.nodeChildProcess, timeoutMs + politeMs + 1_000);
  const result = await Promise.race([child, limit.over]).finally(limit.clear);
  if (result === undefined) return { ok: false, code: -1, stdout: "", stderr: late, timedOut: true };
  const code = result.exitCode ?? (result.code === "ENOENT" ? 127 : -1);
  const stderr = typeof result.stderr === "string" ? result.stderr : "";
  const stdout = typeof result.stdout === "string" ? result.stdout : "";
  if (result.timedOut) return { ok: false, code: -1, stdout, stderr: late, timedOut: true };
  return {
    ok: code === 0,
    code,
    stdout,
    stderr: code === 127 && stderr === "" ? `${file}: not found` : stderr,
    timedOut: false,
  };
}

/** `flock` holds the lock for as long as our end of its standard input is open: also when this process is killed. */
async function lock(path: string, waitMs: number): Promise<Release | undefined> {
  const holder = spawn("flock", ["--wait", String(waitMs / 1000), path, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const held = await new Promise<boolean>((settle) => {
    holder.stdout.once("data", () => settle(true));
    holder.once("error", () => settle(false));
    holder.once("close", () => settle(false));
  });
  return held ? () => holder.stdin.end() : undefined;
}

/** This machine. */
export function localHost(): Host {
  return {
    fs: hostFs(fs),
    run,
    download,
    https: httpsClient,
    lock,
    now: () => new Date(),
    sleep: (ms) => sleep(ms),
  };
}
