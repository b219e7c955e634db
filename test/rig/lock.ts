import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Progress } from "./progress.ts";

/**
 * Runs `work` while this process holds an exclusive lock on `file`. The kernel drops the lock when the
 * process dies: flock(1) holds it for as long as its standard input, a pipe of ours, is open.
 * Throws when another process holds it for longer than `limitMs`.
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  { progress, limitMs = 40 * 60_000 }: { progress?: Progress; limitMs?: number } = {},
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn("flock", ["--exclusive", file, "sh", "-c", "echo held; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const closed = once(holder, "close");
  const notice = setTimeout(() => progress?.(`waiting for another process that holds ${file}`), 2000);
  const limit = setTimeout(() => holder.kill("SIGKILL"), limitMs);
  try {
    const [held] = await Promise.race([once(holder.stdout, "data"), closed]);
    if (!Buffer.isBuffer(held)) {
      throw new Error(
        `${file} was not free within ${limitMs / 1000} s: see who holds it with: fuser -v ${file}`,
      );
    }
    clearTimeout(limit);
    clearTimeout(notice);
    return await work();
  } finally {
    clearTimeout(limit);
    clearTimeout(notice);
    holder.stdin.end();
    await closed;
  }
}
