import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import * as fs from "node:fs/promises";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { Transform } from "node:stream";
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

const maxRedirects = 5;

/** Opens a URL, redirects followed. Node's fetch dies of an assertion with servers that close early, so not that. */
function openUrl(url: URL, signal: AbortSignal, redirects = maxRedirects): Promise<IncomingMessage> {
  return new Promise((settle, fail) => {
    const get = url.protocol === "https:" ? https.get : http.get;
    get(url, { signal }, (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode === 200) return settle(response);
      response.resume();
      const target = URL.parse(headers.location ?? "", url.href);
      const follow = statusCode >= 300 && statusCode < 400 && redirects > 0 && target !== null;
      if (!follow || !/^https?:$/.test(target.protocol)) return fail(new Error(`HTTP ${statusCode}`));
      openUrl(target, signal, redirects - 1).then(settle, fail);
    }).on("error", fail);
  });
}

function downloadFailure(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "timed out";
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? String(error.code) : error.message;
}

async function download(
  url: string,
  to: string,
  limits: { maxBytes: number; timeoutMs: number },
): Promise<DownloadResult> {
  trustSystemCertificates();
  const signal = AbortSignal.timeout(limits.timeoutMs);
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
    const response = await openUrl(new URL(url), signal);
    await pipeline(response, measure, createWriteStream(to, { flags: "wx", mode: 0o600 }), { signal });
    if (!response.complete) return { ok: false, reason: "the connection ended early" };
    return { ok: true, sha256: hash.digest("hex"), bytes };
  } catch (error) {
    return { ok: false, reason: downloadFailure(error, signal) };
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
