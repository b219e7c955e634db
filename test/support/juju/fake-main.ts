import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { recordCall } from "./call-record.ts";
import { runCommands } from "./exec-agent.ts";
import { jujuExec } from "./exec-client.ts";
import { type Call, type Outcome, runCommand } from "./run-command.ts";
import { changeState, readState } from "./state-file.ts";
import { controllerFiles } from "./unit-resources.ts";

/**
 * Runs as `node fake-juju.cjs FOLDER COMMAND ARGS...`; FOLDER holds the state and the record of calls. COMMAND is a
 * hook command, `juju-exec`, or `run-commands`, the agent's side of `juju-exec`.
 */
async function main([folder = "", name = "", ...argv]: readonly string[]): Promise<void> {
  if (name === "juju-exec") return await execMain(folder, argv);
  if (name === "run-commands") return await runCommands(folder, argv[0] ?? "");
  hookCommandMain(folder, name, argv);
}

async function execMain(folder: string, argv: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await jujuExec(folder, argv);
  const ms = Math.round(process.uptime() * 1000);
  const [out, err] = [stdout, stderr].map((bytes) => Buffer.from(bytes).toString());
  const call = { command: "juju-exec", argv, hook: "", code, stdout: out ?? "", stderr: err ?? "", ms };
  recordCall(join(folder, "calls.jsonl"), call);
  writeAll(1, stdout);
  writeAll(2, stderr);
  process.exitCode = code;
}

function hookCommandMain(folder: string, name: string, argv: readonly string[]): void {
  const { JUJU_HOOK_NAME, JUJU_DISPATCH_PATH } = process.env;
  const call: Call = { name, argv, env: process.env, cwd: process.cwd() };
  const outcome = writeOutput(fetched(folder, answer(join(folder, "state.json"), call)));
  recordCall(join(folder, "calls.jsonl"), {
    command: name,
    argv,
    hook: JUJU_HOOK_NAME || (JUJU_DISPATCH_PATH ?? ""),
    code: outcome.code,
    stdout: outcome.stdout,
    stderr: outcome.stderr,
    ms: Math.round(process.uptime() * 1000),
  });
  writeAll(1, outcome.stdout);
  writeAll(2, outcome.stderr);
  process.exitCode = outcome.code;
}

/** Most calls only read: the lock is taken only by those that change something, which then look again. */
function answer(file: string, call: Call): Outcome {
  const files = { exists: existsSync };
  const first = runCommand(call, readState(file), files);
  return first.changes === undefined ? first : changeState(file, (state) => runCommand(call, state, files));
}

/** Fetches the file of a resource as the agent does: only where the bytes are others than those that are there. */
function fetched(folder: string, outcome: Outcome): Outcome {
  if (outcome.fetch === undefined) return outcome;
  const { resource, to } = outcome.fetch;
  const bytes = readFileSync(join(folder, controllerFiles, resource));
  if (existsSync(to) && readFileSync(to).equals(bytes)) return outcome;
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(`${to}.part`, bytes, { mode: 0o600 });
  renameSync(`${to}.part`, to);
  return outcome;
}

function writeOutput(outcome: Outcome): Outcome {
  if (outcome.file === undefined) return outcome;
  try {
    writeFileSync(outcome.file.path, outcome.file.text);
    return outcome;
  } catch (error) {
    const reason = (error as Error).message.replace(/^\w+: (.*), open '.*'$/, "$1");
    return { code: 1, stdout: "", stderr: `ERROR open ${outcome.file.path}: ${reason}\n` };
  }
}

/** Writes to a pipe that may be full for a moment. A reader that is gone is no failure of the command. */
function writeAll(descriptor: number, text: string | Uint8Array): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

void main(process.argv.slice(2));
