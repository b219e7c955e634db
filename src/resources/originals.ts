import { type Host, type Ownership, readText } from "../host/host.ts";
import { ownership, root } from "./owner.ts";

/** What stood at a path before this project first touched it. */
export type Original =
  | { readonly existed: false }
  | ({
      readonly existed: true;
      /** Path of the copy of a file, or of the archive of a package's files. */
      readonly copy?: string;
      /** Where a symbolic link led. */
      readonly link?: string;
      /** Version of a package. */
      readonly version?: string;
      /** sha256 of the RECORD that a package's installation left. */
      readonly record?: string;
    } & Ownership);

/** Originals of one directory, which may be forgotten. */
export interface ForgettableOriginals extends Originals {
  /** Forgets all of them in one step; the copies are then nobody's. */
  forget(host: Host): Promise<void>;
}

/** Remembers, once for each path, what stood there first, so that removal can put it back. */
export interface Originals {
  /** Records the path, with a copy of its bytes when it is a file, and where it leads when it is a link; does nothing for a path that is known. */
  keep(host: Host, path: string): Promise<void>;
  /** What stood there; `undefined` for a path that was never touched. */
  of(host: Host, path: string): Promise<Original | undefined>;
  /**
   * Records something that is no path, a package for one: what `look` finds of it, the first time only. `look` may put
   * a copy into the directory that it is given.
   */
  note(host: Host, name: string, look: (directory: string) => Promise<Original>): Promise<void>;
}

type Ledger = Readonly<Record<string, Original>>;

async function readLedger(host: Host, directory: string): Promise<Ledger> {
  const text = await readText(host.fs, `${directory}/ledger.json`);
  return text === undefined ? {} : (JSON.parse(text) as Ledger);
}

async function copyOf(host: Host, directory: string, path: string): Promise<Original> {
  const stat = await host.fs.stat(path);
  if (stat === undefined) return { existed: false };
  const { mode, uid, gid } = stat;
  const link = stat.kind === "symlink" ? await host.fs.readLink(path) : undefined;
  if (link !== undefined) return { existed: true, mode, uid, gid, link };
  if (stat.kind !== "file") return { existed: true, mode, uid, gid };
  const copy = `${directory}/${path.slice(1).replaceAll("/", "_")}`;
  await host.fs.copy(path, copy, ownership(root, "0600"));
  return { existed: true, mode, uid, gid, copy };
}

/** Keeps in the first what all of them keep; only the first one is asked. */
export function keptInAll(first: Originals, ...more: readonly Originals[]): Originals {
  const all = [first, ...more];
  return {
    keep: async (host, path) => {
      for (const each of all) await each.keep(host, path);
    },
    note: async (host, name, look) => {
      for (const each of all) await each.note(host, name, look);
    },
    of: (host, path) => first.of(host, path),
  };
}

/** Keeps originals in `directory`, which is made when first needed (0700, root). */
export function originals(directory: string): ForgettableOriginals {
  const record = async (host: Host, name: string, look: () => Promise<Original>) => {
    const ledger = await readLedger(host, directory);
    if (ledger[name] !== undefined) return;
    await host.fs.makeDirectory(directory, ownership(root, "0700"));
    const next = { ...ledger, [name]: await look() };
    await host.fs.write(
      `${directory}/ledger.json`,
      `${JSON.stringify(next, null, 1)}\n`,
      ownership(root, "0600"),
    );
  };
  return {
    keep: (host, path) => record(host, path, () => copyOf(host, directory, path)),
    note: (host, name, look) => record(host, name, () => look(directory)),
    of: async (host, path) => (await readLedger(host, directory))[path],
    forget: (host) => host.fs.remove(`${directory}/ledger.json`),
  };
}
