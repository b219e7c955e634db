import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { readText } from "../../src/host/host.ts";
import { localHost } from "../../src/host/local-host.ts";
import { scratchFolder } from "../bundle/scratch.ts";
import { hostContract } from "./contract.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

/** A URL of this machine at which nobody listens. */
async function deadUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}/`;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Only root may give files away; for others the contract holds with files of their own. */
function someOwner() {
  const uid = process.getuid?.() ?? 0;
  return uid === 0 ? { uid: 4321, gid: 4322 } : { uid, gid: process.getgid?.() ?? 0 };
}

hostContract(async () => ({
  host: localHost(),
  root: await scratchFolder(),
  owner: someOwner(),
  serve: (content) => serve((_, response) => response.end(content)),
  missing: await serve((_, response) => response.writeHead(404).end("no")),
}));

describe("links on this machine", () => {
  test("are seen as links, and are never followed by a stat", async () => {
    const root = await scratchFolder();
    const { fs } = localHost();
    symlinkSync("/nowhere", join(root, "link"));
    expect(await fs.stat(join(root, "link"))).toMatchObject({ kind: "symlink" });
    expect(await fs.readLink(join(root, "link"))).toBe("/nowhere");
  });

  test("are replaced by a write, and what they point to stays as it was", async () => {
    const root = await scratchFolder();
    const { fs } = localHost();
    writeFileSync(join(root, "target"), "target");
    symlinkSync(join(root, "target"), join(root, "link"));
    await fs.write(join(root, "link"), "new", { ...someOwner(), mode: "0600" });
    expect(await fs.stat(join(root, "link"))).toMatchObject({ kind: "file", mode: "0600" });
    expect(await readText(fs, join(root, "target"))).toBe("target");
  });

  test("are taken away without what they point to", async () => {
    const root = await scratchFolder();
    const { fs } = localHost();
    await fs.makeDirectory(join(root, "target"), { ...someOwner(), mode: "0755" });
    symlinkSync(join(root, "target"), join(root, "link"));
    await fs.remove(join(root, "link"));
    expect(await fs.list(root)).toEqual(["target"]);
  });
});

describe("a command on this machine", () => {
  const host = localHost();

  test("gives its exit code and its output as they are", async () => {
    const result = await host.run(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    expect(result).toEqual({ ok: false, code: 3, stdout: "out\n", stderr: "err\n", timedOut: false });
  });

  test("gets its words as they are, without a shell", async () => {
    expect((await host.run(["printf", "%s,", "a b", "$HOME", "*", ""])).stdout).toBe("a b,$HOME,*,,");
  });

  test("inherits nothing of our environment but a plain PATH, HOME and locale", async () => {
    process.env["INHERITED"] = "1";
    onTestFinished(() => {
      delete process.env["INHERITED"];
    });
    const { stdout } = await host.run(["/usr/bin/env"], { env: { EXTRA: "given" } });
    expect(stdout.trim().split("\n").sort()).toEqual([
      "EXTRA=given",
      "HOME=/root",
      "LANG=C.UTF-8",
      "LC_ALL=C.UTF-8",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]);
  });

  test("reads what it is given on standard input, and nothing where nothing is given", async () => {
    expect((await host.run(["cat"], { input: "line\n" })).stdout).toBe("line\n");
    expect(await host.run(["cat"])).toMatchObject({ ok: true, stdout: "" });
  });

  test("that does not read its input ends by its own exit code", async () => {
    expect(await host.run(["false"], { input: "x".repeat(1_000_000) })).toMatchObject({ code: 1 });
  });

  test("runs in the root directory unless told where", async () => {
    expect((await host.run(["pwd"])).stdout).toBe("/\n");
    expect((await host.run(["pwd"], { cwd: "/usr" })).stdout).toBe("/usr\n");
  });

  test("that was killed has the code -1", async () => {
    expect(await host.run(["sh", "-c", "kill -9 $$"])).toMatchObject({
      ok: false,
      code: -1,
      timedOut: false,
    });
  });

  test("that takes too long is killed with its children, and what it said is kept", async () => {
    const began = performance.now();
    const script = "sleep 60 & echo $!; wait";
    const result = await host.run(["sh", "-c", script], { timeoutMs: 300 });
    expect(result).toMatchObject({ ok: false, code: -1, timedOut: true });
    expect(performance.now() - began).toBeLessThan(50_000);
    expect(result.stdout).toMatch(/^\d+\n$/);
    expect(isRunning(Number(result.stdout))).toBe(false);
  });

  test("that takes too long and ignores the polite signal is killed all the same", async () => {
    const script = "trap '' TERM; sleep 60 & echo $!; while :; do wait; done";
    const result = await host.run(["sh", "-c", script], { timeoutMs: 200 });
    expect(result).toMatchObject({ ok: false, code: -1, timedOut: true });
    expect(isRunning(Number(result.stdout))).toBe(false);
  });
});

describe("a command that takes too long", () => {
  test("has that alone on its standard error, whatever it said", async () => {
    const result = await localHost().run(["sh", "-c", "echo half a word >&2; sleep 60"], {
      timeoutMs: 2_000,
    });
    expect(result.stderr).toBe("no answer within 2 s");
  });

  test("is given up where a process that left its group holds its output", async () => {
    const began = performance.now();
    const script = "setsid sleep 60 & echo $!; exit 0";
    const result = await localHost().run(["sh", "-c", script], { timeoutMs: 200 });
    expect(result).toMatchObject({ ok: false, code: -1, timedOut: true, stderr: "no answer within 1 s" });
    expect(performance.now() - began).toBeLessThan(50_000);
  });
});

/** A killed process that nobody has waited for yet is over too. */
function isRunning(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2, text.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}

describe("a download to this machine", () => {
  const limits = { maxBytes: 1_000_000, timeoutMs: 10_000 };

  async function downloadFrom(url: string, more: Partial<typeof limits> = {}) {
    const to = join(await scratchFolder(), "file");
    return { to, result: await localHost().download(url, to, { ...limits, ...more }) };
  }

  test("follows a redirect to the bytes", async () => {
    const there = await serve((_, response) => response.end("bytes"));
    const here = await serve((_, response) => response.writeHead(302, { location: there }).end());
    const { to, result } = await downloadFrom(here);
    expect(result).toMatchObject({ ok: true, bytes: 5 });
    expect(await readText(localHost().fs, to)).toBe("bytes");
  });

  test("ends at its size limit though the server goes on", async () => {
    const url = await serve((_, response) => {
      const timer = setInterval(() => response.write(Buffer.alloc(600_000)), 5);
      response.on("close", () => clearInterval(timer));
    });
    expect((await downloadFrom(url)).result).toEqual({ ok: false, reason: "more than 1000000 bytes" });
  });

  test("ends at its time limit when the server does not answer", async () => {
    const url = await serve(() => {});
    expect((await downloadFrom(url, { timeoutMs: 200 })).result).toEqual({ ok: false, reason: "timed out" });
  });

  test("ends at its time limit when the server stops half-way", async () => {
    const url = await serve((_, response) =>
      response.writeHead(200, { "content-length": 10 }).write("five."),
    );
    expect((await downloadFrom(url, { timeoutMs: 300 })).result).toEqual({ ok: false, reason: "timed out" });
  });

  test("that breaks off half-way is no success", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-length": 10 }).write("five.", () => response.destroy());
    });
    expect((await downloadFrom(url)).result).toMatchObject({ ok: false });
  });

  test("says when nobody listens, and when the name is unknown", async () => {
    expect((await downloadFrom(await deadUrl())).result).toEqual({
      ok: false,
      reason: "ECONNREFUSED",
    });
    const unknown = (await downloadFrom("http://no-such-host.invalid/x")).result;
    expect(unknown).toMatchObject({ ok: false, reason: expect.stringMatching(/^E[A-Z_]+$/) });
  });
});

describe("a lock on this machine", () => {
  test("makes a second taker wait, who gets nothing when the wait is over", async () => {
    const path = join(await scratchFolder(), "lock");
    const release = await localHost().lock(path, 1_000);
    const began = performance.now();
    expect(await localHost().lock(path, 300)).toBeUndefined();
    expect(performance.now() - began).toBeGreaterThan(290);
    release?.();
  });

  test("goes to the one who waits when it is given back", async () => {
    const path = join(await scratchFolder(), "lock");
    const first = await localHost().lock(path, 1_000);
    const second = localHost().lock(path, 10_000);
    first?.();
    const release = await second;
    expect(release).toBeTypeOf("function");
    release?.();
  });

  test("is free again when its holder is killed", async () => {
    const path = join(await scratchFolder(), "lock");
    const holder = await startHolder(path);
    expect(await localHost().lock(path, 100)).toBeUndefined();
    holder.kill("SIGKILL");
    const release = await localHost().lock(path, 10_000);
    expect(release).toBeTypeOf("function");
    release?.();
  });
});

/** A process of its own that takes the lock and keeps it. */
async function startHolder(path: string): Promise<ChildProcess> {
  const module = new URL("../../src/host/local-host.ts", import.meta.url).href;
  const program = `const { localHost } = await import(${JSON.stringify(module)});
    await localHost().lock(${JSON.stringify(path)}, 5_000);
    console.log("held");
    setTimeout(() => {}, 60_000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void holder.kill("SIGKILL"));
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once("data", () => resolve());
    holder.once("exit", (code) => reject(new Error(`the holder ended with ${code}`)));
  });
  return holder;
}
