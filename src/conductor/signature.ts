import { readFileSync, statSync } from "node:fs";

/**
 * What a unit looked like at the end of the last run: enough to see, with stat calls alone, that nothing has changed
 * since. Part of the path that a hook with nothing to do takes, so it loads nothing but `node:fs`.
 */
export interface Signature {
  /** Whether the unit was in line then, with nothing to report. */
  readonly inLine: boolean;
  /** When it was taken, milliseconds since the epoch. */
  readonly takenAt: number;
  /** How many looks in a row found the unit not in line. */
  readonly attempts?: number;
  /** When to look again though nothing changed, milliseconds since the epoch. */
  readonly retryAt?: number;
  /** Set where what Juju asks for is not in force, a secret that can't be read for one: hooks try it, and set the status. */
  readonly blocked?: true;
  /**
   * Set where the peers' hooks concern this unit: `read` where it leads, or lacks something that its leader tells; `due`
   * where it waits for a turn, has one or, as the leader, has given one, so that every hook looks.
   */
  readonly peers?: "read" | "due";
  /** What `config-get --format=json` printed. */
  readonly config: string;
  /** URI of the secret that held the kubeconfig. */
  readonly secret: string;
  /** The model's proxies, as `toldProxies` has them; absent where it has none. The file is 0600 for their sake. */
  readonly proxies?: string;
  /** Path to its identity: inode, change time, size, mode and owner; or "absent". */
  readonly files: Readonly<Record<string, string>>;
  /** Process id to its start, in ticks since boot. */
  readonly processes: Readonly<Record<string, string>>;
}

function identity(path: string): string {
  try {
    const stat = statSync(path, { bigint: true });
    return `${stat.ino} ${stat.ctimeNs} ${stat.size} ${stat.mode} ${stat.uid} ${stat.gid}`;
  } catch {
    return "absent";
  }
}

function processStart(pid: string): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "absent";
  }
}

/** Takes the signature of these paths and processes as they are now. */
export function takeSignature(
  origin: Omit<Signature, "files" | "processes">,
  watched: { readonly files: readonly string[]; readonly processes: readonly number[] },
): Signature {
  return {
    ...origin,
    files: Object.fromEntries(watched.files.map((path) => [path, identity(path)])),
    processes: Object.fromEntries(watched.processes.map((pid) => [String(pid), processStart(String(pid))])),
  };
}

/** Whether every file and process is still what the signature says. */
export function signatureHolds(signature: Signature): boolean {
  return (
    Object.entries(signature.files).every(([path, was]) => identity(path) === was) &&
    Object.entries(signature.processes).every(([pid, was]) => processStart(pid) === was)
  );
}

/**
 * Whether a run has nothing to do: nothing has changed since the last look, and that one found the unit in line and is
 * not to be repeated yet. `now` in milliseconds since the epoch; a clock that was set back counts
 * as later.
 */
export function isQuiet(signature: Signature | undefined, now: number): boolean {
  if (signature === undefined) return false;
  const { inLine, takenAt, retryAt = inLine ? Number.POSITIVE_INFINITY : 0 } = signature;
  return now < retryAt && (inLine || now >= takenAt) && signatureHolds(signature);
}

/** A signature out of its text; `undefined` where that is none, or not whole. */
export function parseSignature(text: string): Signature | undefined {
  try {
    return JSON.parse(text) as Signature;
  } catch {
    return undefined;
  }
}

/** Reads a signature; `undefined` where there is none, or none that can be read. */
export function readSignature(path: string): Signature | undefined {
  try {
    return parseSignature(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
