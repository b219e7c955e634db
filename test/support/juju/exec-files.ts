import { join } from "node:path";
import { agentFolder } from "./connection.ts";

/** The files of one call of `juju-exec`, through which the command and the agent talk. */
export interface ExecFiles {
  readonly commands: string;
  readonly stdout: string;
  readonly stderr: string;
  /** Written last: how it ended. */
  readonly end: string;
}

/** How the commands of a call ended. */
export interface ExecEnd {
  readonly code: number;
  /** What `juju-exec` says instead of an exit code, as when a signal ended the shell. */
  readonly error?: string;
}

/** The files of a call in its folder. */
export function execFiles(folder: string): ExecFiles {
  return {
    commands: join(folder, "commands"),
    stdout: join(folder, "stdout"),
    stderr: join(folder, "stderr"),
    end: join(folder, "end.json"),
  };
}

/**
 * Where the agent of a unit listens for `juju-exec`. It is a plain file here: while it is there the agent answers.
 * Its name, and that a stopped agent takes it away, are from Juju's source.
 */
export function runSocket(jujuDir: string, unit: string): string {
  return join(jujuDir, "agents", agentFolder(unit), "run.socket");
}
