import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { execa } from "execa";
import { rigCache } from "./cache.ts";
import { cgroupHierarchies } from "./cgroups.ts";

// As text: a shell reads a file while it runs, and the file may change under it.
const script = ["-c", readFileSync(join(import.meta.dirname, "container.sh"), "utf8"), "container.sh"];

/** Exit code of container.sh when another instance owns the clone. */
export const nameInUse = 75;

/** Exit code of container.sh when a cgroup could not be removed. */
const stillBusy = 76;

/** One container's names on this machine. */
export interface Clone {
  readonly name: string;
  /** Folder of the overlay; `.lock` and `.log` stand beside it. */
  readonly folder: string;
  /** Its cgroup in each hierarchy. */
  readonly cgroups: readonly string[];
}

/** The clone of that name, running or not. Throws when the name can't be a host name. */
export function cloneOf(name: string): Clone {
  if (!/^[a-z][a-z0-9-]{0,47}$/.test(name)) {
    throw new Error(`"${name}" can't name a conductor: use a-z, 0-9 and -, at most 48, with a letter first`);
  }
  const cgroups = cgroupHierarchies().map((path) => join(path, `magnum-rig-${name}`));
  return { name, folder: join(clonesFolder(), name), cgroups };
}

/** Starts the process that owns a container. Attached, it takes all away when this process ends, however it ends. */
export function startOwner(
  clone: Clone,
  {
    recipe,
    lower,
    keep,
    disk,
  }: { recipe: string; lower: readonly string[]; keep: boolean; disk?: string | undefined },
): ChildProcess {
  mkdirSync(clonesFolder(), { recursive: true });
  const argv = [...script, keep ? "kept" : "attached", clone.folder, clone.name, recipe, lower.join(":")];
  const stdin = keep ? "ignore" : "pipe";
  const env = { ...process.env, RIG_DISK: disk ?? "" };
  return spawn("sh", [...argv, ...clone.cgroups], {
    detached: true,
    stdio: [stdin, "ignore", "ignore"],
    env,
  });
}

/** A clone with a living owner. */
export interface LiveClone {
  readonly name: string;
  readonly recipe: string;
  /** True: it lives until somebody takes it down; false: until the process that started it ends. */
  readonly kept: boolean;
  /** Pid of the process that owns it; on SIGTERM it takes all away. */
  readonly owner: number;
  /** The lower folders of its overlay. */
  readonly lower: readonly string[];
}

/** The clones with a living owner. One that just starts or ends may be left out. */
export async function liveClones(): Promise<LiveClone[]> {
  const names = clonesOnDisk();
  const alive = await Promise.all(names.map(isAlive));
  return names.filter((_, index) => alive[index]).flatMap((name) => factsOf(name) ?? []);
}

/** Takes away what killed runs have left. Returns the names. */
export async function sweepClones(): Promise<string[]> {
  const swept: string[] = [];
  for (const name of clonesOnDisk()) {
    if (await isAlive(name)) continue;
    const { folder, cgroups } = cloneOf(name);
    const argv = [...script, "sweep", folder, name, "-", "-", ...cgroups];
    const { exitCode, shortMessage } = await execa("sh", argv, {
      reject: false,
      timeout: 60_000,
      stdin: "ignore",
    });
    if (exitCode === 0) swept.push(name);
    else if (exitCode === stillBusy) process.stderr.write(`rig: processes of ${name} are still ending\n`);
    else if (exitCode !== nameInUse)
      throw new Error(`the leftovers of ${name} could not be taken away: ${shortMessage}`);
  }
  return swept;
}

/** Waits until a clone has no owner any more. Throws after the limit. */
export async function waitForEnd(name: string, limitSeconds: number): Promise<void> {
  if (!(await ownerIsGone(name, limitSeconds)))
    throw new Error(`${name} was not gone within ${limitSeconds} s`);
}

/** Pid of the process that owns a clone or did so last; undefined while the clone is not there. */
export function ownerOf(name: string): number | undefined {
  return factsOf(name)?.owner;
}

/** The provisioned folders that clones on this machine use. */
export function lowerFoldersInUse(): ReadonlySet<string> {
  return new Set(clonesOnDisk().flatMap((name) => factsOf(name)?.lower ?? []));
}

async function isAlive(name: string): Promise<boolean> {
  return !(await ownerIsGone(name, 0));
}

/** Takes the owner's lock and lets it go; makes no file where there is none. */
async function ownerIsGone(name: string, limitSeconds: number): Promise<boolean> {
  const argv = ["-c", 'exec 9<"$1"; flock --timeout "$2" 9', "sh", `${join(clonesFolder(), name)}.lock`];
  const { exitCode } = await execa("sh", [...argv, String(limitSeconds)], { reject: false, stdio: "ignore" });
  return exitCode !== 1;
}

/** What container.sh wrote; undefined while it has not. */
function factsOf(name: string): LiveClone | undefined {
  try {
    const file = readFileSync(join(clonesFolder(), name, "facts"), "utf8");
    const [recipe, mode, owner, lower] = file.split("\n");
    if (recipe === undefined || lower === undefined) return undefined;
    return { name, recipe, kept: mode === "kept", owner: Number(owner), lower: lower.split(":") };
  } catch {
    return undefined;
  }
}

function clonesOnDisk(): string[] {
  if (!existsSync(clonesFolder())) return [];
  const names = readdirSync(clonesFolder()).map((entry) => basename(entry).replace(/\.(lock|log)$/, ""));
  return [...new Set(names)].sort();
}

function clonesFolder(): string {
  return join(rigCache(), "clones");
}
