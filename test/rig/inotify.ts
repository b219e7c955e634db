import { readFileSync, writeFileSync } from "node:fs";

const limit = "/proc/sys/fs/inotify/max_user_instances";
const enough = 1024;

/**
 * Lets the containers' root, which is this machine's, have an inotify instance for each watched path of each of them:
 * the usual 128 are used up by eight conductors, and a path unit then fails with "Job failed". Holds until a reboot.
 */
export function allowManyWatches(): void {
  if (Number(readFileSync(limit, "utf8")) >= enough) return;
  writeFileSync(limit, String(enough));
  process.stderr.write(`rig: raised fs.inotify.max_user_instances to ${enough}\n`);
}
