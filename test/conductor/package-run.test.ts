import { describe, expect, test } from "vitest";
import { waitForRest } from "../../src/conductor/package-run.ts";
import { memoryHost } from "../../src/host/memory-host.ts";

const held = (pid: number) => `1: POSIX  ADVISORY  WRITE ${pid} 00:50:10154680 0 EOF\n`;

/** A machine with these processes: command and words of each, and the file that it has open. */
async function machine(
  locks: string | undefined,
  processes: Readonly<Record<number, { comm: string; words?: readonly string[]; open?: string }>>,
) {
  const files: Record<string, string> = locks === undefined ? {} : { "/proc/locks": locks };
  for (const [pid, { comm, words = [] }] of Object.entries(processes)) {
    files[`/proc/${pid}/comm`] = `${comm}\n`;
    files[`/proc/${pid}/cmdline`] = words.join("\0");
    files[`/proc/${pid}/fd/0`] = "";
  }
  const host = memoryHost({ files });
  for (const [pid, { open }] of Object.entries(processes)) {
    if (open !== undefined) await host.fs.link(`/proc/${pid}/fd/3`, open);
  }
  return host;
}

/** How long the wait took, in milliseconds; ends what is at work after `endsAfter` looks. */
async function waited(host: Awaited<ReturnType<typeof machine>>, endsAfter = Number.POSITIVE_INFINITY) {
  let sleeps = 0;
  let ms = 0;
  const rested = await waitForRest({
    ...host,
    sleep: async (time) => {
      ms += time;
      sleeps += 1;
      if (sleeps === endsAfter) await host.fs.removeTree("/proc");
    },
  });
  return { rested, ms };
}

const atOnce = { rested: true, ms: 0 };

describe("packages are at work", () => {
  test.each(["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/run/magnum-capi-helm.lock"])(
    "while a process holds %s, and a moment longer",
    async (open) => {
      const host = await machine(held(7), { 7: { comm: "any", open } });
      expect(await waited(host, 3)).toEqual({ rested: true, ms: 1800 });
    },
  );

  test.each([
    ["dpkg", []],
    ["pip", []],
    ["pip3", []],
    ["pip3.11", []],
    ["python3", ["python3", "-m", "pip", "uninstall"]],
  ])("while %s %j runs", async (comm, words) => {
    const host = await machine("", { 7: { comm, words } });
    expect((await waited(host, 1)).ms).toBe(800);
  });

  test.each(["apt-get", "unattended-upgr"])(
    "while %s runs, where the kernel's list of locks can't be read",
    async (comm) => {
      expect((await waited(await machine(undefined, { 7: { comm } }), 1)).ms).toBe(800);
      expect(await waited(await machine("", { 7: { comm } }))).toEqual(atOnce);
    },
  );

  test("for ten minutes at most", async () => {
    const host = await machine(held(7), { 7: { comm: "any", open: "/var/lib/dpkg/lock" } });
    expect(await waited(host)).toEqual({ rested: false, ms: 600_000 });
  });
});

describe("packages are at rest", () => {
  test("where nothing runs", async () => {
    expect(await waited(memoryHost())).toEqual(atOnce);
  });

  test("where a lock's file is open and not held, is waited for, or another file is held", async () => {
    const open = "/var/lib/dpkg/lock";
    expect(await waited(await machine(held(8), { 7: { comm: "any", open } }))).toEqual(atOnce);
    const waiting = held(7).replace("1: ", "1: -> ");
    expect(await waited(await machine(waiting, { 7: { comm: "any", open } }))).toEqual(atOnce);
    expect(await waited(await machine(held(7), { 7: { comm: "any", open: "/etc/passwd" } }))).toEqual(atOnce);
  });

  test("where Ubuntu's guard against a shutdown waits, which runs all the time", async () => {
    const words = [
      "/usr/bin/python3",
      "/usr/share/unattended-upgrades/unattended-upgrade-shutdown",
      "--wait",
    ];
    expect(await waited(await machine(undefined, { 7: { comm: "unattended-upgr", words } }))).toEqual(atOnce);
  });

  test("where another program of Python runs", async () => {
    const words = ["python3", "-m", "http.server", "pip"];
    expect(await waited(await machine("", { 7: { comm: "python3", words } }))).toEqual(atOnce);
  });
});
