import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync, readlinkSync } from "node:fs";
import { Socket } from "node:net";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

/** Where the management cluster's files are, on a filesystem in memory that its namespaces alone see. */
const folder = "/run/management";

/** The first process of the namespaces: what it started ends with it, and it ends with its standard input. */
const first = `
  mount -t tmpfs -o mode=0755 none /run
  mkdir -m 0700 ${folder}
  ip link set lo up
  ip address add "$1/32" dev lo
  echo 0 >/proc/sys/net/ipv4/ip_forward
  echo ready
  while read -r _; do :; done`;

const boxed = [
  ...["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"],
  ...["--mount-proc", "sh", "-euc", first, "sh"],
];

/** Ends its standard output when the lock is free, which is when the container is over that holds it. */
const untilFree = 'lock=$1; shift; { exec 9<"$lock" && flock --shared 9; } | exec "$@"';

/** Namespaces of a management cluster: network, processes, mounts. */
export interface Namespace {
  /** Pid of its first process on this machine. */
  readonly leader: number;
  /** Its folder as this machine sees it. */
  readonly folder: string;
}

/** The namespaces by their first process. */
export function namespaceOf(leader: number): Namespace {
  return { leader, folder: `/proc/${leader}/root${folder}` };
}

/** The path that processes in the namespaces know a file of its folder by. */
export function pathInside(name: string): string {
  return `${folder}/${name}`;
}

/**
 * Makes the namespaces, with `address` on the loopback. They live until `end`, or until this process ends, however it
 * ends; with `lock`, until no one holds that file locked. Nothing stays of them.
 */
export async function startNamespace(
  address: string,
  lock: string | undefined,
): Promise<Namespace & { end(): Promise<void> }> {
  const argv = [...boxed, address];
  const [program = "", ...rest] = lock === undefined ? argv : ["sh", "-euc", untilFree, "sh", lock, ...argv];
  const stdin = lock === undefined ? "pipe" : "ignore";
  const owner = spawn(program, rest, { detached: true, stdio: [stdin, "pipe", "pipe"] });
  const over = new Promise<void>((resolve) => owner.once("exit", () => resolve()));
  await ready(owner);
  for (const stream of [owner.stdin, owner.stdout, owner.stderr])
    if (stream instanceof Socket) stream.unref();
  owner.unref();
  const namespace = namespaceOf(leaderBelow(owner.pid ?? 0));
  const end = async (): Promise<void> => {
    owner.ref();
    process.kill(-(owner.pid ?? 0), "SIGKILL");
    await over;
  };
  return { ...namespace, end };
}

async function ready(owner: ChildProcess): Promise<void> {
  const { stdout, stderr } = owner;
  if (stdout === null || stderr === null) throw new Error("no pipe");
  let said = "";
  stderr.on("data", (chunk) => {
    said += String(chunk);
  });
  const failed = once(owner, "exit").then(() => undefined);
  const line = await Promise.race([once(stdout, "data"), failed, sleep(30_000, undefined, { ref: false })]);
  if (line !== undefined) return;
  owner.kill("SIGKILL");
  throw new Error(`the namespaces of a management cluster could not be made: ${said}`);
}

/** The process of another pid namespace that is the first one there. */
function leaderBelow(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  for (const child of children.filter((it) => it !== "").map(Number)) {
    const seen = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${child}/status`, "utf8"))?.[1]?.split(/\s+/);
    if ((seen?.length ?? 0) > 1 && seen?.at(-1) === "1") return child;
    const below = leaderBelow(child);
    if (below !== 0) return below;
  }
  return 0;
}

/** Starts a program in the namespaces that lives as long as they do; it writes into `NAME.log` of their folder. */
export function startIn({ leader }: Namespace, name: string, argv: readonly string[]): void {
  // nsenter stops with the program that it waits for, and nobody would go on with it: it is not to wait.
  const log = `"$@" </dev/null >>${folder}/${name}.log 2>&1 &`;
  const rest = [
    "--target",
    String(leader),
    "--net",
    "--mount",
    "--pid",
    "--",
    "sh",
    "-euc",
    log,
    "sh",
    ...argv,
  ];
  const { PATH = "" } = process.env;
  spawn("nsenter", rest, { detached: true, stdio: "ignore", env: { PATH } }).unref();
}

/** Runs a program in the network of the namespaces alone, to its end. Throws when it fails. */
export async function runInNetwork({ leader }: Namespace, argv: readonly string[]): Promise<string> {
  const rest = ["--target", String(leader), "--net", "--", ...argv];
  const child = execa("nsenter", rest, { stdin: "ignore", reject: false, timeout: 30_000 });
  const { failed, shortMessage, stderr, stdout } = await child;
  if (failed) throw new Error(`${shortMessage}\n${stderr}`);
  return stdout;
}

/** Pids on this machine of a program's processes in the namespaces. */
export function processesIn({ leader }: Namespace, program: string): number[] {
  const own = linkOf(`/proc/${leader}/ns/pid`);
  return globSync("/proc/[0-9]*")
    .filter(
      (path) => own !== "" && linkOf(`${path}/ns/pid`) === own && basename(linkOf(`${path}/exe`)) === program,
    )
    .map((path) => Number(basename(path)));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // the process ended meanwhile
  }
}

/** The last lines of a program's log. */
export function endOfLog({ folder: path }: Namespace, name: string): string {
  try {
    return readFileSync(`${path}/${name}.log`, "utf8").split("\n").slice(-20).join("\n");
  } catch {
    return "";
  }
}
