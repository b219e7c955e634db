import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { rigCache } from "../cache.ts";
import { cloneOf } from "../clones.ts";
import type { Site } from "../site.ts";

/** All that a unit had on its conductor at one moment, for many conductors to start from. */
export interface Snapshot {
  /** A lower folder for the overlay of a container. */
  readonly folder: string;
  /** Address of the secret that holds the kubeconfig. */
  readonly secret: string;
  /** Name of the unit. */
  readonly unit: string;
}

const folder = (): string => join(rigCache(), "snapshots");

/** Where the snapshots of this process go; `remove` takes them all away. What killed processes left is swept first. */
export function snapshotFolder(): { readonly path: string; remove(): void } {
  mkdirSync(folder(), { recursive: true });
  for (const name of readdirSync(folder())) {
    if (!isAlive(Number(name.split("-")[0]))) rmSync(join(folder(), name), { recursive: true, force: true });
  }
  const path = mkdtempSync(join(folder(), `${process.pid}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Copies what a site has written since its conductor was pristine. The site may go on. */
export async function takeSnapshot(site: Site, into: string, name: string): Promise<Snapshot> {
  const target = join(into, name);
  const { folder: clone } = cloneOf(site.conductor.name);
  await execa("cp", ["--archive", join(clone, "upper"), target], { stdin: "ignore", timeout: 120_000 });
  return { folder: target, secret: site.secret, unit: site.unit.name };
}
