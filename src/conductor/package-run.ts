import { type Host, readText } from "../host/host.ts";
import { paths } from "./paths.ts";

const dpkgLocks = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock"];

/** A process may end while it is looked at, which the kernel tells in many ways: then there is nothing to see. */
async function seen<T>(look: Promise<T | undefined>): Promise<T | undefined> {
  return await look.catch(() => undefined);
}

/** Processes that hold a lock of any kind, by the kernel's list; `undefined` where it can't be read. */
async function lockHolders(host: Host): Promise<readonly string[] | undefined> {
  const text = await seen(readText(host.fs, "/proc/locks"));
  // A line with an arrow is of one that waits.
  const pids = text?.split("\n").map((line) => /^\d+: (?!->)\S+ +\S+ +\S+ +(\d+) /.exec(line)?.[1] ?? "");
  return pids === undefined ? undefined : [...new Set(pids)].filter((pid) => pid !== "");
}

/** Whether a process has one of these files open. By name: on an overlay the kernel's list has other inodes than stat. */
async function hasOpen(host: Host, pid: string, files: readonly string[]): Promise<boolean> {
  const fds = (await seen(host.fs.list(`/proc/${pid}/fd`))) ?? [];
  const targets = await Promise.all(fds.map((fd) => seen(host.fs.readLink(`/proc/${pid}/fd/${fd}`))));
  return targets.some((target) => target !== undefined && files.includes(target));
}

const installers = /^(dpkg|pip[\d.]*)$/;
const frontends = /^(apt|apt-get|aptitude|unattended-upgr)$/;

/** Whether a process changes packages. Ubuntu's unattended-upgrade-shutdown waits for ever, and changes none. */
async function isPackageTool(host: Host, pid: string, names: readonly RegExp[]): Promise<boolean> {
  const command = (await seen(readText(host.fs, `/proc/${pid}/comm`)))?.trim() ?? "";
  if (!names.some((name) => name.test(command)) && !command.startsWith("python")) return false;
  const words = (await seen(readText(host.fs, `/proc/${pid}/cmdline`)))?.split("\0") ?? [];
  if (command.startsWith("python")) return words[1] === "-m" && words[2] === "pip";
  return !words.some((word) => word.includes("unattended-upgrade-shutdown"));
}

async function packageToolRuns(host: Host, names: readonly RegExp[]): Promise<boolean> {
  const pids = ((await host.fs.list("/proc")) ?? []).filter((name) => /^\d+$/.test(name));
  return (await Promise.all(pids.map((pid) => isPackageTool(host, pid, names)))).includes(true);
}

/** Whether dpkg, apt or pip is at work, or another run of this program. Reads only. */
async function isBusy(host: Host): Promise<boolean> {
  const holders = await lockHolders(host);
  const files = [...dpkgLocks, paths.lock];
  const held = await Promise.all((holders ?? []).map((pid) => hasOpen(host, pid, files)));
  // Without the kernel's list the frontends are known by name only, also where they merely read.
  const names = holders === undefined ? [installers, frontends] : [installers];
  return held.includes(true) || (await packageToolRuns(host, names));
}

const pollMs = 500;
const settleMs = 300;
const limitMs = 600_000;

/** Waits, at most 10 minutes, until nothing is at work on packages or on the graft; whether it is so. */
export async function waitForRest(host: Host): Promise<boolean> {
  for (let waited = 0; waited < limitMs; waited += pollMs) {
    if (!(await isBusy(host))) {
      if (waited > 0) await host.sleep(settleMs);
      return true;
    }
    await host.sleep(pollMs);
  }
  return false;
}
