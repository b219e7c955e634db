import { readFileSync, statSync } from "node:fs";

/**
 * What a unit looked like when it was last found in line: enough to see, with stat calls alone, that nothing has
 * changed since. Part of the path that a hook with nothing to do takes, so it loads nothing but `node:fs`.
 */
export interface Signature {
  /** What `config-get --format=json` printed. */
  readonly config: string;
  /** URI of the secret that held the kubeconfig. */
  readonly secret: string;
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
  origin: Pick<Signature, "config" | "secret">,
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

/** Reads a signature; `undefined` where there is none, or none that can be read. */
export function readSignature(path: string): Signature | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Signature;
  } catch {
    return undefined;
  }
}
