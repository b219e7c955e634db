import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporarySuffix } from "../../src/host/files.ts";
import { type Host, HostFault, type Ownership, readText } from "../../src/host/host.ts";

/** A host for one test, and what the test needs to know of it. */
export interface World {
  readonly host: Host;
  /** An empty directory that the test may use. */
  readonly root: string;
  /** Whom files may be given to: not us, where the system allows that. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Makes these bytes available at the URL that it gives. */
  serve(content: Uint8Array): Promise<string>;
  /** A URL that answers 404. */
  readonly missing: string;
}

const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

async function faultOf(work: Promise<unknown>): Promise<HostFault> {
  const error = await work.then(
    () => "no error",
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HostFault);
  return error as HostFault;
}

/** What every host promises. Run against each, so that a test on the memory host says something of the real one. */
export function hostContract(makeWorld: () => Promise<World>): void {
  const given = async () => {
    const world = await makeWorld();
    const { fs } = world.host;
    const own: Ownership = { ...world.owner, mode: "0640" };
    const at = (...names: string[]) => join(world.root, ...names);
    return { ...world, fs, own, at };
  };

  describe("reading", () => {
    test("what is not there is undefined, by every reader", async () => {
      const { fs, at } = await given();
      const path = at("absent");
      const all = [fs.read(path), fs.stat(path), fs.list(path), fs.readLink(path), fs.digest(path)];
      expect(await Promise.all(all)).toEqual(Array(5).fill(undefined));
    });

    test("what would be below a file is not there", async () => {
      const { fs, at, own } = await given();
      await fs.write(at("file"), "x", own);
      expect(await fs.read(at("file", "below"))).toBeUndefined();
      expect(await fs.stat(at("file", "below"))).toBeUndefined();
      expect(await fs.list(at("file"))).toBeUndefined();
    });

    test("a directory that is read as a file is a fault that names it", async () => {
      const { fs, root } = await given();
      expect((await faultOf(fs.read(root))).message).toBe(`failed to read ${root}: EISDIR`);
      expect((await faultOf(fs.digest(root))).message).toBe(`failed to read ${root}: EISDIR`);
    });

    test("a link takes the place of a file, and leaves what it leads to alone", async () => {
      const { fs, at, own } = await given();
      await fs.write(at("target"), "theirs", own);
      await fs.write(at("link"), "ours", own);
      await fs.link(at("link"), at("target"));
      expect((await fs.stat(at("link")))?.kind).toBe("symlink");
      expect(await fs.readLink(at("link"))).toBe(at("target"));
      await fs.write(at("link"), "ours again", own);
      expect(Buffer.from((await fs.read(at("target"))) ?? "").toString()).toBe("theirs");
      expect((await fs.stat(at("link")))?.kind).toBe("file");
      await fs.link(at("link"), at("nothing"));
      await fs.link(at("link"), at("nothing either"));
      expect(await fs.readLink(at("link"))).toBe(at("nothing either"));
    });

    test("a file that is read as a link is a fault that names it", async () => {
      const { fs, at, own } = await given();
      await fs.write(at("file"), "x", own);
      expect((await faultOf(fs.readLink(at("file")))).message).toBe(
        `failed to read the link ${at("file")}: EINVAL`,
      );
    });

    test("a digest is the sha256 of the bytes", async () => {
      const { fs, at, own } = await given();
      const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 251);
      await fs.write(at("file"), bytes, own);
      expect(await fs.digest(at("file"))).toBe(sha256(bytes));
    });

    test("a listing is sorted, and empty for an empty directory", async () => {
      const { fs, at, own, root } = await given();
      expect(await fs.list(root)).toEqual([]);
      for (const name of ["b", "a", "C", "10", "9"]) await fs.write(at(name), "", own);
      expect(await fs.list(root)).toEqual(["10", "9", "C", "a", "b"]);
    });

    test("a stat tells files from directories, and a file's size", async () => {
      const { fs, at, own, root } = await given();
      await fs.write(at("file"), "four", own);
      expect(await fs.stat(at("file"))).toMatchObject({ kind: "file", size: 4 });
      expect(await fs.stat(root)).toMatchObject({ kind: "directory" });
    });
  });

  describe("writing", () => {
    test("puts bytes there as they are, with owner and mode", async () => {
      const { fs, at, own } = await given();
      const bytes = Uint8Array.of(0, 255, 254, 13, 10, 128);
      await fs.write(at("file"), bytes, own);
      expect([...((await fs.read(at("file"))) ?? [])]).toEqual([...bytes]);
      expect(await fs.stat(at("file"))).toMatchObject(own);
    });

    test.each(["0600", "0644", "0755", "0000"])("gives the mode %s whatever the umask is", async (mode) => {
      const { fs, at, own } = await given();
      await fs.write(at("file"), "x", { ...own, mode });
      expect((await fs.stat(at("file")))?.mode).toBe(mode);
    });

    test("replaces what was there, its owner and mode too", async () => {
      const { fs, at, own } = await given();
      await fs.write(at("file"), "a longer text", { ...own, mode: "0644" });
      await fs.write(at("file"), "short", { ...own, mode: "0600" });
      expect(await readText(fs, at("file"))).toBe("short");
      expect(await fs.stat(at("file"))).toMatchObject({ ...own, mode: "0600", size: 5 });
    });

    test("leaves nothing beside the file", async () => {
      const { fs, at, own, root } = await given();
      await fs.write(at("file"), "x", own);
      expect(await fs.list(root)).toEqual(["file"]);
    });

    test("sweeps the temporary file of a run that was killed", async () => {
      const { fs, at, own, root } = await given();
      await fs.write(at(`.file${temporarySuffix}`), "half of", { ...own, mode: "0600" });
      await fs.write(at("file"), "whole", own);
      expect(await fs.list(root)).toEqual(["file"]);
      expect(await readText(fs, at("file"))).toBe("whole");
    });

    test("that fails leaves what was there, and nothing else", async () => {
      const { fs, at, own, root } = await given();
      await fs.makeDirectory(at("directory"), { ...own, mode: "0755" });
      await fs.write(at("directory", "inside"), "x", own);
      const fault = await faultOf(fs.write(at("directory"), "x", own));
      expect(fault.message).toMatch(/^failed to write \/.*\/directory: (EISDIR|ENOTEMPTY|EEXIST)$/);
      expect(await fs.list(root)).toEqual(["directory"]);
      expect(await fs.list(at("directory"))).toEqual(["inside"]);
    });

    test("below a file, or in a directory that is not there, is a fault with a next step", async () => {
      const { fs, at, own, root } = await given();
      await fs.write(at("file"), "x", own);
      const below = await faultOf(fs.write(at("file", "below"), "x", own));
      expect(below.message).toBe(`failed to write ${at("file", "below")}: ENOTDIR`);
      const nowhere = await faultOf(fs.write(at("absent", "file"), "x", own));
      expect(nowhere.message).toBe(`failed to write ${at("absent", "file")}: ENOENT`);
      expect(nowhere).toMatchObject({ cure: "operator", remedy: expect.stringContaining("look at") });
      expect(await fs.list(root)).toEqual(["file"]);
    });
  });

  describe("copying", () => {
    test("gives the bytes another owner and mode, and leaves the source", async () => {
      const { fs, at, own, root } = await given();
      await fs.write(at("source"), Uint8Array.of(1, 0, 255), { ...own, mode: "0644" });
      await fs.copy(at("source"), at("copy"), { ...own, mode: "0600" });
      expect([...((await fs.read(at("copy"))) ?? [])]).toEqual([1, 0, 255]);
      expect(await fs.stat(at("copy"))).toMatchObject({ ...own, mode: "0600" });
      expect(await fs.list(root)).toEqual(["copy", "source"]);
    });

    test("from nothing is a fault, and the destination stays as it was", async () => {
      const { fs, at, own, root } = await given();
      await fs.write(at("copy"), "kept", own);
      const fault = await faultOf(fs.copy(at("absent"), at("copy"), own));
      expect(fault.message).toBe(`failed to write ${at("copy")}: ENOENT`);
      expect(await fs.list(root)).toEqual(["copy"]);
      expect(await readText(fs, at("copy"))).toBe("kept");
    });
  });

  describe("directories", () => {
    test("are made with those above them, all with owner and mode", async () => {
      const { fs, at, own } = await given();
      await fs.makeDirectory(at("a", "b", "c"), { ...own, mode: "0750" });
      for (const path of [at("a"), at("a", "b"), at("a", "b", "c")]) {
        expect(await fs.stat(path)).toMatchObject({ ...own, kind: "directory", mode: "0750" });
      }
    });

    test("that are there keep their permissions and their content", async () => {
      const { fs, at, own } = await given();
      await fs.makeDirectory(at("a"), { ...own, mode: "0700" });
      await fs.write(at("a", "file"), "x", own);
      await fs.makeDirectory(at("a"), { ...own, mode: "0755" });
      await fs.makeDirectory(at("a", "b"), { ...own, mode: "0755" });
      expect((await fs.stat(at("a")))?.mode).toBe("0700");
      expect(await fs.list(at("a"))).toEqual(["b", "file"]);
    });

    test("can't be made below a file", async () => {
      const { fs, at, own } = await given();
      await fs.write(at("file"), "x", own);
      const fault = await faultOf(fs.makeDirectory(at("file", "below"), own));
      expect(fault.message).toBe(`failed to make ${at("file", "below")}: ENOTDIR`);
    });
  });

  describe("owner and mode", () => {
    test("can be set alone, and the bytes stay", async () => {
      const { fs, at, own } = await given();
      await fs.write(at("file"), "x", { ...own, mode: "0644" });
      await fs.setOwnership(at("file"), { ...own, mode: "0400" });
      expect(await fs.stat(at("file"))).toMatchObject({ ...own, mode: "0400" });
      expect(await readText(fs, at("file"))).toBe("x");
    });

    test("of what is not there are a fault", async () => {
      const { fs, at, own } = await given();
      const fault = await faultOf(fs.setOwnership(at("absent"), own));
      expect(fault.message).toBe(`failed to set the owner and mode of ${at("absent")}: ENOENT`);
    });

    test("do not outlive the file", async () => {
      const { host, fs, at, own, serve } = await given();
      const ours = await ownerOfDownload(host, at("other"), serve);
      await fs.write(at("file"), "x", own);
      await fs.remove(at("file"));
      expect(await ownerOfDownload(host, at("file"), serve)).toEqual(ours);

      await fs.makeDirectory(at("tree"), own);
      await fs.write(at("tree", "file"), "x", own);
      await fs.removeTree(at("tree"));
      await fs.makeDirectory(at("tree"), { ...own, mode: "0755" });
      expect(await ownerOfDownload(host, at("tree", "file"), serve)).toEqual(ours);
    });
  });

  describe("removing", () => {
    test("takes away a file and an empty directory", async () => {
      const { fs, at, own, root } = await given();
      await fs.write(at("file"), "x", own);
      await fs.makeDirectory(at("directory"), own);
      await fs.remove(at("file"));
      await fs.remove(at("directory"));
      expect(await fs.list(root)).toEqual([]);
    });

    test("takes away a directory whose files were replaced before they went", async () => {
      const { fs, at, own, root } = await given();
      await fs.makeDirectory(at("directory"), own);
      for (const content of ["a", "b"]) await fs.write(at("directory", "file"), content, own);
      await fs.remove(at("directory", "file"));
      await fs.remove(at("directory"));
      expect(await fs.list(root)).toEqual([]);
    });

    test("what is not there is no fault", async () => {
      const { fs, at, own } = await given();
      await fs.write(at("file"), "x", own);
      await fs.remove(at("absent"));
      await fs.remove(at("absent", "below"));
      await fs.remove(at("file", "below"));
      await fs.removeTree(at("absent"));
      expect(await fs.list(at())).toEqual(["file"]);
    });

    test("a directory with something in it is a fault, and it stays", async () => {
      const { fs, at, own } = await given();
      await fs.makeDirectory(at("directory"), { ...own, mode: "0755" });
      await fs.write(at("directory", "file"), "x", own);
      const fault = await faultOf(fs.remove(at("directory")));
      expect(fault.message).toBe(`failed to remove ${at("directory")}: ENOTEMPTY`);
      expect(await fs.list(at("directory"))).toEqual(["file"]);
    });

    test("a tree takes away all that is in it", async () => {
      const { fs, at, own, root } = await given();
      await fs.makeDirectory(at("a", "b"), { ...own, mode: "0755" });
      await fs.write(at("a", "b", "file"), "x", own);
      await fs.removeTree(at("a"));
      expect(await fs.list(root)).toEqual([]);
    });
  });

  test("changedAt grows with every change of bytes, owner or mode, and stays where nothing changes", async () => {
    const { fs, at, own } = await given();
    const changedAt = async () => (await fs.stat(at("file")))?.changedAt ?? 0;
    const pause = () => new Promise((resolve) => setTimeout(resolve, 15));
    const before = Date.now();
    await fs.write(at("file"), "x", own);
    const written = await changedAt();
    await pause();
    await fs.read(at("file"));
    expect(await changedAt()).toBe(written);
    await fs.setOwnership(at("file"), { ...own, mode: "0600" });
    const set = await changedAt();
    await pause();
    await fs.write(at("file"), "x", { ...own, mode: "0600" });
    expect(written).toBeGreaterThan(before - 1_000);
    expect(set).toBeGreaterThan(written);
    expect(await changedAt()).toBeGreaterThan(set);
  });

  describe("a download", () => {
    const limits = { maxBytes: 1_000, timeoutMs: 10_000 };

    test("gives the bytes, their digest and count, in a file for us alone", async () => {
      const { host, fs, at, serve } = await given();
      const bytes = Uint8Array.of(9, 0, 255, 10);
      const url = await serve(bytes);
      const result = await host.download(url, at("file"), limits);
      expect(result).toEqual({ ok: true, sha256: sha256(bytes), bytes: 4 });
      expect([...((await fs.read(at("file"))) ?? [])]).toEqual([...bytes]);
      expect((await fs.stat(at("file")))?.mode).toBe("0600");
    });

    test("of what is not there gives the status, and no file", async () => {
      const { host, fs, at, missing } = await given();
      expect(await host.download(missing, at("file"), limits)).toEqual({ ok: false, reason: "HTTP 404" });
      expect(await fs.stat(at("file"))).toBeUndefined();
    });

    test("of more than is allowed says so", async () => {
      const { host, at, serve } = await given();
      const url = await serve(new Uint8Array(1_001));
      expect(await host.download(url, at("file"), limits)).toEqual({
        ok: false,
        reason: "more than 1000 bytes",
      });
    });

    test("never replaces a file", async () => {
      const { host, fs, at, own, serve } = await given();
      await fs.write(at("file"), "kept", own);
      const url = await serve(Uint8Array.of(1));
      expect(await host.download(url, at("file"), limits)).toEqual({ ok: false, reason: "EEXIST" });
      expect(await readText(fs, at("file"))).toBe("kept");
    });
  });

  test("a program that is not there ends with 127 and says which", async () => {
    const { host } = await given();
    expect(await host.run(["no-such-program", "--flag"])).toEqual({
      ok: false,
      code: 127,
      stdout: "",
      stderr: "no-such-program: not found",
      timedOut: false,
    });
  });

  test("the clock moves on by at least the time that is slept", async () => {
    const { host } = await given();
    const before = host.now().getTime();
    await host.sleep(20);
    expect(host.now().getTime()).toBeGreaterThanOrEqual(before + 19);
  });

  test("a free lock is taken at once, and again after it was given back", async () => {
    const { host, at } = await given();
    for (const _ of [1, 2]) {
      const release = await host.lock(at("lock"), 5_000);
      expect(release).toBeTypeOf("function");
      release?.();
    }
  });
}

/** The owner of a file that a host makes by itself. */
async function ownerOfDownload(host: Host, path: string, serve: World["serve"]) {
  await host.download(await serve(Uint8Array.of(1)), path, { maxBytes: 10, timeoutMs: 10_000 });
  const stat = await host.fs.stat(path);
  return { uid: stat?.uid, gid: stat?.gid };
}
