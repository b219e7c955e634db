import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { type Entry, fromBufferPromise, type ZipFile } from "yauzl";

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

/** The most that the members of a wheel may come to when unpacked. */
const maxUnpacked = 100 * 1024 * 1024;

type Files = ReadonlyMap<string, Buffer>;

async function contentOf(zip: ZipFile, entry: Entry): Promise<Buffer> {
  const content = await buffer(await zip.openReadStreamPromise(entry));
  if (crc32(content) !== entry.crc32) throw new Error("a wrong checksum");
  return content;
}

/** Each file's content, all of them checked against their sizes and checksums. */
async function unpack(zip: ZipFile): Promise<Files | WheelFinding> {
  const entries: Entry[] = [];
  const files = new Map<string, Buffer>();
  let name = "its list of files";
  try {
    for await (const entry of zip.eachEntry()) entries.push(entry);
    const total = (of: "uncompressedSize" | "compressedSize") => entries.reduce((sum, it) => sum + it[of], 0);
    if (total("uncompressedSize") > maxUnpacked)
      return { reason: "too large (more than 100 MiB when unpacked)" };
    // Files that share their bytes would be unpacked again and again.
    if (total("compressedSize") > zip.fileSize) return { reason: `damaged (${name})` };
    for (const entry of entries) {
      name = `its file ${entry.fileName}`;
      if (files.has(entry.fileName)) return { reason: `damaged (${name} is there twice)` };
      files.set(entry.fileName, await contentOf(zip, entry));
    }
  } catch {
    // Whatever is thrown here is what these bytes are not. A name that leads out of the archive is one such thing.
    return { reason: `damaged (${name})` };
  }
  return files;
}

async function filesOf(bytes: Uint8Array): Promise<Files | WheelFinding> {
  const options = { lazyEntries: true, autoClose: false };
  try {
    return await unpack(
      await fromBufferPromise(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), options),
    );
  } catch {
    return { reason: "no zip archive (or cut off)" };
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
export async function readWheel(bytes: Uint8Array): Promise<Wheel | WheelFinding> {
  const files = await filesOf(bytes);
  if ("reason" in files) return files;
  const folders = [...files.keys()].flatMap((name) => /^([^/]+)\.dist-info\/METADATA$/.exec(name)?.[1] ?? []);
  const [folder] = folders;
  if (folder === undefined || folders.length > 1)
    return { reason: "no wheel (a zip archive of something else)" };
  const text = (name: string) => files.get(`${folder}.dist-info/${name}`)?.toString("utf8") ?? "";
  const [name = ""] = header(text("METADATA"), "Name");
  const [version = ""] = header(text("METADATA"), "Version");
  const [folderName = "", folderVersion] = folder.split("-");
  if (name === "" || normal(name) !== normal(folderName) || version !== folderVersion)
    return { reason: `inconsistent (METADATA says ${name} ${version}, the folder is ${folder}.dist-info)` };
  const tags = header(text("WHEEL"), "Tag");
  if (!tags.includes("py3-none-any"))
    return { reason: `built for ${tags.join(", ") || "no Python"} (not for py3-none-any)` };
  return { name: normal(name), version };
}
