import { homedir } from "node:os";
import { join } from "node:path";

/** The folder of everything that the rig keeps between runs: roots, artifacts, locks and the clones of running conductors. */
export function rigCache(): string {
  const { XDG_CACHE_HOME: cache } = process.env;
  return join(cache?.startsWith("/") ? cache : join(homedir(), ".cache"), "magnum-capi-helm", "rig");
}
