import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { processesIn } from "./leader.ts";

export interface ExecOptions {
  /** The environment; PATH is there without it. */
  env?: Record<string, string>;
  /** Bytes or UTF-8 text on standard input; without it standard input is empty. */
  input?: string | Uint8Array;
  /** Kills the program and what it started when it runs longer; default 120 s. */
  timeoutMs?: number;
  /** Working directory inside; default `/`. */
  cwd?: string;
  /** Name of the user inside that runs it; default root. */
  user?: string;
}

export interface ExecResult {
  /** Exit code, or 128 + n for signal n. */
  code: number;
  stdout: string;
  stderr: string;
}

/** A program that runs in a container. */
export interface Running {
  /** Its pid on this machine. */
  readonly pid: number;
  /** Sends a signal to the program itself, not to what it started. */
  kill(signal: NodeJS.Signals): void;
  readonly done: Promise<ExecResult>;
}

/** Where to enter: pid 1 of a container as this machine sees it, and the container's cgroups. */
export interface Inside {
  readonly leader: number;
  readonly cgroups: readonly string[];
}

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const { PATH: hostPath = path } = process.env;

let count = 0;

/** Starts a program in all namespaces of a container and in a cgroup of its own below the container's. */
export function enter(inside: Inside, argv: readonly string[], options: ExecOptions = {}): Running {
  const { timeoutMs = 120_000, input } = options;
  const groups = newGroups(inside);
  const child = execa("sh", joining(groups, commandLine(inside, argv, options)), {
    reject: false,
    stripFinalNewline: false,
    extendEnv: false,
    env: { PATH: hostPath },
    ...(input === undefined ? { stdin: "ignore" } : { input }),
  });
  const programPid = (): number => onlyChildOf(child.pid ?? 0) ?? child.pid ?? 0;
  const done = async (): Promise<ExecResult> => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      killAll(groups);
    }, timeoutMs);
    const { exitCode, signal, stdout, stderr, originalMessage } = await child;
    clearTimeout(timer);
    removeIfEmpty(groups);
    if (late) throw new Error(`${argv.join(" ")} ran longer than ${timeoutMs / 1000} s:\n${stdout}${stderr}`);
    if (exitCode === undefined && signal === undefined) throw new Error(originalMessage ?? "not started");
    return { code: exitCode ?? codeOf(signal), stdout, stderr };
  };
  return {
    get pid() {
      return programPid();
    },
    kill: (signal) => void process.kill(programPid(), signal),
    done: done(),
  };
}

/** Runs a program in a container on this process's own standard streams, without a time limit; returns its exit code. */
export async function enterHere(
  inside: Inside,
  argv: readonly string[],
  options: ExecOptions,
): Promise<number> {
  const groups = newGroups(inside);
  // Of a terminal's signals the program gets its own; the others end it with us.
  for (const signal of ["SIGINT", "SIGQUIT"] as const) process.on(signal, () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => killAll(groups));
  const argvOfSh = joining(groups, commandLine(inside, argv, options));
  const { exitCode, signal } = await execa("sh", argvOfSh, { reject: false, stdio: "inherit" });
  removeIfEmpty(groups);
  return exitCode ?? codeOf(signal);
}

function newGroups(inside: Inside): string[] {
  count += 1;
  const groups = inside.cgroups.map((cgroup) => join(cgroup, "payload", `exec-${process.pid}-${count}`));
  for (const group of groups) mkdirSync(group, { recursive: true });
  return groups;
}

function codeOf(signal: NodeJS.Signals | undefined): number {
  return 128 + (signal === undefined ? 0 : constants.signals[signal]);
}

/** The command that enters a container. */
function commandLine(inside: Inside, argv: readonly string[], options: ExecOptions): string[] {
  const environment = Object.entries({ PATH: path, ...options.env }).map(
    ([name, value]) => `${name}=${value}`,
  );
  return [
    ...["nsenter", "--target", String(inside.leader), "--all", "--"],
    ...["env", "--ignore-environment", `--chdir=${options.cwd ?? "/"}`, ...environment],
    ...(options.user === undefined ? [] : asUser(inside.leader, options.user)),
    ...argv,
  ];
}

/** Arguments of sh that join cgroups and then become a command. */
function joining(groups: readonly string[], command: readonly string[]): string[] {
  const script = 'for group in $1; do echo $$ >"$group/cgroup.procs"; done; shift; exec "$@"';
  return ["-euc", script, "sh", groups.join(" "), ...command];
}

/** setpriv, unlike runuser, becomes the program: a signal reaches it. */
function asUser(leader: number, user: string): string[] {
  const lines = readFileSync(`/proc/${leader}/root/etc/passwd`, "utf8").split("\n");
  const [, , uid, gid] = lines.find((line) => line.startsWith(`${user}:`))?.split(":") ?? [];
  if (uid === undefined) throw new Error(`there is no user ${user} in the container`);
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--"];
}

/** nsenter forks to get into a pid namespace; its child is the program. */
function onlyChildOf(pid: number): number | undefined {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return child === undefined || child === "" ? undefined : Number(child);
  } catch {
    return undefined;
  }
}

function killAll(groups: readonly string[]): void {
  for (const pid of groups.flatMap(processesIn)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // ended meanwhile
    }
  }
}

function removeIfEmpty(groups: readonly string[]): void {
  for (const group of groups) {
    try {
      rmdirSync(group);
    } catch {
      // what the program left running lives on until the container is over
    }
  }
}
