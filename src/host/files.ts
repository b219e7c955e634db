import { createHash } from "node:crypto";
import type * as promises from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type FileStat, HostFault, type HostFs, type Ownership } from "./host.ts";

/** The part of `node:fs/promises` that the files of a host are built on; memfs offers the same. */
export type FsPromises = Pick<
  typeof promises,
  | "chmod"
  | "chown"
  | "lstat"
  | "mkdir"
  | "open"
  | "readFile"
  | "readdir"
  | "readlink"
  | "rename"
  | "rm"
  | "rmdir"
  | "symlink"
  | "unlink"
>;

/** Ends the name of every file that is being written; the rename that follows takes it away. */
export const temporarySuffix = ".capi-graft-tmp";

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "free space on that filesystem",
  EDQUOT: "free space on that filesystem",
  EROFS: "remount that filesystem read-write",
};

const notThere = new Set(["ENOENT", "ENOTDIR"]);

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function fault(action: string, path: string, error: unknown): HostFault {
  const code = codeOf(error);
  if (code === "") throw error;
  return new HostFault(`failed to ${action} ${path}: ${code}`, {
    remedy: remedies[code] ?? "look at it and its filesystem",
    cause: error,
  });
}

async function attempt<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fault(action, path, error);
  }
}

async function attemptOrAbsent<T>(
  action: string,
  path: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (notThere.has(codeOf(error))) return undefined;
    throw fault(action, path, error);
  }
}

function kindOf(stat: Awaited<ReturnType<FsPromises["lstat"]>>): FileStat["kind"] {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  return stat.isSymbolicLink() ? "symlink" : "other";
}

function parentsFirst(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...parentsFirst(parent), path];
}

async function syncDirectory(fs: FsPromises, path: string): Promise<void> {
  const handle = await fs.open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces `path` in one rename. The new bytes are on disk, with their owner and mode, before it. */
async function replace(
  fs: FsPromises,
  path: string,
  ownership: Ownership,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}${temporarySuffix}`);
  await fs.rm(temporary, { force: true });
  try {
    await fill(temporary);
    await fs.chown(temporary, ownership.uid, ownership.gid);
    await fs.chmod(temporary, Number.parseInt(ownership.mode, 8));
    const handle = await fs.open(temporary, "r");
    await handle.sync().finally(() => handle.close());
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(fs, dirname(path));
}

/** Replaces `path` by a link in one rename. */
async function replaceByLink(fs: FsPromises, path: string, target: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}${temporarySuffix}`);
  await fs.rm(temporary, { force: true });
  await fs.symlink(target, temporary);
  try {
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(fs, dirname(path));
}

async function move(fs: FsPromises, from: string, to: string): Promise<void> {
  try {
    await fs.rename(from, to);
  } catch (error) {
    if (codeOf(error) !== "EXDEV") throw error;
    const stat = await fs.lstat(from);
    const ownership = { uid: stat.uid, gid: stat.gid, mode: (stat.mode & 0o7777).toString(8) };
    await replace(fs, to, ownership, async (temporary) => writeNew(fs, temporary, await fs.readFile(from)));
    return await fs.unlink(from);
  }
  await syncDirectory(fs, dirname(to));
}

async function writeNew(fs: FsPromises, path: string, content: string | Uint8Array): Promise<void> {
  const handle = await fs.open(path, "wx", 0o600);
  await handle.writeFile(content).finally(() => handle.close());
}

/** The files of a host over an object like `node:fs/promises`. */
export function hostFs(fs: FsPromises): HostFs {
  return {
    read: (path) => attemptOrAbsent("read", path, () => fs.readFile(path)),
    stat: (path) =>
      attemptOrAbsent("look at", path, async () => {
        const stat = await fs.lstat(path);
        const mode = (Number(stat.mode) & 0o7777).toString(8).padStart(4, "0");
        const { uid, gid, size, ctimeMs } = stat;
        return { kind: kindOf(stat), mode, uid, gid, size: Number(size), changedAt: ctimeMs };
      }),
    list: (path) => attemptOrAbsent("list", path, async () => (await fs.readdir(path)).toSorted()),
    readLink: (path) => attemptOrAbsent("read the link", path, () => fs.readlink(path)),
    digest: (path) =>
      attemptOrAbsent("read", path, async () =>
        createHash("sha256")
          .update(await fs.readFile(path))
          .digest("hex"),
      ),
    write: (path, content, ownership) =>
      attempt("write", path, () =>
        replace(fs, path, ownership, (temporary) => writeNew(fs, temporary, content)),
      ),
    copy: (from, to, ownership) =>
      attempt("write", to, () =>
        replace(fs, to, ownership, async (temporary) => writeNew(fs, temporary, await fs.readFile(from))),
      ),
    move: (from, to) => attempt("write", to, () => move(fs, from, to)),
    link: (path, target) => attempt("link", path, () => replaceByLink(fs, path, target)),
    makeDirectory: (path, ownership) =>
      attempt("make", path, async () => {
        for (const directory of parentsFirst(path)) {
          try {
            await fs.mkdir(directory, { mode: Number.parseInt(ownership.mode, 8) });
          } catch (error) {
            if (codeOf(error) === "EEXIST") continue;
            throw error;
          }
          await fs.chmod(directory, Number.parseInt(ownership.mode, 8));
          await fs.chown(directory, ownership.uid, ownership.gid);
        }
      }),
    setOwnership: (path, ownership) =>
      attempt("set the owner and mode of", path, async () => {
        await fs.chown(path, ownership.uid, ownership.gid);
        await fs.chmod(path, Number.parseInt(ownership.mode, 8));
      }),
    remove: async (path) => {
      await attemptOrAbsent("remove", path, async () =>
        (await fs.lstat(path)).isDirectory() ? fs.rmdir(path) : fs.unlink(path),
      );
    },
    removeTree: (path) => attempt("remove", path, () => fs.rm(path, { recursive: true, force: true })),
  };
}
