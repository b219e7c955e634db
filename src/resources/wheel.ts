import { crc32, inflateRawSync } from "node:zlib";

/** What a wheel says of itself. */
export interface Wheel {
  /** Normalised, `magnum-capi-helm`. */
  readonly name: string;
  readonly version: string;
}

/** Why some bytes are no wheel that can be installed here. */
export interface WheelFinding {
  readonly reason: string;
}

interface Member {
  readonly name: string;
  readonly method: number;
  readonly checksum: number;
  readonly compressed: number;
  readonly size: number;
  /** Where its local header begins. */
  readonly offset: number;
}

/** The most that the members of a wheel may come to when unpacked. */
const maxUnpacked = 100 * 1024 * 1024;

const endSignature = 0x06054b50;
const memberSignature = 0x02014b50;
const localSignature = 0x04034b50;
const endLength = 22;
const memberLength = 46;
const localLength = 30;

/** A zip archive that can't be read: thrown in this file alone. */
class Unreadable extends Error {}

/** The end record, which stands before a comment of at most 64 KiB (APPNOTE 4.3.16). */
function endRecord(zip: Buffer): number {
  for (let at = zip.length - endLength; at >= Math.max(0, zip.length - endLength - 0xffff); at -= 1) {
    if (zip.readUInt32LE(at) === endSignature) return at;
  }
  throw new Unreadable("it is no zip archive, or cut off");
}

function membersOf(zip: Buffer): readonly Member[] {
  const end = endRecord(zip);
  const members: Member[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let count = zip.readUInt16LE(end + 10); count > 0; count -= 1) {
    if (zip.readUInt32LE(at) !== memberSignature) throw new Unreadable("its list of files is damaged");
    const nameLength = zip.readUInt16LE(at + 28);
    members.push({
      name: zip.toString("utf8", at + memberLength, at + memberLength + nameLength),
      method: zip.readUInt16LE(at + 10),
      checksum: zip.readUInt32LE(at + 16),
      compressed: zip.readUInt32LE(at + 20),
      size: zip.readUInt32LE(at + 24),
      offset: zip.readUInt32LE(at + 42),
    });
    at += memberLength + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return members;
}

function contentOf(zip: Buffer, member: Member): Buffer {
  const { name, method, offset, compressed, size, checksum } = member;
  if (zip.readUInt32LE(offset) !== localSignature) throw new Unreadable(`its file ${name} is damaged`);
  const start = offset + localLength + zip.readUInt16LE(offset + 26) + zip.readUInt16LE(offset + 28);
  const packed = zip.subarray(start, start + compressed);
  const content = method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) });
  if (content.length !== size || crc32(content) !== checksum)
    throw new Unreadable(`its file ${name} is damaged`);
  return content;
}

/** Each file's content, all of them checked against their checksums. */
function unpack(zip: Buffer): ReadonlyMap<string, Buffer> {
  const members = membersOf(zip);
  const total = (of: "size" | "compressed") => members.reduce((sum, it) => sum + it[of], 0);
  if (total("size") > maxUnpacked) throw new Unreadable("it is more than 100 MiB when unpacked");
  // Files that share their bytes would be unpacked again and again.
  const isShared =
    total("compressed") > zip.length || new Set(members.map(({ name }) => name)).size < members.length;
  if (isShared) throw new Unreadable("its list of files is damaged");
  const outside = members.find(({ name }) => name.startsWith("/") || name.split(/[/\\]/).includes(".."));
  if (outside !== undefined) throw new Unreadable(`its file ${outside.name} leads out of it`);
  return new Map(members.map((member) => [member.name, contentOf(zip, member)]));
}

function filesOf(bytes: Uint8Array): ReadonlyMap<string, Buffer> | WheelFinding {
  try {
    return unpack(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    if (error instanceof Unreadable) return { reason: error.message };
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    // Offsets that lead out of the file, or bytes that don't inflate.
    if (/^(ERR_|Z_)/.test(code)) return { reason: "its content is damaged" };
    throw error;
  }
}

/** The values of a header of METADATA or WHEEL, which have the form of mail headers. */
function header(text: string, name: string): readonly string[] {
  const [head = ""] = text.replaceAll("\r\n", "\n").split("\n\n", 1);
  return [...head.matchAll(/^([A-Za-z-]+): *(.*)$/gm)].flatMap(([, key, value = ""]) =>
    key?.toLowerCase() === name.toLowerCase() ? [value.trim()] : [],
  );
}

function normal(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, "-");
}

/**
 * What a wheel says of itself: its name and version, by its METADATA and by the name of the folder that this is in,
 * which have to agree. Every file in it is checked against its checksum. Only a wheel for any Python 3 and platform is
 * accepted. Says why not, else. Pure.
 */
export function readWheel(bytes: Uint8Array): Wheel | WheelFinding {
  const files = filesOf(bytes);
  if ("reason" in files) return files;
  const folders = [...files.keys()].flatMap((name) => /^([^/]+)\.dist-info\/METADATA$/.exec(name)?.[1] ?? []);
  const [folder] = folders;
  if (folder === undefined || folders.length > 1) return { reason: "it is a zip archive, but no wheel" };
  const text = (name: string) => files.get(`${folder}.dist-info/${name}`)?.toString("utf8") ?? "";
  const [name = ""] = header(text("METADATA"), "Name");
  const [version = ""] = header(text("METADATA"), "Version");
  const [folderName = "", folderVersion] = folder.split("-");
  if (name === "" || normal(name) !== normal(folderName) || version !== folderVersion)
    return { reason: `its METADATA says ${name} ${version}, but its folder is ${folder}.dist-info` };
  const tags = header(text("WHEEL"), "Tag");
  if (!tags.includes("py3-none-any"))
    return { reason: `it is for ${tags.join(", ") || "no Python"}, not for py3-none-any` };
  return { name: normal(name), version };
}
