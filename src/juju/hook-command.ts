import { spawn } from "node:child_process";
import { sinceStart, tellLimitMs } from "./hook-limits.ts";

/** What a hook command answered; the stub hands on no error text. */
export interface HookAnswer {
  readonly code: number;
  readonly stdout: string;
  /** Why it failed, in Juju's words; not there where the hook's stub asked. */
  readonly stderr?: string;
}

const usualTimeoutMs = 60_000;

/** What gave no answer once is asked again, since a status matters, but not waited for as long: there are many lines to log. */
const againMs = 3_000;
const late = new Set<string>();

function limitOf(name: string, timeoutMs: number): number {
  return Math.min(late.has(name) ? againMs : timeoutMs, tellLimitMs - sinceStart());
}

/**
 * Runs one of Juju's hook commands, found on PATH, at most for 60 s unless told otherwise, and never past the time of
 * the hook. One that gives no answer is killed with all that it started, has the code -1, and is told to the unit's log
 * by way of our standard error.
 */
export function hookCommand(
  name: string,
  args: readonly string[],
  timeoutMs = usualTimeoutMs,
): Promise<Required<HookAnswer>> {
  const limitMs = limitOf(name, timeoutMs);
  if (limitMs <= 0) return Promise.resolve({ code: -1, stdout: "", stderr: "" });
  return new Promise((settle) => {
    // In a group of its own: what it starts would hold our pipes.
    const child = spawn(name, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const said = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said.stderr += text;
    });
    const end = (code: number) => {
      clearTimeout(timer);
      settle({ code, ...said });
    };
    const timer = setTimeout(() => {
      late.add(name);
      process.stderr.write(`${name} gave no answer within ${Math.round(limitMs / 1_000)} s\n`);
      if (child.pid !== undefined) killGroup(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      end(-1);
    }, limitMs);
    child.once("error", () => end(-1));
    child.once("close", (code) => end(code ?? -1));
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
