import { buffer } from "node:stream/consumers";
import { crc32, inflateRawSync } from "node:zlib";
import { ZipFile } from "yazl";

/** One member of a charm archive. */
export interface Entry {
  /** Path from the charm's root, with `/`. */
  readonly name: string;
  /** Type and permission bits as `stat` gives them: `file`, `program` or `link`. */
  readonly mode: number;
  /** The bytes of a file, the target of a link. */
  readonly content: Buffer;
}

/** A member as a reader finds it. */
export interface ReadEntry extends Entry {
  /** The system in "version made by": 3 is Unix. Juju takes the mode from no other system. */
  readonly madeBy: number;
}

/** The modes that survive Juju's own packing of an uploaded charm. */
export const modes = { file: 0o100644, program: 0o100755, link: 0o120777 } as const;

/** The number of Unix in "version made by". */
export const madeByUnix = 3;

/** Packs the entries, sorted by name, each with the same time: the same entries give the same bytes. */
export async function zipEntries(entries: readonly Entry[]): Promise<Buffer> {
  const zip = new ZipFile();
  // The oldest time that a zip can hold, in the local zone, because that is how yazl reads it back.
  const mtime = new Date(1980, 0, 1);
  for (const { name, mode, content } of [...entries].sort(byName)) {
    zip.addBuffer(content, name, { mtime, mode, forceDosTimestamp: true, compress: mode !== modes.link });
  }
  zip.end();
  return await buffer(zip.outputStream);
}

/** Orders entries by code unit, whatever the locale. */
export function byName(a: Entry, b: Entry): number {
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

/**
 * Reads an archive back by its central directory, as Juju does.
 * @throws Error when the bytes are no zip, or a member's checksum is wrong
 */
export function unzipEntries(archive: Buffer): ReadEntry[] {
  const end = archive.lastIndexOf("PK\x05\x06", undefined, "latin1");
  if (end === -1) throw new Error("not a zip archive: it has no central directory");
  const entries: ReadEntry[] = [];
  let offset = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const record = readRecord(archive, offset);
    entries.push(record.entry);
    offset = record.next;
  }
  return entries;
}

function readRecord(archive: Buffer, offset: number): { entry: ReadEntry; next: number } {
  if (archive.toString("latin1", offset, offset + 4) !== "PK\x01\x02")
    throw new Error(`no zip record at byte ${offset}`);
  const nameEnd = offset + 46 + archive.readUInt16LE(offset + 28);
  const name = archive.toString("utf8", offset + 46, nameEnd);
  const content = readContent(archive, offset);
  if (crc32(content) !== archive.readUInt32LE(offset + 16))
    throw new Error(`${name}: the checksum in the archive is wrong`);
  return {
    entry: { name, madeBy: archive.readUInt8(offset + 5), mode: archive.readUInt16LE(offset + 40), content },
    next: nameEnd + archive.readUInt16LE(offset + 30) + archive.readUInt16LE(offset + 32),
  };
}

function readContent(archive: Buffer, record: number): Buffer {
  const method = archive.readUInt16LE(record + 10);
  const local = archive.readUInt32LE(record + 42);
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const stored = archive.subarray(start, start + archive.readUInt32LE(record + 20));
  return method === 0 ? stored : inflateRawSync(stored);
}
