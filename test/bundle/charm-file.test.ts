import { createHash } from "node:crypto";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { budget } from "../../build/budget.ts";
import { type BuiltCharm, buildCharm, projectRoot } from "../../build/build.ts";
import { architectures, elfMachineOf, hostArch } from "../../build/node-binary.ts";
import { unpackEntries } from "../../build/unpack.ts";
import { type ReadEntry, unzipEntries } from "../../build/zip.ts";

const arch = hostArch() ?? "amd64";
const left = new Set([".git", "node_modules", "dist", "coverage"]);

let workspace: string;
let built: BuiltCharm;
let entries: ReadEntry[];
let charm: string;

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), "magnum-capi-helm-"));
  built = await buildCharm({ arch, out: join(workspace, "dist") });
  entries = await unzipEntries(await readFile(built.path));
  charm = join(workspace, "charm");
  await unpackEntries(entries, charm);
});

afterAll(() => rm(workspace, { recursive: true, force: true }));

describe("the charm file", () => {
  test("is what the build says it is, and within its budget", async () => {
    const bytes = await readFile(built.path);
    expect(basename(built.path)).toBe(`magnum-capi-helm_ubuntu-22.04-24.04-${arch}.charm`);
    expect(built.bytes).toBe(bytes.length);
    expect(built.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(bytes.length).toBeLessThanOrEqual(budget.charm);
    expect(built.notes).toEqual([]);
  });

  test("has the same bytes from two checkouts, whatever the time zone, umask, language and working directory", async () => {
    const first = await copyTree("first", 0o644);
    const second = await copyTree("second", 0o600);
    const digests = await Promise.all([
      buildIn(first, { umask: "022", cwd: first, env: { TZ: "Pacific/Kiritimati", LC_ALL: "C" } }),
      buildIn(second, { umask: "077", cwd: "/", env: { TZ: "America/Adak", LC_ALL: "C.UTF-8" } }),
    ]);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(digests[1]).toBe(digests[0]);
  });

  test("carries a stripped Node that runs, of the version in package-lock.json", async () => {
    const { stdout } = await execa(join(charm, "bin/node"), ["--version"], {
      extendEnv: false,
      env: {},
      timeout: 20_000,
    });
    expect(stdout).toBe(`v${built.node}`);
    const { size } = await stat(join(projectRoot, "node_modules", architectures[arch].package, "bin/node"));
    expect((await stat(join(charm, "bin/node"))).size).toBeLessThan(0.9 * size);
  });

  test("names the ELF interpreter of its Node in bin/loader", async () => {
    const loader = (await readFile(join(charm, "bin/loader"), "utf8")).trim();
    expect((await stat(loader)).isFile()).toBe(true);
    expect((await readFile(join(charm, "bin/node"))).includes(`${loader}\0`)).toBe(true);
  });

  test("has the package's version, Node's licence and those of the packages inside", async () => {
    const { version } = JSON.parse(await readFile(join(projectRoot, "package.json"), "utf8"));
    expect(await readFile(join(charm, "version"), "utf8")).toBe(`${version}\n`);
    expect(await readFile(join(charm, "LICENSE.node"), "utf8")).toContain(
      "Node.js is licensed for use as follows",
    );
    expect(await readFile(join(charm, "LICENSE.packages"), "utf8")).toMatch(/^zod \d/m);
  });
});

describe("the program in the charm", () => {
  test("does nothing, and loads no cold half, for a hook that it does not know", async () => {
    const folder = join(workspace, "hot");
    await mkdir(folder);
    await cp(join(charm, "dist/main.cjs"), join(folder, "main.cjs"));
    const argv = [join(folder, "main.cjs"), "hook"];
    const env = { JUJU_DISPATCH_PATH: "hooks/no-such-hook", PATH: "/nowhere" };
    const result = await execa(join(charm, "bin/node"), argv, {
      env,
      extendEnv: false,
      reject: false,
      timeout: 20_000,
    });
    expect(result).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  });
});

describe("a build", () => {
  test("removes what an earlier one left, and nothing else, and stages the charm as a folder on request", async () => {
    const out = join(workspace, "out");
    const stage = join(out, "charm");
    await mkdir(stage, { recursive: true });
    for (const name of [`old-${arch}.charm`, "old-riscv64.charm", "notes.txt", "charm/old"])
      await writeFile(join(out, name), "");
    await buildCharm({ arch, out, stage });
    expect((await readdir(out)).sort()).toEqual(
      [basename(built.path), "charm", "notes.txt", "old-riscv64.charm"].sort(),
    );
    const staged = await readdir(stage, { recursive: true, withFileTypes: true });
    const files = staged.filter((entry) => !entry.isDirectory());
    expect(files.map(({ parentPath, name }) => relative(stage, join(parentPath, name))).sort()).toEqual(
      entries.map(({ name }) => name),
    );
  });

  test("for the other architecture holds that one's Node and loader", async ({ skip }) => {
    const other = arch === "amd64" ? "arm64" : "amd64";
    const foreign = await buildCharm({ arch: other, out: join(workspace, "foreign") }).catch(
      (error: unknown) => error,
    );
    if (foreign instanceof Error && foreign.message.includes("npm pack")) {
      if (process.env["CI"]) throw foreign;
      return skip(`the Node for ${other} cannot be fetched here: ${foreign.message}`);
    }
    const { path } = foreign as BuiltCharm;
    const members = new Map(
      (await unzipEntries(await readFile(path))).map(({ name, content }) => [name, content]),
    );
    expect(elfMachineOf(members.get("bin/node") ?? Buffer.of())).toBe(architectures[other].elfMachine);
    expect(members.get("bin/loader")?.toString()).toBe(`${architectures[other].loader}\n`);
    expect(members.get("manifest.yaml")?.toString()).toContain(other);
  });

  test.each([
    [["--arch", "riscv64"], "the charm is not built for riscv64"],
    [["--bogus"], "Unknown option '--bogus'"],
  ])("with %j explains its use and exits 64", async (argv, message) => {
    const result = await execa(process.execPath, [join(projectRoot, "build/build.ts"), ...argv], {
      reject: false,
      timeout: 20_000,
    });
    expect(result.exitCode).toBe(64);
    expect(result.stderr).toContain(message);
    expect(result.stderr).toContain("usage: npm run build");
  });
});

/** A second checkout: the tree without what is ignored, every file with the same mode. */
async function copyTree(name: string, mode: number): Promise<string> {
  const copy = join(workspace, name);
  await cp(projectRoot, copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !left.has(relative(projectRoot, source)),
  });
  for (const entry of await readdir(copy, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await chmod(join(entry.parentPath, entry.name), mode);
  }
  await symlink(join(projectRoot, "node_modules"), join(copy, "node_modules"));
  return copy;
}

interface Surroundings {
  readonly umask: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs the build program of a tree and gives the digest that it printed. */
async function buildIn(root: string, { umask, cwd, env }: Surroundings): Promise<string> {
  const command = `umask ${umask}; exec "$@"`;
  const build = [process.execPath, join(root, "build/build.ts"), "--json", "--out", join(root, "dist")];
  const { stdout } = await execa("sh", ["-c", command, "sh", ...build], { cwd, env, timeout: 120_000 });
  return (JSON.parse(stdout) as BuiltCharm).sha256;
}
