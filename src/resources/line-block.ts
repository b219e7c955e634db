import type { Host } from "../host/host.ts";
import type { Resource, State } from "../reconcile/resource.ts";
import { sha256 } from "./file.ts";
import type { Original, Originals } from "./originals.ts";
import { type Owner, ownerName, ownership, root } from "./owner.ts";

/** The first and last line of a block in a shared file: what stands between them is ours. */
export interface Markers {
  readonly begin: string;
  readonly end: string;
}

/** A text split at its block: the foreign lines before and after it, and the block's own lines. */
interface Split {
  readonly before: string;
  readonly block: string | undefined;
  readonly after: string;
}

/**
 * Finds the block in a text; several of them, which only a copy made by hand gives, are one that differs. A begin
 * without an end is a block of that one line: the lines below it stay foreign.
 */
export function splitAtBlock(text: string, markers: Markers): Split {
  const lines = text.split(/(?<=\n)/);
  const bare = lines.map((line) => line.trimEnd());
  const first = bare.indexOf(markers.begin);
  if (first === -1) return { before: text, block: undefined, after: "" };
  const end = bare.indexOf(markers.end, first);
  const next = bare.indexOf(markers.begin, first + 1);
  const last = end === -1 || (next !== -1 && next < end) ? first : end;
  const rest = splitAtBlock(lines.slice(last + 1).join(""), markers);
  return {
    before: lines.slice(0, first).join(""),
    block: lines.slice(first, last + 1).join("") + (rest.block ?? ""),
    after: rest.before + rest.after,
  };
}

function endedLine(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

/** A text with this block in the place of the one that it has, or at its end; CRLF line ends become plain ones. */
export function withBlock(text: string, markers: Markers, block: string): string {
  const { before, after } = splitAtBlock(text, markers);
  return `${endedLine(before)}${block}${after}`.replaceAll(/\r+\n/g, "\n");
}

function withoutBlock(text: string, markers: Markers): string {
  const { before, block, after } = splitAtBlock(text, markers);
  return block === undefined ? text : before + after;
}

interface LineBlockOptions {
  readonly path: string;
  readonly markers: Markers;
  /** The lines between the markers, each with its end. */
  readonly lines: string;
  readonly originals: Originals;
  /** Whose the file is, root unless given, and its mode: 0644, or less where the block holds a secret. */
  readonly owner?: Owner;
  readonly mode?: string;
}

/** The marked block as it stands in a file's text, markers included. */
export function renderBlock(markers: Markers, lines: string): string {
  return `${markers.begin}\n${lines}${markers.end}\n`;
}

/**
 * A marked block in a file that others write too (0644, root, unless told otherwise). Foreign lines are kept; a file with CRLF ends, which a
 * shell misreads, gets plain ones.
 */
export function lineBlock(options: LineBlockOptions): Resource {
  return blockWith(options, renderBlock(options.markers, options.lines));
}

function blockWith(options: Omit<LineBlockOptions, "lines">, block: string): Resource {
  const { path, markers, owner = root, mode = "0644" } = options;
  const name = ownerName(owner, [root, owner]);
  return {
    id: `block:${path}`,
    desired: { block: sha256(block), "line-ends": "LF", mode, owner: name },
    quick: true,
    observe: (host) => observeBlock(host, { path, markers, owner }),
    apply: async (host) => {
      await options.originals.keep(host, path);
      const text = (await readBytes(host, path)) ?? "";
      const next = Buffer.from(withBlock(text, markers, block), "latin1");
      await host.fs.write(path, next, ownership(owner, mode));
    },
  };
}

async function observeBlock(
  host: Host,
  { path, markers, owner }: { readonly path: string; readonly markers: Markers; readonly owner: Owner },
): Promise<State | "absent"> {
  const stat = await host.fs.stat(path);
  if (stat === undefined) return "absent";
  const text = stat.kind === "file" ? ((await readBytes(host, path)) ?? "") : "";
  const { block } = splitAtBlock(text, markers);
  return {
    block: block === undefined ? "absent" : sha256(block),
    "line-ends": text.includes("\r\n") ? "CRLF" : "LF",
    mode: stat.mode,
    owner: ownerName(stat, [root, owner]),
  };
}

/** The file without the block: foreign lines as they are, and no file where there was none before and none is left. */
export function noLineBlock(options: Omit<LineBlockOptions, "lines">): Resource {
  const { path, markers } = options;
  return {
    id: `block:${path}`,
    desired: "absent",
    observe: async (host) => {
      const text = await readBytes(host, path);
      if (text === undefined) return "absent";
      const { block } = splitAtBlock(text, markers);
      return block === undefined ? "absent" : { block: sha256(block) };
    },
    apply: async (host) => {
      const original = await options.originals.of(host, path);
      const rest = withoutBlock((await readBytes(host, path)) ?? "", markers);
      if (rest === "" && original?.existed === false) return await host.fs.remove(path);
      const found = Buffer.from(await asFound(host, rest, markers, original), "latin1");
      await host.fs.write(path, found, original?.existed ? original : ownership(root, "0644"));
    },
  };
}

/** The block as it was before it was first touched, in the file as it is now; nothing to do where it never was. */
export async function blockAsBefore(
  host: Host,
  options: Omit<LineBlockOptions, "lines">,
): Promise<readonly Resource[]> {
  const original = await options.originals.of(host, options.path);
  if (original === undefined) return [];
  const copy = original.existed ? original.copy : undefined;
  const text = copy === undefined ? "" : ((await readBytes(host, copy)) ?? "");
  const { block } = splitAtBlock(text, options.markers);
  return [block === undefined ? noLineBlock(options) : blockWith({ ...options, ...asKept(original) }, block)];
}

/** Owner and mode of a file whose block holds a secret, which must not be for everybody when it comes back. */
function asKept(original: Original): { readonly owner?: Owner; readonly mode?: string } {
  if (!original.existed || original.mode !== "0640" || original.uid !== 0) return {};
  const { gid, mode } = original;
  return { owner: { ...root, group: String(gid), gid }, mode };
}

/** The text as it was first found, where nothing but our own change of line ends came to it. */
async function asFound(
  host: Host,
  text: string,
  markers: Markers,
  original: Original | undefined,
): Promise<string> {
  if (original?.existed !== true || original.copy === undefined) return text;
  const first = withoutBlock((await readBytes(host, original.copy)) ?? "", markers);
  return withBlock(first, markers, "") === text ? first : text;
}

/** A file as a text of one character for each byte, so that a byte of others that is no UTF-8 stays what it is. */
async function readBytes(host: Host, path: string): Promise<string | undefined> {
  const bytes = await host.fs.read(path);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("latin1");
}
