import { accessSync, constants } from "node:fs";
import { execaSync } from "execa";
import { cgroupHierarchies } from "./cgroups.ts";

/** Programs that the rig runs, the argument that shows that they work, and the Debian package that has them. */
const programs: readonly (readonly [program: string, argv: readonly string[], debianPackage: string])[] = [
  ["systemd-nspawn", ["--version"], "systemd-container"],
  ["debootstrap", ["--version"], "debootstrap"],
  ["python3", ["-m", "pip", "--version"], "python3-pip"],
  ["unshare", ["--version"], "util-linux"],
  ["nsenter", ["--version"], "util-linux"],
  ["setpriv", ["--version"], "util-linux"],
  ["flock", ["--version"], "util-linux"],
  ["mount", ["--version"], "mount"],
  ["find", ["--version"], "findutils"],
  ["tar", ["--version"], "tar"],
  ["gzip", ["--version"], "gzip"],
];

let known: readonly string[] | undefined;

/** One line for each thing that the rig needs and this machine lacks, with what to do about it. */
export function missingParts(): readonly string[] {
  known ??= process.platform === "linux" ? missingOnLinux() : ["Linux: this machine runs another system"];
  return known;
}

function missingOnLinux(): string[] {
  const missing: string[] = [];
  if (process.geteuid?.() !== 0) missing.push("root: run it as root, containers are booted");
  for (const [program, argv, debianPackage] of programs) {
    if (!works(program, argv))
      missing.push(
        `${[program, ...argv].join(" ").replace(/ --version$/, "")}: apt-get install ${debianPackage}`,
      );
  }
  if (!goIsNewEnough())
    missing.push("go 1.21 or newer: apt-get install golang-go (on Debian 12 from backports)");
  return missing.length > 0 ? missing : missingRights();
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
  const hierarchies = cgroupHierarchies();
  if (hierarchies.length === 0) missing.push("cgroups: nothing usable is mounted on /sys/fs/cgroup");
  if (!hierarchies.every(isWritable))
    missing.push("a writable /sys/fs/cgroup: run it in a privileged container");
  return missing;
}

function works(program: string, argv: readonly string[]): boolean {
  return !execaSync(program, argv, { reject: false, stdio: "ignore", timeout: 30_000 }).failed;
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
