import * as real from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { type FsPromises, hostFs } from "../../src/host/files.ts";
import { HostFault } from "../../src/host/host.ts";
import { scratchFolder } from "../bundle/scratch.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

interface Seen {
  readonly after: string;
  readonly name: string;
  readonly mode: number;
  readonly content: string;
}

/** The real files, with a look at every file of a directory after each call. */
function watched(directory: string, seen: Seen[]): FsPromises {
  const look = async (after: string) => {
    for (const name of await real.readdir(directory)) {
      const path = join(directory, name);
      const mode = (await real.lstat(path)).mode & 0o777;
      seen.push({ after, name, mode, content: await real.readFile(path, "utf8") });
    }
  };
  return new Proxy(real as FsPromises, {
    get:
      (target, name: keyof FsPromises) =>
      async (...args: unknown[]) => {
        const method = target[name] as (...values: unknown[]) => Promise<unknown>;
        const result = await method(...args);
        await look(name);
        return result;
      },
  });
}

function failing(method: keyof FsPromises, error: unknown): FsPromises {
  return { ...real, [method]: () => Promise.reject(error) } as FsPromises;
}

function ours(mode: string) {
  return { mode, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}

describe("a file that is written", () => {
  test("is at no moment readable by others when it is asked to be secret", async () => {
    const root = await scratchFolder();
    const seen: Seen[] = [];
    await hostFs(watched(root, seen)).write(join(root, "file"), "secret", ours("0600"));
    expect(seen.filter(({ content }) => content === "secret").length).toBeGreaterThan(3);
    expect(seen.filter(({ mode }) => (mode & 0o077) !== 0)).toEqual([]);
  });

  test("is at no moment readable by others when it is copied from one that is", async () => {
    const root = await scratchFolder();
    const source = join(await scratchFolder(), "source");
    await real.writeFile(source, "secret", { mode: 0o644 });
    const seen: Seen[] = [];
    await hostFs(watched(root, seen)).copy(source, join(root, "file"), ours("0600"));
    expect(seen.filter(({ content }) => content === "secret").length).toBeGreaterThan(1);
    expect(seen.filter(({ mode }) => (mode & 0o077) !== 0)).toEqual([]);
  });

  test("is at every moment the old one or the new one, whole", async () => {
    const root = await scratchFolder();
    const path = join(root, "file");
    await hostFs(real).write(path, "old", ours("0644"));
    const seen: Seen[] = [];
    await hostFs(watched(root, seen)).write(path, "new", ours("0600"));
    const states = seen
      .filter(({ name }) => name === "file")
      .map(({ content, mode }) => `${content} ${mode.toString(8)}`);
    expect([...new Set(states)]).toEqual(["old 644", "new 600"]);
  });
});

describe("an error of the system", () => {
  test.each([
    ["ENOSPC", "free space on that filesystem"],
    ["EDQUOT", "free space on that filesystem"],
    ["EROFS", "remount that filesystem read-write"],
  ])("%s is a fault of the machine with the next step", async (code, remedy) => {
    const root = await scratchFolder();
    const cause = Object.assign(new Error("write"), { code });
    const work = hostFs(failing("rename", cause)).write(join(root, "file"), "x", ours("0600"));
    const fault: unknown = await work.catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(HostFault);
    expect(fault).toMatchObject({ message: `failed to write ${join(root, "file")}: ${code}`, remedy, cause });
    expect(await real.readdir(root)).toEqual([]);
  });

  test("that is a defect of this program is thrown as it is", async () => {
    const defect = new TypeError("not a function");
    await expect(hostFs(failing("lstat", defect)).stat("/x")).rejects.toBe(defect);
    await expect(hostFs(failing("chown", defect)).setOwnership("/x", ours("0600"))).rejects.toBe(defect);
  });
});
