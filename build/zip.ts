import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { fromBufferPromise } from "yauzl";
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
 * Reads an archive back by its central directory, as Juju does, and judges nothing but the checksums.
 * @throws Error when the bytes are no zip, or a member's checksum is wrong
 */
export async function unzipEntries(archive: Buffer): Promise<ReadEntry[]> {
  const zip = await fromBufferPromise(archive, { decodeStrings: false, lazyEntries: true });
  const entries: ReadEntry[] = [];
  for await (const record of zip.eachEntry()) {
    const name = record.fileNameRaw.toString();
    const content = await buffer(await zip.openReadStreamPromise(record));
    if (crc32(content) !== record.crc32) throw new Error(`${name}: the checksum in the archive is wrong`);
    entries.push({
      name,
      madeBy: record.versionMadeBy >> 8,
      mode: record.externalFileAttributes >>> 16,
      content,
    });
  }
  return entries;
}
