import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it, onTestFinished } from "vitest";
import { cloneOf, sweepClones } from "./clones.ts";
import { startConductor } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { processesIn } from "./leader.ts";

/** A process that holds a conductor with a program running in it, and prints one line once both are there. */
const holder = `
  import { startConductor } from ${JSON.stringify(join(import.meta.dirname, "conductor.ts"))};
  const conductor = await startConductor({ recipe: "bookworm", name: process.argv[1] });
  conductor.spawn(["sleep", "1000"]);
  await conductor.exec(["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & mount -t tmpfs none /mnt"]);
  console.log(JSON.stringify(await conductor.exec(["stat", "--file-system", "--format=%T", "/sys/fs/cgroup"])));
  setInterval(() => {}, 1000);
`;

function startHolder(name: string, ...before: string[]): ChildProcess {
  const argv = [...before, process.execPath, "--input-type=module", "--eval", holder, name];
  const [program = "", ...rest] = argv;
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("no pipe");
  const [line] = await once(createInterface(child.stdout), "line", { signal: AbortSignal.timeout(90_000) });
  return String(line);
}

/** All that there is of a conductor on this machine. */
function tracesOf(name: string, pids: readonly number[]): string[] {
  const { folder, cgroups } = cloneOf(name);
  const mounts = globSync("/proc/[0-9]*/mountinfo").filter((file) => textOf(file).includes(folder));
  const files = [folder, `${folder}.lock`, `${folder}.log`, `/run/systemd/nspawn/propagate/${name}`];
  const processes = pids.map((pid) => `/proc/${pid}`);
  return [...mounts, ...[...files, ...cgroups, ...processes].filter((path) => existsSync(path))];
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

async function waitForNoTraces(name: string, pids: readonly number[]): Promise<void> {
  await expect.poll(() => tracesOf(name, pids), { timeout: 10_000 }).toEqual([]);
}

async function waitUntil(holds: () => boolean): Promise<void> {
  await expect.poll(holds, { timeout: 10_000 }).toBe(true);
}

describeRig("a conductor's life", () => {
  it("ends without a trace when the process that started it is killed", async () => {
    const name = `killed-${process.pid}`;
    const child = startHolder(name);
    await firstLine(child);
    const pids = cloneOf(name).cgroups.flatMap(processesIn);
    expect(pids.length).toBeGreaterThan(8);
    expect(tracesOf(name, pids)).toContain(cloneOf(name).folder);
    child.kill("SIGKILL");
    await waitForNoTraces(name, pids);
  });

  it("ends when the process that takes it away is killed too, and the next sweep removes the rest", async () => {
    const name = `orphaned-${process.pid}`;
    const child = startHolder(name);
    await firstLine(child);
    const { folder, cgroups } = cloneOf(name);
    const owner = Number(readFileSync(join(folder, "facts"), "utf8").split("\n")[2]);
    const pids = cgroups.flatMap(processesIn);
    process.kill(owner, "SIGKILL");
    child.kill("SIGKILL");
    await waitUntil(() => !pids.some((pid) => existsSync(`/proc/${pid}`)));
    expect(existsSync(folder)).toBe(true);
    await sweepClones();
    await waitForNoTraces(name, pids);
  });

  it("boots and ends the same way where only cgroup v2 is mounted", async () => {
    const name = `unified-${process.pid}`;
    const remount = 'umount --recursive /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"';
    const child = startHolder(name, "unshare", "--mount", "sh", "-euc", remount, "sh");
    expect(await firstLine(child)).toContain("cgroup2fs");
    const { folder } = cloneOf(name);
    child.kill("SIGKILL");
    await waitUntil(() => !existsSync(`${folder}.lock`));
    await waitForNoTraces(name, []);
  });

  it("takes the programs that run in it along, and a second end is no error", async () => {
    const conductor = await startConductor({ recipe: "bookworm" });
    const running = conductor.spawn(["sleep", "1000"]);
    await waitUntil(() => textOf(`/proc/${running.pid}/cmdline`).startsWith("sleep"));
    const pids = cloneOf(conductor.name).cgroups.flatMap(processesIn);
    expect(pids).toContain(running.pid);
    await conductor.down();
    expect(await running.done).toMatchObject({ code: 137 });
    expect(tracesOf(conductor.name, pids)).toEqual([]);
    await conductor.down();
  });

  it("ends without a trace when it is powered off from inside", async () => {
    const conductor = await startConductor({ recipe: "bookworm" });
    const pids = cloneOf(conductor.name).cgroups.flatMap(processesIn);
    await conductor.exec(["systemctl", "--force", "--force", "poweroff"]);
    await waitUntil(() => !existsSync(`/proc/${conductor.leader}`));
    await conductor.down();
    expect(tracesOf(conductor.name, pids)).toEqual([]);
  });

  it("is refused under a name that runs, and the one that runs stays", async () => {
    const one = await startConductor({ recipe: "bookworm", name: `twice-${process.pid}` });
    await expect(startConductor({ recipe: "bookworm", name: one.name })).rejects.toThrow(
      /running: npm run rig -- down/,
    );
    expect(await one.exec(["true"])).toMatchObject({ code: 0 });
    await one.down();
  });
});

describeRig("a program in a conductor", () => {
  it("gets what the options say and nothing of this process's environment", async () => {
    const conductor = await startConductor({ recipe: "bookworm" });
    onTestFinished(() => conductor.down());
    const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    expect((await conductor.exec(["env"], { env: { A: "b c" } })).stdout.split("\n").sort()).toEqual([
      "",
      "A=b c",
      path,
    ]);
    expect((await conductor.exec(["pwd"], { cwd: "/etc/magnum" })).stdout).toBe("/etc/magnum\n");
    expect((await conductor.exec(["cat"])).stdout).toBe("");
    expect((await conductor.exec(["cat"], { input: "text\n" })).stdout).toBe("text\n");
    expect((await conductor.exec(["wc", "-c"], { input: new Uint8Array(300_000) })).stdout).toBe("300000\n");
    const { stdout } = await conductor.exec(["sh", "-c", "id -un; id -Gn; ls /root"], { user: "magnum" });
    expect(stdout).toBe("magnum\nmagnum\n");
    await expect(conductor.exec(["true"], { user: "nosuch" })).rejects.toThrow("no user nosuch");
    expect(await conductor.exec(["sh", "-c", "echo out; echo err >&2; exit 7"])).toEqual({
      code: 7,
      stdout: "out\n",
      stderr: "err\n",
    });
    expect(await conductor.exec(["/nosuch"])).toMatchObject({ code: 127 });
  });

  it("is killed with what it started when its time is over", async () => {
    const conductor = await startConductor({ recipe: "bookworm" });
    onTestFinished(() => conductor.down());
    const slow = conductor.exec(["sh", "-c", "echo started; sleep 7777 & sleep 7777; true"], {
      timeoutMs: 700,
    });
    await expect(slow).rejects.toThrow(/ran longer than 0.7 s:\nstarted/);
    expect(await conductor.exec(["pgrep", "-f", "sleep 7777"])).toMatchObject({ code: 1 });
  });

  it("gets the signal itself", async () => {
    const conductor = await startConductor({ recipe: "bookworm" });
    onTestFinished(() => conductor.down());
    const script = "trap 'echo told; exit 3' TERM; echo ready >/tmp/ready; while :; do sleep 0.05; done";
    for (const user of ["root", "magnum"]) {
      const running = conductor.spawn(["sh", "-c", script], { user });
      await waitUntil(() => existsSync(`${conductor.root}/tmp/ready`));
      running.kill("SIGTERM");
      expect(await running.done).toEqual({ code: 3, stdout: "told\n", stderr: "" });
      await conductor.exec(["rm", "/tmp/ready"]);
    }
  });
});
