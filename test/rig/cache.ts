import { homedir } from "node:os";
import { join } from "node:path";

/**
 * The folder of everything that the rig keeps between runs: roots, artifacts, locks and the clones of running
 * conductors. Throws for a path that an overlay mount does not take.
 */
export function rigCache(): string {
  const { XDG_CACHE_HOME: cache } = process.env;
  const folder = join(cache?.startsWith("/") ? cache : join(homedir(), ".cache"), "magnum-capi-helm", "rig");
  if (/[:,\\\s]/.test(folder)) {
    throw new Error(`${folder} can't be mounted: set XDG_CACHE_HOME to a path without : , \\ and spaces`);
  }
  return folder;
}
