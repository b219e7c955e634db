import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { execaSync } from "execa";
import { cgroupHierarchies } from "./cgroups.ts";

/** Programs that the rig runs, and the Debian package that has each. */
const programs: readonly (readonly [program: string, debianPackage: string])[] = [
  ["systemd-nspawn", "systemd-container"],
  ["debootstrap", "debootstrap"],
  ["unshare", "util-linux"],
  ["nsenter", "util-linux"],
  ["setpriv", "util-linux"],
  ["flock", "util-linux"],
  ["mount", "mount"],
  ["find", "findutils"],
  ["tar", "tar"],
  ["gzip", "gzip"],
  ["etcd", "etcd-server"],
  ["openssl", "openssl"],
  ["ip", "iproute2"],
];

const keyring = "/usr/share/keyrings/debian-archive-keyring";

let known: readonly string[] | undefined;

/** One line for each thing that the rig needs and this machine lacks, with what to do about it. */
export function missingParts(): readonly string[] {
  known ??= process.platform === "linux" ? missingOnLinux() : ["Linux: this machine runs another system"];
  return known;
}

function missingOnLinux(): string[] {
  const missing: string[] = [];
  if (process.geteuid?.() !== 0) missing.push("root: run it as root, containers are booted");
  for (const [program, debianPackage] of programs) {
    if (!isOnPath(program)) missing.push(`${program}: apt-get install ${debianPackage}`);
  }
  if (!["gpg", "pgp"].some((end) => isAllowed(`${keyring}.${end}`, constants.R_OK))) {
    missing.push("the keys of Debian's archive: apt-get install debian-archive-keyring");
  }
  if (!pipIsThere()) missing.push("pip of python3: apt-get install python3-pip");
  if (!goIsNewEnough())
    missing.push("go 1.21 or newer: apt-get install golang-go (on Debian 12 from backports)");
  return missing.length > 0 ? missing : missingRights();
}

function isOnPath(program: string): boolean {
  const { PATH = "" } = process.env;
  return PATH.split(delimiter).some((folder) => isAllowed(join(folder, program), constants.X_OK));
}

function pipIsThere(): boolean {
  return works("python3", [
    "-c",
    "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)",
  ]);
}

/** Go 1.21 is the first that fetches the newer toolchain that helm's module asks for. */
function goIsNewEnough(): boolean {
  const { stdout, failed } = execaSync("go", ["env", "GOVERSION"], {
    reject: false,
    timeout: 30_000,
    cwd: "/",
  });
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(failed ? "" : stdout) ?? [];
  return Number(major) > 1 || Number(minor) >= 21;
}

/** Root in an unprivileged container has the programs, but not what they need. */
function missingRights(): string[] {
  const missing: string[] = [];
  if (!works("unshare", ["--mount", "--pid", "--fork", "--mount-proc", "true"])) {
    missing.push(
      "the right to make namespaces and to mount: run it on a machine or in a privileged container",
    );
  }
  if (!works("unshare", ["--net", "ip", "link", "add", "near", "type", "veth", "peer", "name", "far"]))
    missing.push("pairs of network interfaces: the kernel's module veth");
  const hierarchies = cgroupHierarchies();
  if (hierarchies.length === 0) missing.push("cgroups: nothing usable is mounted on /sys/fs/cgroup");
  if (!hierarchies.every((folder) => isAllowed(folder, constants.W_OK))) {
    missing.push("a writable /sys/fs/cgroup: run it on a machine or in a privileged container");
  }
  return missing;
}

function works(program: string, argv: readonly string[]): boolean {
  return !execaSync(program, argv, { reject: false, stdio: "ignore", timeout: 30_000 }).failed;
}

function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
