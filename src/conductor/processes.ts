import { type Host, HostFault, readText } from "../host/host.ts";

/** A file of /proc; `undefined` when the process has ended, also when it ends during the read (ESRCH). */
export async function readProcess(host: Host, path: string): Promise<string | undefined> {
  try {
    return await readText(host.fs, path);
  } catch (error) {
    if (error instanceof HostFault) return undefined;
    throw error;
  }
}

/** The command line of a process; no words when it has ended. */
export async function wordsOf(host: Host, pid: number): Promise<readonly string[]> {
  const text = (await readProcess(host, `/proc/${pid}/cmdline`)) ?? "";
  return text === "" ? [] : text.replace(/\0$/, "").split("\0");
}

/** The program that a process runs; `undefined` when it has ended. */
export async function programOf(host: Host, pid: number): Promise<string | undefined> {
  try {
    return await host.fs.readLink(`/proc/${pid}/exe`);
  } catch (error) {
    if (error instanceof HostFault) return undefined;
    throw error;
  }
}

/** The children of a process's main thread: that is where daemons fork their workers. */
export async function childrenOf(host: Host, pid: number): Promise<readonly number[]> {
  const text = (await readProcess(host, `/proc/${pid}/task/${pid}/children`)) ?? "";
  return text.split(/\s+/).filter(Boolean).map(Number);
}

/** Where the kernel lists the processes of a control group: unified, hybrid or legacy hierarchy. */
function groupFiles(groups: string): readonly string[] {
  const unified = /^0::(\/.+)$/m.exec(groups)?.[1];
  const named = /^\d+:name=systemd:(\/.+)$/m.exec(groups)?.[1];
  const folders = [
    ...(unified === undefined ? [] : [unified, `/unified${unified}`]),
    ...(named === undefined ? [] : [`/systemd${named}`]),
  ];
  return folders.map((folder) => `/sys/fs/cgroup${folder}/cgroup.procs`);
}

/** The processes of a main process's control group; where that can't be had, its children, and theirs. */
export async function processesOf(host: Host, mainPid: number): Promise<readonly number[]> {
  for (const path of groupFiles((await readProcess(host, `/proc/${mainPid}/cgroup`)) ?? "")) {
    const pids = ((await readProcess(host, path)) ?? "").split("\n").filter(Boolean).map(Number);
    if (pids.includes(mainPid)) return pids;
  }
  return await treeOf(host, mainPid);
}

async function treeOf(host: Host, pid: number): Promise<readonly number[]> {
  const children = await childrenOf(host, pid);
  return [pid, ...(await Promise.all(children.map((child) => treeOf(host, child)))).flat()];
}

/** USER_HZ, the same on every architecture that Magnum is packaged for. */
const ticksPerSecond = 100;

/** When a process was started, in the kernel's ticks: field 22 of stat, counted behind the name in brackets. */
async function ticksOf(host: Host, pid: number): Promise<number> {
  const text = (await readProcess(host, `/proc/${pid}/stat`)) ?? "";
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? 0);
}

/** How many milliseconds after one process another was started: by the kernel's own clock, which nobody sets. */
export async function msBetween(host: Host, first: number, second: number): Promise<number> {
  const [from, to] = await Promise.all([ticksOf(host, first), ticksOf(host, second)]);
  return ((to - from) / ticksPerSecond) * 1_000;
}
