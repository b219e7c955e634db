import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ExecEnd, type ExecFiles, execFiles } from "./exec-files.ts";
import { execContext, execEnvironment } from "./hook-environment.ts";
import { underMachineLock } from "./machine-lock.ts";
import { changeState, readState } from "./state-file.ts";
import { type UnitPaths, unitPaths } from "./unit-paths.ts";

/** Neither waiting for the lock nor running may take longer, in ms: Juju itself sets no limit. */
const limitMs = 600_000;

/**
 * What the agent does for one call of `juju-exec`: takes the machine lock, runs the commands in the charm's folder and
 * in a context of their own, and leaves what they printed and how they ended in the call's folder. What they print is
 * not logged.
 */
export async function runCommands(fake: string, folder: string): Promise<void> {
  const state = join(fake, "state.json");
  const { unit } = readState(state);
  const paths = unitPaths("", dirname(fake), unit);
  const lock = { lock: paths.machineLock, log: paths.machineLockLog };
  const files = execFiles(folder);
  await underMachineLock(lock, { unit, comment: "run commands" }, limitMs, async () => {
    const before = readState(state);
    const context = execContext(before);
    changeState(state, () => ({ changes: { context } }));
    try {
      const end = await runScript(paths, files, Object.fromEntries(execEnvironment(before, context, paths)));
      writeFileSync(`${files.end}.new`, JSON.stringify(end));
    } finally {
      changeState(state, () => ({ changes: { context: null } }));
    }
  });
  renameSync(`${files.end}.new`, files.end);
}

async function runScript(
  { charm }: UnitPaths,
  files: ExecFiles,
  env: Readonly<Record<string, string>>,
): Promise<ExecEnd> {
  const folder = mkdtempSync(join(tmpdir(), "juju-exec"));
  const script = join(folder, "script.sh");
  writeFileSync(script, readFileSync(files.commands), { mode: 0o600 });
  const [stdout, stderr] = [openSync(files.stdout, "w"), openSync(files.stderr, "w")];
  process.umask(0o022);
  try {
    return await new Promise<ExecEnd>((resolve, reject) => {
      const options = { cwd: charm, env, timeout: limitMs, killSignal: "SIGKILL" } as const;
      const child = spawn("/bin/bash", [script], { ...options, stdio: ["ignore", stdout, stderr] });
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        resolve(signal === null ? { code: code ?? 0 } : { code: 1, error: `signal: ${signalName(signal)}` });
      });
    });
  } finally {
    for (const descriptor of [stdout, stderr]) closeSync(descriptor);
    rmSync(folder, { recursive: true });
  }
}

function signalName(signal: NodeJS.Signals): string {
  const names: Partial<Record<NodeJS.Signals, string>> = { SIGTERM: "terminated", SIGKILL: "killed" };
  return names[signal] ?? signal;
}
