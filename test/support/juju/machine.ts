/** What a command on a machine came to. A command that a signal ended has 128 and the signal's number as its code. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is to run. */
export interface ExecOptions {
  readonly env?: Record<string, string>;
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly cwd?: string;
}

/** A command that still runs. */
export interface Running {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  readonly done: Promise<Finished>;
}

/** The machine of a unit: a container of the rig, or this host. */
export interface Machine {
  /** The path on this host under which the machine's `/` can be read and written; "" or "/" for this host itself. */
  readonly root: string;
  exec(argv: readonly string[], options?: ExecOptions): Promise<Finished>;
  spawn(argv: readonly string[], options?: ExecOptions): Running;
}
