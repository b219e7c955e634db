import { posix } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import type { JujuVersion } from "./agent-state.ts";

/** One member of a charm archive as Juju puts it on a unit. */
export interface CharmMember {
  /** Path from the charm's root, without `./` or a final `/`. */
  readonly path: string;
  readonly kind: "file" | "folder" | "link";
  /** Permission bits, before the umask. */
  readonly mode: number;
  /** The bytes of a file, the target of a link. */
  open(): Promise<Readable>;
}

/** An open charm archive. */
export interface CharmArchive {
  readonly members: readonly CharmMember[];
  /** The text of a member; undefined when there is none of that path. */
  text(path: string): Promise<string | undefined>;
  close(): void;
}

/** The folders and files that Juju 3 leaves out when it packs an uploaded charm again. */
const ignoredAnywhere = new Set([".git", ".svn", ".hg", ".bzr", ".tox", ".jujuignore"]);
const ignoredAtRoot = new Set(["build", "revision", "version"]);

/** Systems in "version made by" whose archives carry Unix modes: Unix and macOS. */
const unixMakers = [3, 19];

/**
 * Opens a charm archive as a unit of that Juju gets it. Juju 3 packs it again first: some folders fall out and
 * modes become 0755 or 0644. Throws on a member that leads out of the charm or is no file, folder or link.
 */
export async function openCharm(archive: string, juju: JujuVersion): Promise<CharmArchive> {
  const zip = await openPromise(archive, { lazyEntries: true, autoClose: false });
  const packed: CharmMember[] = [];
  for await (const entry of zip.eachEntry()) packed.push(readMember(zip, entry));
  const members = juju === "3.6.28" ? repack(packed) : packed;
  return {
    members,
    async text(path) {
      const member = members.find((candidate) => candidate.path === path);
      return member === undefined ? undefined : await text(await member.open());
    },
    close: () => zip.close(),
  };
}

function readMember(zip: ZipFile, entry: Entry): CharmMember {
  const path = posix.join(entry.fileName).replace(/\/$/, "");
  const attributes = entry.externalFileAttributes >>> 16;
  const isUnix = unixMakers.includes(entry.versionMadeBy >>> 8);
  const open = (): Promise<Readable> => zip.openReadStreamPromise(entry);
  if (entry.fileName.endsWith("/"))
    return { path, kind: "folder", mode: isUnix ? attributes & 0o777 : 0o777, open };
  if (!isUnix) return { path, kind: "file", mode: 0o666, open };
  const kind = new Map([
    [0, "file"],
    [0o100000, "file"],
    [0o120000, "link"],
  ] as const).get((attributes & 0o170000) as 0);
  if (kind === undefined)
    throw new Error(`cannot extract "${path}": unknown file type in ${attributes.toString(8)}`);
  return { path, kind, mode: attributes & 0o777, open };
}

function repack(members: readonly CharmMember[]): readonly CharmMember[] {
  const kept = members.filter(({ path }) => !isIgnored(path.split("/")));
  const folders = new Map<string, CharmMember>();
  for (const { path, kind } of kept) {
    for (const folder of parents(kind === "folder" ? `${path}/.` : path)) {
      folders.set(folder, { path: folder, kind: "folder", mode: 0o755, open: noContent });
    }
  }
  const files = kept.filter(({ kind }) => kind !== "folder");
  return [
    ...folders.values(),
    ...files.map((file) => ({ ...file, mode: file.mode & 0o100 ? 0o755 : 0o644 })),
  ];
}

function isIgnored(parts: readonly string[]): boolean {
  return ignoredAtRoot.has(parts[0] ?? "") || parts.some((part) => ignoredAnywhere.has(part));
}

/** The folders above a path, outermost first. */
function parents(path: string): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function noContent(): Promise<Readable> {
  return Promise.reject(new Error("a folder has no content"));
}
