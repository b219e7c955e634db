import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../../support/juju/machine.ts";
import { findUnit } from "../../support/juju/unit.ts";
import { type Conductor, type RecipeName, startConductor } from "../conductor.ts";
import { charmFile, muteWatch, type Site } from "../site.ts";
import type { Snapshot } from "./snapshots.ts";

const killer = "/run/kill-at.py";
const log = "/run/kill-at.log";
const agentFolder = "/var/lib/juju/fake";

/** One call that changes a file or starts a process, as the killer wrote it down. */
export interface Call {
  /** From 1, in the order of the whole run, over all its processes. */
  readonly number: number;
  readonly program: string;
  readonly call: string;
  readonly about: string;
}

/**
 * Whom a kill meets: all processes of the hook at once, or the one that makes the call, as strace's injection would, or
 * the whole machine: its power is cut, and what was not synced is lost.
 */
export type Victims = "all" | "one" | "power";

/** What the next run of one hook is put under; at 0 its calls are only counted. */
interface Arm {
  readonly hook: string;
  readonly at: number;
  readonly who: Victims;
}

/** A unit on a copy of a conductor, whose hooks can be counted and killed. */
export interface FaultSite extends Omit<Site, "options"> {
  /** From now on the named hook runs under the killer; `undefined`: no hook does. */
  arm(arm: Arm | undefined): void;
  /** The calls of the last hook that ran under it; the last one was not done if that is where it was killed. */
  calls(): readonly Call[];
  /** What Juju knows of the unit, by file. It is not the machine's, so that it outlives a crash of it. */
  agent(): Agent;
}

type Agent = ReadonlyMap<string, string>;

/** Boots a copy of what a snapshot holds. */
export async function startFaultSite(
  recipe: RecipeName,
  snapshot: Snapshot,
  options: {
    readonly disk?: string;
    readonly services?: "active" | "as they come";
    readonly agent?: Agent;
  } = {},
): Promise<FaultSite> {
  const { agent = new Map(), ...more } = options;
  const conductor = await startConductor({ recipe, over: [snapshot.folder], ...more });
  try {
    for (const [name, text] of agent) writeFileSync(join(conductor.root, name), text);
    return await siteOn(conductor, snapshot);
  } catch (error) {
    await conductor.down();
    throw error;
  }
}

async function siteOn(conductor: Conductor, snapshot: Snapshot): Promise<FaultSite> {
  await muteWatch(conductor);
  copyFileSync(join(import.meta.dirname, "kill-at.py"), join(conductor.root, killer));
  let armed: Arm | undefined;
  const machine: Machine = {
    root: conductor.root,
    exec: conductor.exec,
    spawn: (argv, options) => {
      if (armed === undefined || !argv.includes(`JUJU_HOOK_NAME=${armed.hook}`))
        return conductor.spawn(argv, options);
      return conductor.spawn(under(armed, argv), options);
    },
  };
  const unit = await findUnit(machine, { charm: charmFile(), name: snapshot.unit });
  return {
    conductor,
    unit,
    secret: snapshot.secret,
    arm: (next) => {
      armed = next;
    },
    calls: () => readCalls(join(conductor.root, log)),
    agent: () => {
      const names = ["state.json", "calls.jsonl"].map((name) => join(agentFolder, name));
      return new Map(names.map((name) => [name, readFileSync(join(conductor.root, name), "utf8")]));
    },
    down: () => conductor.down(),
  };
}

/** With one thread for its files, Node does them in the order in which it was told. */
function under({ at, who }: Arm, argv: readonly string[]): readonly string[] {
  const traced = argv.toSpliced(-1, 0, "UV_THREADPOOL_SIZE=1");
  return ["python3", killer, log, String(at), who === "one" ? "one" : "all", ...traced];
}

function readCalls(file: string): readonly Call[] {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [number = "", , program = "", call = "", about = ""] = line.split("\t");
    return { number: Number(number), program, call, about };
  });
}
