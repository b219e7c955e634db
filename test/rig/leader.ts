import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Host pid of pid 1 of the container in a cgroup; undefined while there is none. */
export function leaderIn(cgroup: string): number | undefined {
  const depth = pidsSeenOf("self").length;
  return processesIn(cgroup).find((pid) => {
    const seen = pidsSeenOf(pid);
    return seen.length === depth + 2 && seen.at(-1) === "1";
  });
}

/** Host pids of all processes in a cgroup and the groups below it. */
export function processesIn(cgroup: string): number[] {
  try {
    const own = readFileSync(join(cgroup, "cgroup.procs"), "utf8")
      .split("\n")
      .filter((line) => line !== "");
    const folders = readdirSync(cgroup, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...own.map(Number), ...folders.flatMap((entry) => processesIn(join(cgroup, entry.name)))];
  } catch {
    return []; // the group went away meanwhile
  }
}

/** The pid of a process in each pid namespace from ours inwards. */
function pidsSeenOf(pid: number | "self"): string[] {
  try {
    return /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]?.split(/\s+/) ?? [];
  } catch {
    return [];
  }
}
