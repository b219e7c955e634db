import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { rigCache } from "./cache.ts";
import { describeRig } from "./describe-rig.ts";
import { recipeKey, recipes } from "./recipe.ts";

const program = `
  import { provisionRoot } from ${JSON.stringify(join(import.meta.dirname, "provision.ts"))};
  console.log(await provisionRoot("trixie"));
`;

// The order, the lock and the sweeping of a provisioning, with stand-ins for the two programs that take minutes.
describeRig("provisioning a root", () => {
  let home: string;
  let bin: string;
  let roots: string;
  let root: string;

  beforeEach(() => {
    mkdirSync(rigCache(), { recursive: true });
    home = mkdtempSync(join(rigCache(), "test-"));
    bin = join(home, "bin");
    roots = join(home, "magnum-capi-helm/rig/roots");
    root = join(roots, recipeKey(recipes.trixie));
    mkdirSync(bin);
    standIn("debootstrap", 'mkdir -p "$4"; echo "$4" >>"$HOME/built"');
    standIn("systemd-nspawn", "exit 0");
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  function standIn(name: string, script: string): void {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }

  function start(): ChildProcess {
    const { PATH } = process.env;
    return spawn(process.execPath, ["--input-type=module", "--eval", program], {
      env: { ...process.env, PATH: `${bin}:${PATH}`, XDG_CACHE_HOME: home, HOME: home },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  async function outcome(
    child: ChildProcess,
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const text = { stdout: "", stderr: "" };
    child.stdout?.on("data", (bytes) => (text.stdout += bytes));
    child.stderr?.on("data", (bytes) => (text.stderr += bytes));
    const [code] = await once(child, "close", { signal: AbortSignal.timeout(60_000) });
    return { code, ...text };
  }

  const built = (): string[] => readFileSync(join(home, "built"), "utf8").trim().split("\n");

  it("is done once by two that ask at the same time", async () => {
    standIn("debootstrap", 'mkdir -p "$4"; echo "$4" >>"$HOME/built"; sleep 1');
    const both = await Promise.all([outcome(start()), outcome(start())]);
    expect(both.map(({ code, stdout }) => ({ code, stdout }))).toEqual([
      { code: 0, stdout: `${root}\n` },
      { code: 0, stdout: `${root}\n` },
    ]);
    expect(built()).toHaveLength(1);
    expect(await outcome(start())).toEqual({ code: 0, stdout: `${root}\n`, stderr: "" });
    expect(built()).toHaveLength(1);
  });

  it("leaves nothing running when it is killed half-way, and is begun anew", async () => {
    standIn("debootstrap", 'mkdir -p "$4/half"; readlink /proc/self/ns/pid >"$HOME/ns"; sleep 1000');
    const first = start();
    await expect.poll(() => existsSync(join(home, "ns")), { timeout: 30_000 }).toBe(true);
    const namespace = readFileSync(join(home, "ns"), "utf8").trim();
    first.kill("SIGKILL");
    await expect.poll(() => processesInNamespace(namespace), { timeout: 10_000 }).toEqual([]);
    expect(existsSync(root)).toBe(false);
    expect(readdirSync(roots)).toContain(`${recipeKey(recipes.trixie)}.partial`);
    standIn("debootstrap", 'mkdir -p "$4"; echo "$4" >>"$HOME/built"');
    expect(await outcome(start())).toMatchObject({ code: 0, stdout: `${root}\n` });
    expect(readdirSync(root)).toEqual([]);
    expect(readdirSync(roots).sort()).toEqual([recipeKey(recipes.trixie), "trixie.lock"].sort());
  });

  it("removes the root of an older recipe of the same name only", async () => {
    for (const name of ["trixie-0123456789abcdef", "bookworm-0123456789abcdef"]) {
      mkdirSync(join(roots, name), { recursive: true });
    }
    expect(await outcome(start())).toMatchObject({ code: 0 });
    const names = ["bookworm-0123456789abcdef", recipeKey(recipes.trixie), "trixie.lock"];
    expect(readdirSync(roots).sort()).toEqual(names.sort());
  });

  it("fails with the last lines of the step that failed and leaves no root", async () => {
    standIn("systemd-nspawn", "echo reason of the failure >&2; exit 3");
    const { code, stderr } = await outcome(start());
    expect(code).toBe(1);
    expect(stderr).toContain("systemd-nspawn ended with 3:\n  reason of the failure");
    expect(existsSync(root)).toBe(false);
  });
});

function processesInNamespace(namespace: string): string[] {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && namespaceOf(pid) === namespace);
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
