import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import * as z from "zod";
import type { Bundle } from "./bundle.ts";
import { type Arch, architectures, type NodeBinary } from "./node-binary.ts";
import { byName, type Entry, modes } from "./zip.ts";

/** The Ubuntu releases that one archive serves. */
export const bases = ["22.04", "24.04"] as const;

const copied = ["metadata.yaml", "config.yaml", "LICENSE", "icon.svg"];
const copiedIfThere = ["actions.yaml", "README.md"];
const linkFolders = ["hooks", "actions"];

/**
 * Everything that goes into the charm archive of one architecture, sorted by name. Modes come from the kind of
 * entry, never from the tree, so that a checkout's umask does not matter.
 */
export async function stageCharm(
  root: string,
  arch: Arch,
  bundle: Bundle,
  node: NodeBinary,
): Promise<Entry[]> {
  const fromTree = await Promise.all([
    ...copied.map(async (name) => file(name, await readFile(join(root, name)))),
    ...copiedIfThere.map(
      async (name) => (await exists(join(root, name))) && file(name, await readFile(join(root, name))),
    ),
  ]);
  const links = await Promise.all(linkFolders.map((folder) => stageFolder(root, folder)));
  const made = [
    file("version", `${await packageVersion(root)}\n`),
    file("manifest.yaml", renderManifest(arch)),
    file("dist/main.cjs", bundle.main),
    file("dist/full.cjs", bundle.full),
    program("bin/node", node.binary),
    file("bin/loader", `${architectures[arch].loader}\n`),
    file("LICENSE.node", node.licence),
    bundle.licences !== "" && file("LICENSE.packages", bundle.licences),
  ];
  return [...fromTree, ...made, ...links.flat()].filter((entry) => entry !== false).sort(byName);
}

/** The stub and its links: files are programs, links keep their target. A folder that is absent gives nothing. */
async function stageFolder(root: string, folder: string): Promise<Entry[]> {
  if (!(await exists(join(root, folder)))) return [];
  const names = await readdir(join(root, folder));
  return await Promise.all(
    names.map(async (name) => {
      const path = join(root, folder, name);
      const isLink = (await lstat(path)).isSymbolicLink();
      return isLink
        ? { name: `${folder}/${name}`, mode: modes.link, content: Buffer.from(await readlink(path)) }
        : program(`${folder}/${name}`, await readFile(path));
    }),
  );
}

/** Juju reads only `bases`; a channel must be a string, and an architecture one that Juju knows. */
function renderManifest(arch: Arch): string {
  return stringify({ bases: bases.map((channel) => ({ name: "ubuntu", channel, architectures: [arch] })) });
}

async function packageVersion(root: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  return z.object({ version: z.string() }).parse(manifest).version;
}

function file(name: string, content: Buffer | string): Entry {
  return { name, mode: modes.file, content: Buffer.from(content) };
}

function program(name: string, content: Buffer): Entry {
  return { name, mode: modes.program, content };
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
