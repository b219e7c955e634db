import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { projectRoot } from "../../build/build.ts";
import { stageCharm } from "../../build/pack.ts";
import { byName, type Entry, madeByUnix, modes, type ReadEntry } from "../../build/zip.ts";

/** One mistake in a charm archive, what Juju's readers say to it, and what ours must say. */
export interface Mistake {
  /** Null: no mistake, the members are those of a good charm. */
  readonly mistake: string | null;
  /**
   * Path to text, "-> TARGET" for a link, "mode NNNN" or "mode NNNN TEXT" for another mode, "made by FAT" for a lost one, null
   * for an absent member. A path that ends in `*` means every member that begins with what is before it.
   */
  readonly members: Readonly<Record<string, string | null>>;
  /** By Juju version; null: accepted without a word. */
  readonly errors: Readonly<Record<string, string | null>>;
  /** The line of our own checker, or its beginning. */
  readonly problem?: string | undefined;
}

const mistakeLine: z.ZodType<Mistake> = z.object({
  mistake: z.string().nullable(),
  members: z.record(z.string(), z.string().nullable()),
  errors: z.record(z.string(), z.string().nullable()),
  problem: z.string().optional(),
});

/** The cases of test/fixtures/juju/charm-mistakes.jsonl. */
export function readMistakes(): Mistake[] {
  const lines = readFileSync(join(import.meta.dirname, "../fixtures/juju/charm-mistakes.jsonl"), "utf8");
  return lines
    .split("\n")
    .filter(Boolean)
    .map((line) => mistakeLine.parse(JSON.parse(line)));
}

/** The members of this charm's archive, with a stand-in for Node and for the program. */
export async function ownArchive(): Promise<ReadEntry[]> {
  const bundle = { main: Buffer.from("//\n"), full: Buffer.from("//\n"), licences: "text\n" };
  const node = {
    version: "24.0.0",
    binary: elfHeader(62),
    licence: Buffer.from("text\n"),
    strippedBy: "strip",
  };
  const staged = await stageCharm(projectRoot, "amd64", bundle, node);
  return staged.map((entry) => ({ ...entry, madeBy: madeByUnix }));
}

/** The same with the members of some cases put over it. */
export async function archiveOf(...cases: readonly Pick<Mistake, "members">[]): Promise<ReadEntry[]> {
  // The cases describe an action of their own, so the charm's stay out.
  const others = (await ownArchive()).filter(({ name }) => !name.startsWith("actions"));
  const entries = new Map<string, ReadEntry>(others.map((entry) => [entry.name, entry]));
  entries.set("actions/verify", { name: "actions/verify", madeBy: madeByUnix, ...link("../hooks/stub") });
  for (const [path, member] of cases.flatMap(({ members }) => Object.entries(members))) {
    for (const name of namesOf(path, entries)) {
      const entry = changeEntry(name, member, entries.get(name));
      if (entry === undefined) entries.delete(name);
      else entries.set(name, entry);
    }
  }
  return [...entries.values()].sort(byName);
}

function namesOf(path: string, entries: ReadonlyMap<string, ReadEntry>): string[] {
  return path.endsWith("*")
    ? [...entries.keys()].filter((name) => name.startsWith(path.slice(0, -1)))
    : [path];
}

function changeEntry(name: string, member: string | null, before: Entry | undefined): ReadEntry | undefined {
  if (member === null) return undefined;
  if (member.startsWith("made by FAT"))
    return { name, madeBy: 0, mode: 0, content: before?.content ?? Buffer.of() };
  return { name, madeBy: madeByUnix, ...change(member, before) };
}

function change(member: string, before: Entry | undefined): Omit<Entry, "name"> {
  if (member.startsWith("-> ")) return link(member.slice(3));
  const [, mode, text] = /^mode (\d+)(?: (.*))?$/s.exec(member) ?? [];
  if (mode === undefined) return { mode: modes.file, content: Buffer.from(member) };
  const content = text === undefined ? (before?.content ?? Buffer.from("#!/bin/sh\n")) : Buffer.from(text);
  return { mode: 0o100000 | Number.parseInt(mode, 8), content };
}

function link(target: string): Omit<Entry, "name"> {
  return { mode: modes.link, content: Buffer.from(target) };
}

/** The first bytes of an ELF program for a machine number. */
export function elfHeader(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.write("\x7fELF", "latin1");
  header.writeUInt16LE(machine, 18);
  return header;
}
