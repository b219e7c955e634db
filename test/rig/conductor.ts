import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { provisionArtifacts } from "./artifacts.ts";
import {
  type Clone,
  cloneOf,
  type LiveClone,
  liveClones,
  nameInUse,
  ownerOf,
  startOwner,
  sweepClones,
  waitForEnd,
} from "./clones.ts";
import { type ExecOptions, type ExecResult, enter, type Running } from "./enter.ts";
import { allowManyWatches } from "./inotify.ts";
import { leaderIn } from "./leader.ts";
import { attachManagement, type Management } from "./management/server.ts";
import { keptManagement, sharedManagement } from "./management/shared.ts";
import { provisionRoot } from "./provision.ts";
import { isRecipeName, type RecipeName } from "./recipe.ts";

export type { RecipeName };

/** A booted Magnum conductor of its own: private network with a management cluster, own cgroup, a pristine copy of the root. */
export interface Conductor {
  readonly name: string;
  readonly recipe: RecipeName;
  /** Path on this machine through which the container's / can be read and written. */
  readonly root: string;
  /** Pid of the container's pid 1 on this machine. */
  readonly leader: number;
  /** The management cluster that its network is linked to. */
  readonly management: Management;
  /**
   * Runs a program to its end with an empty environment but PATH and `options.env`. Does not throw on a
   * non-zero exit code (128 + n for signal n); throws when the time limit (default 120 s) kills it.
   */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a program, for tests that kill it while it runs. */
  spawn(argv: readonly string[], options?: ExecOptions): Running;
  /** Takes the container away with all its processes, mounts, cgroups and files. */
  down(): Promise<void>;
}

const bootLimitMs = 60_000;

/**
 * Boots a pristine conductor, its root provisioned first if it isn't in the cache (minutes). It lives until `down()` or until
 * this process ends, however it ends; with `keep` until `down()` or `rig down NAME`. Throws when
 * it does not boot within 60 s or a Magnum service is not active.
 */
export async function startConductor(options: {
  recipe: RecipeName;
  name?: string;
  keep?: boolean;
  /** Folders laid over the pristine root, the topmost first: the upper folder that another conductor had. */
  over?: readonly string[];
  /** Image of a filesystem that holds what it writes, and stays. */
  disk?: string;
  /** Whether it counts as booted also with a service that does not run: after a crash. */
  services?: "active" | "as they come";
}): Promise<Conductor> {
  const { recipe, keep = false } = options;
  const [root, { layer }] = await Promise.all([provisionRoot(recipe), provisionArtifacts()]);
  await sweepClones();
  allowManyWatches();
  const clone = cloneOf(options.name ?? `${recipe}-${randomBytes(4).toString("hex")}`);
  const owner = startOwner(clone, {
    recipe,
    lower: [...(options.over ?? []), layer, root],
    keep,
    disk: options.disk,
  });
  owner.unref();
  if (owner.stdin instanceof Socket) owner.stdin.unref();
  const over = new Promise<number | null>((resolve) => owner.once("exit", resolve));
  const down = async (): Promise<void> => {
    owner.ref();
    owner.stdin?.destroy();
    owner.kill("SIGTERM");
    await over;
    rmSync(`${clone.folder}.log`, { force: true });
  };
  const services = options.services ?? "active";
  const boot = async (): Promise<number> => await booted(clone, owner, services);
  try {
    const [leader, management] = keep
      ? [await boot(), await keptManagement(`${clone.folder}.lock`)]
      : await Promise.all([boot(), sharedManagement()]);
    await management.link({ leader });
    writeFileSync(managementFile(clone), management.factsFile);
    return conductorOf(clone, { recipe, leader, management }, down);
  } catch (error) {
    await down();
    throw error;
  }
}

/** A running conductor by its name, for a process that did not start it. Throws when there is none. */
export async function findConductor(name: string): Promise<Conductor> {
  const clone = cloneOf(name);
  const live = (await liveClones()).find((each) => each.name === name);
  const leader = leaderIn(clone.cgroups[0] ?? "");
  if (live === undefined || !isRecipeName(live.recipe) || leader === undefined) {
    throw new Error(`no conductor of the name ${name} is running: npm run rig -- list`);
  }
  const management = attachManagement(readFileSync(managementFile(clone), "utf8"));
  return conductorOf(clone, { recipe: live.recipe, leader, management }, async () => await endClone(live));
}

/** Names the file with the facts of the management cluster that a container is linked to. */
function managementFile(clone: Clone): string {
  return join(clone.folder, "management");
}

/** Takes a clone away that another process may have started. Throws when it isn't gone within 30 s. */
export async function endClone(live: LiveClone): Promise<void> {
  process.kill(live.owner, "SIGTERM");
  await waitForEnd(live.name, 30);
}

function conductorOf(
  clone: Clone,
  facts: Pick<Conductor, "recipe" | "leader" | "management">,
  down: () => Promise<void>,
): Conductor {
  const { leader } = facts;
  const inside = { leader, cgroups: clone.cgroups };
  return {
    name: clone.name,
    ...facts,
    root: `/proc/${leader}/root`,
    exec: async (argv, options) => await enter(inside, argv, options).done,
    spawn: (argv, options) => enter(inside, argv, options),
    down,
  };
}

/** Waits until systemd has started everything; both Magnum services must be active then. */
async function booted(
  clone: Clone,
  owner: ChildProcess,
  services: "active" | "as they come",
): Promise<number> {
  const end = performance.now() + bootLimitMs;
  let last = "";
  while (performance.now() < end) {
    if (owner.exitCode !== null) failedToStart(clone, owner.exitCode);
    const isOurs = ownerOf(clone.name) === owner.pid;
    const leader = isOurs ? leaderIn(clone.cgroups[0] ?? "") : undefined;
    if (leader !== undefined) {
      const state = await stateOf(clone, leader, services);
      if (state.ready) return leader;
      last = state.text;
    }
    await sleep(25);
  }
  throw new Error(`${clone.name} did not boot within ${bootLimitMs / 1000} s: ${last}\n${endOfLog(clone)}`);
}

async function stateOf(
  clone: Clone,
  leader: number,
  services: "active" | "as they come",
): Promise<{ ready: boolean; text: string }> {
  const inside = { leader, cgroups: clone.cgroups };
  const script = `state=$(systemctl is-system-running --wait) || true
    echo "$state"
    case $state in running) ;; degraded) systemctl list-units --failed --plain --no-legend ;; *) exit 1 ;; esac
    systemctl is-active magnum-conductor.service magnum-api.service || ${services !== "active"}`;
  const { code, stdout, stderr } = await enter(inside, ["sh", "-c", script], { timeoutMs: bootLimitMs }).done;
  if (code === 0 && stdout.startsWith("degraded"))
    process.stderr.write(`rig: ${clone.name} is ${stdout.replaceAll("\n", " ")}\n`);
  return { ready: code === 0, text: stdout + stderr };
}

function failedToStart(clone: Clone, code: number): never {
  if (code === nameInUse)
    throw new Error(`a conductor of the name ${clone.name} is running: npm run rig -- down ${clone.name}`);
  throw new Error(`the container ${clone.name} ended while it booted (${code})\n${endOfLog(clone)}`);
}

function endOfLog(clone: Clone): string {
  const log = `${clone.folder}.log`;
  return existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(-20).join("\n") : "";
}
