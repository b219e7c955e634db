import { globSync, statSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { provisionArtifacts } from "./artifacts.ts";
import { sweepClones } from "./clones.ts";
import { provisionBinaries } from "./management/binaries.ts";
import type { OwnManagement } from "./management/server.ts";
import { shareManagement } from "./management/shared.ts";
import { missingParts } from "./prerequisites.ts";
import { progressOf } from "./progress.ts";
import { provisionRoot } from "./provision.ts";
import { recipes } from "./recipe.ts";

const tree = join(import.meta.dirname, "../..");

let management: OwnManagement | undefined;

/**
 * Before the rig's tests: fills the cache, packs the charm if it is older than its sources, sweeps what killed runs
 * left, starts the management cluster that they share.
 */
export async function setup(): Promise<void> {
  const missing = missingParts();
  if (missing.length > 0) {
    process.stderr.write(`rig: its tests can't run here, this machine lacks ${missing.join("; ")}\n`);
    return;
  }
  await sweepClones();
  const roots = Object.values(recipes).map(({ name }) => provisionRoot(name));
  await Promise.all([...roots, provisionArtifacts(), provisionBinaries(), packCharm()]);
  management = await shareManagement();
}

/** After them: nothing may be left, whatever the tests did. */
export async function teardown(): Promise<void> {
  await management?.down();
  if (missingParts().length === 0) await sweepClones();
}

async function packCharm(): Promise<void> {
  const charms = newest(["dist/*.charm"]);
  const sources = newest([
    "{src,hooks,actions,templates,build}/**/*",
    "{package,metadata,config,actions,charmcraft,icon}.*",
  ]);
  if (charms > sources) return;
  const progress = progressOf("build");
  progress("packing the charm");
  const { failed, all } = await execa("node", ["build/build.ts"], {
    all: true,
    cwd: tree,
    preferLocal: true,
    reject: false,
    stdin: "ignore",
    timeout: 600_000,
  });
  if (failed) throw new Error(`node build/build.ts failed:\n${all}`);
  progress("done");
}

/** The latest modification, in ms since 1970, of the files that match; 0 without one. */
function newest(patterns: readonly string[]): number {
  const files = globSync(patterns, { cwd: tree, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(0, ...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}
