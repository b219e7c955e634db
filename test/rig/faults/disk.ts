import { closeSync, ftruncateSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa, execaSync } from "execa";
import { cloneOf, ownerOf } from "../clones.ts";
import type { Conductor } from "../conductor.ts";

const bytes = 2 * 1024 ** 3;

/** Makes the image of an empty filesystem at `path`. */
export async function makeDisk(path: string): Promise<void> {
  const image = openSync(path, "w");
  ftruncateSync(image, bytes);
  closeSync(image);
  await execa("mkfs.ext4", ["-q", path], { stdin: "ignore", timeout: 60_000 });
}

/** EXT4_IOC_SHUTDOWN without flushing its log (Linux, fs/ext4/ext4.h): as if the machine lost its power. */
const shutDown = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 2 << 30 | 4 << 16 | ord("X") << 8 | 125, struct.pack("I", 2))`;

/** From now on nothing reaches the disk of a conductor, and what was not synced is lost. Take it down then. */
export async function cutPower(conductor: Conductor): Promise<void> {
  const { folder, name } = cloneOf(conductor.name);
  const nspawn = firstChild(firstChild(ownerOf(name) ?? 0));
  const disk = `/proc/${nspawn}/root${join(folder, "disk")}`;
  await execa("python3", ["-c", shutDown, disk], { stdin: "ignore", timeout: 10_000 });
}

function firstChild(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
  return Number(child);
}

/** Why power can't be cut on this machine; `undefined` where it can. */
export function whyNoPowerCut(folder: string): string | undefined {
  const image = join(folder, `probe-${process.pid}.img`);
  const script = `truncate -s 16M "$1" && mkfs.ext4 -q "$1" && mkdir "$1.d" && mount -o loop "$1" "$1.d" && python3 -c "$2" "$1.d"`;
  const argv = ["--mount", "--propagation", "private", "sh", "-euc", script, "sh", image, shutDown];
  const { failed, stderr } = execaSync("unshare", argv, { reject: false, stdin: "ignore", timeout: 60_000 });
  rmSync(image, { force: true });
  rmSync(`${image}.d`, { force: true, recursive: true });
  return failed ? `no loop device with ext4 that can be shut down: ${stderr.trim()}` : undefined;
}
