import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { ExecOptions, Finished, Machine, Running } from "./machine.ts";

/** How long output is awaited from children that outlive a command, in ms: as long as Juju waits. */
const outputGraceMs = 100;

/**
 * This host as a unit's machine. A command has a process group of its own; at its time limit (10 minutes
 * unless told) the group is killed and the promise fails.
 */
export function localMachine(): Machine {
  return { root: "/", spawn: start, exec: (argv, options) => start(argv, options).done };
}

function start(argv: readonly string[], options: ExecOptions = {}): Running {
  const [command = "", ...args] = argv;
  const child = spawn(command, args, {
    cwd: options.cwd ?? "/",
    env: { ...process.env, ...options.env },
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    detached: true,
  });
  child.stdin?.end(options.input);
  const pid = child.pid ?? 0;
  return {
    pid,
    kill: (signal) => void child.kill(signal),
    done: finish(child, argv, options.timeoutMs ?? 600_000),
  };
}

async function finish(child: ChildProcess, argv: readonly string[], timeoutMs: number): Promise<Finished> {
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    killGroup(child);
  }, timeoutMs);
  try {
    const code = await exitCode(child);
    if (late)
      throw new Error(
        `${argv.join(" ")} ran longer than ${timeoutMs} ms and was killed: see what it waits for`,
      );
    return { code, stdout: await stdout(), stderr: await stderr() };
  } finally {
    clearTimeout(limit);
  }
}

function exitCode(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
  });
}

/** Reads a stream to its end, but no longer than the grace once asked for its text. */
function collect(stream: ChildProcess["stdout"]): () => Promise<string> {
  const chunks: Buffer[] = [];
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve) => stream?.once("close", resolve));
  return async () => {
    const grace = setTimeout(() => stream?.destroy(), outputGraceMs);
    await ended;
    clearTimeout(grace);
    return Buffer.concat(chunks).toString();
  };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
