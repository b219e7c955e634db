import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { execa } from "execa";
import { rigCache } from "./cache.ts";
import { cgroupHierarchies } from "./cgroups.ts";

const script = join(import.meta.dirname, "container.sh");

/** Exit code of container.sh when another instance owns the clone. */
const owned = 75;

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
  { recipe, lower, keep }: { recipe: string; lower: readonly string[]; keep: boolean },
): ChildProcess {
  mkdirSync(clonesFolder(), { recursive: true });
  const argv = [script, keep ? "kept" : "attached", clone.folder, clone.name, recipe, lower.join(":")];
  const stdin = keep ? "ignore" : "pipe";
  return spawn("sh", [...argv, ...clone.cgroups], { detached: true, stdio: [stdin, "ignore", "ignore"] });
}

/** Names of the clones that have a living owner, and of those that a killed run has left. */
export async function listClones(): Promise<{ alive: string[]; dead: string[] }> {
  const found = { alive: [] as string[], dead: [] as string[] };
  for (const name of clonesOnDisk()) {
    const { exitCode } = await execa("flock", ["--nonblock", `${join(clonesFolder(), name)}.lock`, "true"], {
      reject: false,
    });
    found[exitCode === 0 ? "dead" : "alive"].push(name);
  }
  return found;
}

/** Takes away what killed runs have left. Returns the names. */
export async function sweepClones(): Promise<string[]> {
  const { dead } = await listClones();
  const swept: string[] = [];
  for (const name of dead) {
    const { folder, cgroups } = cloneOf(name);
    const argv = [script, "sweep", folder, name, "-", "-", ...cgroups];
    const { exitCode, stderr } = await execa("sh", argv, { reject: false, timeout: 60_000, stdin: "ignore" });
    if (exitCode === 0) swept.push(name);
    else if (exitCode !== owned)
      throw new Error(`the leftovers of ${name} could not be taken away: ${stderr}`);
  }
  return swept;
}

/** The provisioned roots that clones on this machine use. */
export function rootsInUse(): ReadonlySet<string> {
  const files = clonesOnDisk().map((name) => join(clonesFolder(), name, "lower"));
  return new Set(
    files.filter((file) => existsSync(file)).flatMap((file) => readFileSync(file, "utf8").trim().split(":")),
  );
}

function clonesOnDisk(): string[] {
  if (!existsSync(clonesFolder())) return [];
  const names = readdirSync(clonesFolder()).map((entry) => basename(entry).replace(/\.(lock|log)$/, ""));
  return [...new Set(names)].sort();
}

function clonesFolder(): string {
  return join(rigCache(), "clones");
}
