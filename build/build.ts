import { createHash } from "node:crypto";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { holdBudget } from "./budget.ts";
import { bundleCharm } from "./bundle.ts";
import { checkArchive } from "./check-archive.ts";
import { type Arch, archs, hostArch, readNode } from "./node-binary.ts";
import { bases, stageCharm } from "./pack.ts";
import { unpackEntries } from "./unpack.ts";
import { unzipEntries, zipEntries } from "./zip.ts";

/** The tree that this file belongs to. */
export const projectRoot = dirname(import.meta.dirname);

/** What to build. */
export interface BuildRequest {
  /** The tree to build from; default: the one that this file belongs to. */
  readonly root?: string;
  readonly arch: Arch;
  /** The folder for the charm file. Other charm files of the same architecture in it are removed. */
  readonly out: string;
  /** A folder for the unpacked charm as well, replaced when it is there. */
  readonly stage?: string | undefined;
}

/** What a build made. */
export interface BuiltCharm {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly arch: Arch;
  readonly node: string;
  readonly files: Readonly<Record<"dist/main.cjs" | "dist/full.cjs", number>>;
  /** What the reader should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Bundles, packs, checks and writes the charm of one architecture. The same tree gives the same bytes.
 * @throws Error when a budget is exceeded, the archive breaks a rule of Juju's, or, under CI, Node could not be stripped
 */
export async function buildCharm({
  root = projectRoot,
  arch,
  out,
  stage,
}: BuildRequest): Promise<BuiltCharm> {
  const [bundle, node] = await Promise.all([bundleCharm(root), readNode(root, arch)]);
  const files = { "dist/main.cjs": bundle.main.length, "dist/full.cjs": bundle.full.length };
  const notes = node.strippedBy === undefined ? [unstrippedNote(arch)] : [];
  const entries = await stageCharm(root, arch, bundle, node);
  const archive = await zipEntries(entries);
  const problems = checkArchive(await unzipEntries(archive));
  if (problems.length > 0) throw new Error(`the charm archive is not right:\n  ${problems.join("\n  ")}`);
  holdBudget("charm", archive.length, `Node with ${node.binary.length} bytes before compression`);
  if (stage !== undefined) {
    await rm(stage, { recursive: true, force: true });
    await unpackEntries(entries, stage);
  }
  const path = await writeCharm(archive, arch, out);
  return {
    path,
    bytes: archive.length,
    sha256: createHash("sha256").update(archive).digest("hex"),
    arch,
    node: node.version,
    files,
    notes,
  };
}

/** A foreign Node may stay as it is; our own is stripped by every machine that has binutils, so CI must. */
function unstrippedNote(arch: Arch): string {
  if (arch !== hostArch())
    return `Node for ${arch} is not stripped: no strip for it here (apt-get install llvm)`;
  const note = "Node is not stripped: strip is not installed (apt-get install binutils)";
  const { CI } = process.env;
  if (CI) throw new Error(note);
  return note;
}

async function writeCharm(archive: Buffer, arch: Arch, out: string): Promise<string> {
  const name = `magnum-capi-helm_ubuntu-${bases.join("-")}-${arch}.charm`;
  await mkdir(out, { recursive: true });
  const stale = (await readdir(out)).filter((other) => other.endsWith(`-${arch}.charm`) && other !== name);
  await Promise.all(stale.map((other) => rm(join(out, other))));
  const path = join(out, name);
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, archive);
  await rename(temporary, path);
  return path;
}

const usage = `usage: npm run build -- [--arch ${archs.join("|")}] [--out DIR] [--stage DIR] [--json]

  --arch   the architecture to build for (default: this machine's)
  --out    the folder for the charm file (default: dist)
  --stage  write the unpacked charm to this folder too
  --json   print what was made as one JSON object`;

interface Command {
  readonly request: BuildRequest;
  readonly json: boolean;
}

/** @returns undefined when help was asked for; throws on wrong use */
function parseCommand(argv: readonly string[]): Command | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      arch: { type: "string" },
      out: { type: "string", default: join(projectRoot, "dist") },
      stage: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const arch = archs.find((name) => name === (values.arch ?? hostArch()));
  if (arch === undefined) throw new Error(`the charm is not built for ${values.arch ?? process.arch}`);
  const stage = values.stage === undefined ? undefined : resolve(values.stage);
  return { request: { arch, out: resolve(values.out), stage }, json: values.json };
}

function describe({ path, bytes, sha256, node, files, notes }: BuiltCharm): string {
  const sizes = Object.entries(files).map(([name, size]) => `${name} ${(size / 1024).toFixed(1)} KiB`);
  return [
    path,
    `  ${bytes} bytes (${(bytes / 1024 / 1024).toFixed(1)} MiB), sha256 ${sha256}`,
    `  Node ${node}, ${sizes.join(", ")}`,
    ...notes.map((note) => `  note: ${note}`),
  ].join("\n");
}

async function main(argv: readonly string[]): Promise<number> {
  let command: Command | undefined;
  try {
    command = parseCommand(argv);
  } catch (error) {
    console.error(`${messageOf(error)}\n${usage}`);
    return 64;
  }
  if (command === undefined) {
    console.log(usage);
    return 0;
  }
  try {
    const built = await buildCharm(command.request);
    console.log(command.json ? JSON.stringify(built) : describe(built));
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
