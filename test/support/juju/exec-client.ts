import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type ExecEnd, execFiles, runSocket } from "./exec-files.ts";
import { readExecOrder } from "./exec-order.ts";
import { UsageError } from "./gnu-flags.ts";
import { RunError } from "./hook-command.ts";
import { readState } from "./state-file.ts";
import { realJujuDir } from "./unit-paths.ts";

/** What `juju-exec` prints, and its exit code. */
export interface ExecOutcome {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/**
 * `juju-exec`: hands the commands to the unit's agent and prints what it answers once they have ended. As with Juju's
 * own, the commands go on when `juju-exec` is killed, in the agent's cgroup and not in the caller's.
 */
export async function jujuExec(fake: string, argv: readonly string[]): Promise<ExecOutcome> {
  try {
    const jujuDir = dirname(fake);
    const { juju } = readState(join(fake, "state.json"));
    const order = readExecOrder({ argv, env: process.env, juju, units: unitsOf(jujuDir) });
    if (order === "help") return outcome(0, "Usage: juju-exec [options] [-u] [<unit-name>] <commands>\n", "");
    requireAgent(runSocket(jujuDir, order.unit));
    return await ask(fake, order.commands);
  } catch (error) {
    if (error instanceof UsageError) return outcome(2, "", `ERROR ${error.message}\n`);
    if (error instanceof RunError) return outcome(1, "", `ERROR ${error.message}\n`);
    throw error;
  }
}

/** The text is from Juju's source. */
function requireAgent(socket: string): void {
  if (existsSync(socket)) return;
  throw new RunError(`dialing juju run socket: dial unix ${socket}: connect: no such file or directory`);
}

async function ask(fake: string, commands: string): Promise<ExecOutcome> {
  mkdirSync(join(fake, "exec"), { recursive: true });
  const folder = mkdtempSync(join(fake, "exec", "call-"));
  const files = execFiles(folder);
  writeFileSync(files.commands, commands);
  await agentSide(fake, folder);
  // The agent died with the commands: the text is that of Go's RPC client.
  if (!existsSync(files.end)) throw new RunError("unexpected EOF");
  const { code, error } = JSON.parse(readFileSync(files.end, "utf8")) as ExecEnd;
  const printed = { stdout: readFileSync(files.stdout), stderr: readFileSync(files.stderr) };
  rmSync(folder, { recursive: true });
  if (error !== undefined) throw new RunError(error);
  return { code, ...printed };
}

/** Starts what the agent does for a call, outside of the caller's cgroup where systemd can do that, and waits for its end. */
function agentSide(fake: string, folder: string): Promise<void> {
  const [node, program] = [process.execPath, process.argv[1] ?? ""];
  const own = [node, program, fake, "run-commands", folder];
  const bySystemd = dirname(fake) === realJujuDir && existsSync("/run/systemd/system");
  const wrap = ["systemd-run", "--quiet", "--collect", "--wait", "--description=fake Juju agent", "--"];
  const [command = "", ...args] = bySystemd ? [...wrap, ...own] : own;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { detached: true, stdio: ["ignore", "ignore", "inherit"] });
    child.once("error", reject);
    child.once("exit", () => resolve());
  });
}

function unitsOf(jujuDir: string): readonly string[] {
  const folder = join(jujuDir, "agents");
  if (!existsSync(folder)) return [];
  const units = readdirSync(folder).map((name) => /^unit-(.+)-(\d+)$/.exec(name));
  return units.flatMap((found) => (found === null ? [] : [`${found[1]}/${found[2]}`]));
}

function outcome(code: number, stdout: string, stderr: string): ExecOutcome {
  return { code, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr) };
}
