import { posix } from "node:path";
import { checkDescriptions, readArchs } from "./check-descriptions.ts";
import { architectures, archs, elfMachineOf } from "./node-binary.ts";
import { madeByUnix, modes, type ReadEntry } from "./zip.ts";

/** Every path that may be in the archive: what Juju would drop, or read in another sense, is not among them. */
const known = [
  /^(metadata|config|manifest|actions)\.yaml$/,
  /^(version|icon\.svg|README\.md|LICENSE|LICENSE\.(node|packages))$/,
  /^(hooks|actions)\/[a-z][a-z0-9-]*$/,
  /^bin\/(node|loader)$/,
  /^dist\/(main|full)\.cjs$/,
];

const required = [
  "metadata.yaml",
  "config.yaml",
  "actions.yaml",
  "manifest.yaml",
  "LICENSE",
  "LICENSE.node",
  "bin/node",
  "bin/loader",
  "dist/main.cjs",
  "dist/full.cjs",
  "hooks/install",
  "hooks/config-changed",
];

/**
 * Holds the members of a charm archive to what Juju 3.6 and 4.0 accept and keep, and to what this charm is made of.
 * Stricter than Juju, which takes some mistakes without a word and fails later on the unit.
 * @returns one line for each mistake, none for a good archive
 */
export function checkArchive(entries: readonly ReadEntry[]): string[] {
  const byPath = new Map(entries.map((entry) => [entry.name, entry]));
  return [
    ...entries.flatMap((entry, index) => checkName(entry.name, entries[index - 1]?.name)),
    ...required.filter((name) => !byPath.has(name)).map((name) => `${name} is missing`),
    ...entries.flatMap((entry) => checkMode(entry, byPath)),
    ...checkNode(byPath),
    ...checkDescriptions(
      (name) => byPath.get(name)?.content.toString(),
      entries.map(({ name }) => name),
    ),
  ];
}

function checkName(name: string, before: string | undefined): string[] {
  const problems: string[] = [];
  if (!known.some((pattern) => pattern.test(name))) problems.push(`${name} does not belong in the archive`);
  if (name === before) problems.push(`${name} is there twice`);
  else if (before !== undefined && name < before)
    problems.push(`${name} comes after ${before}: entries are sorted by name`);
  return problems;
}

function checkMode(entry: ReadEntry, byPath: ReadonlyMap<string, ReadEntry>): string[] {
  const { name, mode, madeBy } = entry;
  if (madeBy !== madeByUnix) return [`${name} is not made by Unix: Juju would lose its mode`];
  const runs = /^(hooks|actions)\/|^bin\/node$/.test(name);
  if (mode === modes.link)
    return runs ? checkLink(entry, byPath) : [`${name} is a link, but only a hook or an action may be`];
  const expected = runs ? modes.program : modes.file;
  if (mode !== expected) return [`${name} has mode ${mode.toString(8)}, not ${expected.toString(8)}`];
  return runs && name !== "bin/node" ? checkScript(entry) : [];
}

/** A link names a program of the archive, relative and without a second link. */
function checkLink({ name, content }: ReadEntry, byPath: ReadonlyMap<string, ReadEntry>): string[] {
  const target = content.toString();
  if (posix.isAbsolute(target)) return [`${name} links to ${target}, which is absolute`];
  const path = posix.join(posix.dirname(name), target);
  if (path === ".." || path.startsWith("../"))
    return [`${name} links to ${target}, which leads out of the charm`];
  const found = byPath.get(path);
  return found?.mode === modes.program
    ? []
    : [`${name} links to ${target}, which is not a program in the archive`];
}

function checkScript({ name, content }: ReadEntry): string[] {
  const text = content.toString();
  if (!text.startsWith("#!/"))
    return [`${name} does not begin with #! and an absolute path: Juju could not run it`];
  return text.includes("\r") ? [`${name} holds a carriage return: its interpreter would not be found`] : [];
}

/** Node and the loader path must be of the architecture that the manifest names. */
function checkNode(byPath: ReadonlyMap<string, ReadEntry>): string[] {
  const node = byPath.get("bin/node");
  const loader = byPath.get("bin/loader")?.content.toString();
  const named = readArchs(byPath.get("manifest.yaml")?.content.toString() ?? "");
  if (node === undefined || loader === undefined) return [];
  const arch = archs.find((name) => architectures[name].elfMachine === elfMachineOf(node.content));
  if (arch === undefined)
    return ["bin/node is not a program for an architecture that the charm is built for"];
  const problems: string[] = [];
  if (loader !== `${architectures[arch].loader}\n`)
    problems.push(`bin/loader does not hold the ELF interpreter of ${arch}`);
  if (named?.some((name) => name !== arch))
    problems.push(`bin/node is for ${arch}, but manifest.yaml names ${named.join()}`);
  return problems;
}
