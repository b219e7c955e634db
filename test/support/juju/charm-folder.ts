import { createWriteStream, existsSync, readFileSync } from "node:fs";
import { chmod, lstat, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, posix } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { CharmArchive, CharmMember } from "./charm-archive.ts";

const umask = 0o022;

/** Where a charm goes, on this host. */
export interface CharmTarget {
  readonly charm: string;
  readonly manifest: string;
  /** Names in hooks/ that get the owner's execute bit if they lack it. */
  readonly hookNames: ReadonlySet<string>;
  /** How many charms were deployed here before. */
  readonly revision: number;
  readonly charmName: string;
}

/**
 * Puts a charm on the unit by Juju's rules: what only the charm before had is deleted, all members are written
 * anew, and files that the charm itself made stay. Throws on a link that leads out of the charm.
 */
export async function deployCharm(archive: CharmArchive, target: CharmTarget): Promise<void> {
  const manifest = [...new Set([...archive.members.map(({ path }) => path), "revision"])].sort();
  await deleteOthers(target, new Set(manifest));
  await mkdir(target.charm, { recursive: true, mode: 0o755 });
  for (const member of archive.members) await extract(member, target.charm);
  await makeHooksExecutable(target);
  await writeFile(join(target.charm, "revision"), String(target.revision));
  await writeFile(join(target.charm, ".juju-charm"), `local:${target.charmName}-${target.revision}\n`);
  await mkdir(dirname(target.manifest), { recursive: true, mode: 0o755 });
  await writeFile(target.manifest, JSON.stringify(manifest));
}

async function deleteOthers({ charm, manifest }: CharmTarget, kept: ReadonlySet<string>): Promise<void> {
  if (!existsSync(manifest)) return;
  const before = JSON.parse(readFileSync(manifest, "utf8")) as readonly string[];
  for (const path of before.filter((known) => !kept.has(known))) {
    await rm(join(charm, path), { recursive: true, force: true });
  }
}

async function extract(member: CharmMember, charm: string): Promise<void> {
  const target = join(charm, member.path);
  const mode = member.mode & ~umask;
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  if (member.kind === "folder") return await makeFolder(target, mode);
  await rm(target, { recursive: true, force: true });
  if (member.kind === "link") return await symlink(await linkTarget(member), target);
  await pipeline(await member.open(), createWriteStream(target, { flags: "wx", mode }));
  await chmod(target, mode);
}

async function makeFolder(target: string, mode: number): Promise<void> {
  const found = await lstat(target).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) await rm(target);
  await mkdir(target, { recursive: true });
  await chmod(target, mode);
}

async function linkTarget(member: CharmMember): Promise<string> {
  const target = await text(await member.open());
  if (isAbsolute(target)) throw new Error(`cannot extract "${member.path}": symlink "${target}" is absolute`);
  const end = posix.join(posix.dirname(member.path), target);
  if (end === ".." || end.startsWith("../")) {
    throw new Error(`cannot extract "${member.path}": symlink "${target}" leads out of scope`);
  }
  return target;
}

/** Only a hook's own file: the bit of a link's target has to come with the archive. */
async function makeHooksExecutable({ charm, hookNames }: CharmTarget): Promise<void> {
  for (const name of hookNames) {
    const path = join(charm, "hooks", name);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isFile() && (found.mode & 0o100) === 0) await chmod(path, (found.mode & 0o777) | 0o100);
  }
}
