import { existsSync, statfsSync } from "node:fs";
import { join } from "node:path";

const mount = "/sys/fs/cgroup";
const cgroup2Magic = 0x63677270;

/**
 * The cgroup hierarchies in which a container needs a group of its own: the one of pure cgroup v2, or
 * systemd's named one and, on a hybrid machine, the v2 one beside it. In a shared group systemd of one
 * container would take the services of another one for its own. Empty when neither is mounted.
 */
export function cgroupHierarchies(): string[] {
  if (!existsSync(mount)) return [];
  if (statfsSync(mount).type === cgroup2Magic) return [mount];
  return ["systemd", "unified"]
    .map((name) => join(mount, name))
    .filter((path) => existsSync(join(path, "cgroup.procs")));
}
