import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import * as fs from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";
import { execa } from "execa";
import { hostFs } from "./files.ts";
import type { CommandResult, DownloadResult, Host, Release, RunOptions } from "./host.ts";

const baseEnvironment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  LANG: "C.UTF-8",
  LC_ALL: "C.UTF-8",
};

async function run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const [file = "", ...rest] = argv;
  const result = await execa(file, rest, {
    reject: false,
    extendEnv: false,
    env: { ...baseEnvironment, ...options.env },
    cwd: options.cwd ?? "/",
    timeout: options.timeoutMs ?? 60_000,
    forceKillAfterDelay: 2_000,
    killDescendants: true,
    maxBuffer: 16 * 1024 * 1024,
    stripFinalNewline: false,
    ...(options.input === undefined ? { stdin: "ignore" } : { input: options.input }),
  });
  const code = result.exitCode ?? (result.code === "ENOENT" ? 127 : -1);
  const stderr = typeof result.stderr === "string" ? result.stderr : "";
  return {
    ok: code === 0,
    code,
    stdout: typeof result.stdout === "string" ? result.stdout : "",
    stderr: code === 127 && stderr === "" ? `${file}: not found` : stderr,
    timedOut: result.timedOut,
  };
}

/** Answers from the system's certificate store count too: a mirror often has the site's own CA. */
function trustSystemCertificates(): void {
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), ...tls.getCACertificates("system")]);
}

function downloadFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "timed out";
  const cause = error.cause instanceof Error ? error.cause : error;
  return "code" in cause ? String(cause.code) : cause.message;
}

async function download(
  url: string,
  to: string,
  limits: { maxBytes: number; timeoutMs: number },
): Promise<DownloadResult> {
  trustSystemCertificates();
  const hash = createHash("sha256");
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(bytes > limits.maxBytes ? new Error(`more than ${limits.maxBytes} bytes`) : null, chunk);
    },
  });
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(limits.timeoutMs) });
    if (!response.ok || response.body === null) return { ok: false, reason: `HTTP ${response.status}` };
    await pipeline(
      Readable.fromWeb(response.body),
      measure,
      createWriteStream(to, { flags: "wx", mode: 0o600 }),
    );
    return { ok: true, sha256: hash.digest("hex"), bytes };
  } catch (error) {
    return { ok: false, reason: downloadFailure(error) };
  }
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
  return { fs: hostFs(fs), run, download, lock, now: () => new Date(), sleep: (ms) => sleep(ms) };
}
