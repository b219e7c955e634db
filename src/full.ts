import { runCli } from "./cli/cli.ts";
import { localHost } from "./host/local-host.ts";
import { reconcileHook, undoHook } from "./juju/charm.ts";
import type { Asked } from "./juju/quiet.ts";

/** Everything that a hook with nothing to do never loads. */

/** Brings this machine in line. */
export function reconcileHere(asked: Asked): Promise<void> {
  process.umask(0o022);
  return reconcileHook(localHost(), asked);
}

/** Takes everything back on this machine. */
export function undoHere(): Promise<void> {
  process.umask(0o022);
  return undoHook(localHost());
}

/** The command `capi-graft` on this machine: its exit code. */
export function cli(args: readonly string[]): Promise<number> {
  process.umask(0o022);
  return runCli(args, {
    host: localHost(),
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    colour: process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined,
  });
}
