import { closeSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { posix } from "node:path";
import type { UnitPaths } from "./unit-paths.ts";

/** What the agent finds when it looks for a hook or an action. */
export type HookFile =
  | { readonly found: "nothing" }
  | { readonly found: "broken"; readonly reason: string }
  | { readonly found: "program"; readonly path: string };

/** The machine types of programs that this host can run, by the name that Node gives the host's. */
const machineTypes: { readonly [architecture: string]: number } = { x64: 62, arm64: 183 };

/** Looks for a hook or an action as the agent does: `dispatch` first, then `hooks/NAME` or `actions/NAME`; links are followed. */
export function findHook(paths: UnitPaths, own: `${"hooks" | "actions"}/${string}`): HookFile {
  if (look(paths, "metadata.yaml") === undefined)
    return { found: "broken", reason: "charm missing from disk" };
  const relative = ["dispatch", own].find((candidate) => look(paths, candidate) !== undefined);
  const found = relative === undefined ? undefined : look(paths, relative);
  if (relative === undefined || found === undefined) return { found: "nothing" };
  const path = posix.join(paths.charm, relative);
  if (found.isDirectory()) return { found: "broken", reason: `exec: "${path}": is a directory` };
  if ((found.mode & 0o111) === 0) return { found: "broken", reason: `exec: "${path}": permission denied` };
  // A shell would run such a file as a script of its own; the agent starts it directly and fails.
  if (!isProgram(paths.onHost(path)))
    return { found: "broken", reason: `fork/exec ${path}: exec format error` };
  return { found: "program", path };
}

/**
 * The command line that runs a hook as the agent does: no argument, in the charm's folder, this environment and
 * no other variable, stdin at its end, umask 022.
 */
export function hookCommandLine(
  paths: UnitPaths,
  path: string,
  environment: readonly (readonly [string, string])[],
): readonly string[] {
  const script = 'umask 022; cd "$1" || exit 125; shift; exec /usr/bin/env -i "$@" </dev/null';
  const variables = environment.map(([name, value]) => `${name}=${value}`);
  return ["/bin/sh", "-c", script, "sh", paths.charm, ...variables, path];
}

function look(paths: UnitPaths, relative: string): Stats | undefined {
  return statSync(paths.onHost(posix.join(paths.charm, relative)), { throwIfNoEntry: false });
}

function isProgram(file: string): boolean {
  const head = Buffer.alloc(20);
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, head);
  } finally {
    closeSync(descriptor);
  }
  if (head.toString("latin1", 0, 2) === "#!") return true;
  return head.toString("latin1", 0, 4) === "\x7fELF" && head.readUInt16LE(18) === machineTypes[process.arch];
}
