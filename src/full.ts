import { runCli } from "./cli/cli.ts";
import { withDeadline } from "./host/deadline.ts";
import type { Host } from "./host/host.ts";
import { localHost } from "./host/local-host.ts";
import { endAfter } from "./host/watchdog.ts";
import { runAction } from "./juju/actions.ts";
import { healHook, reconcileHook, undoHook } from "./juju/charm.ts";
import { hookDeadlines, hookLimitMs, sinceStart } from "./juju/hook-limits.ts";
import { peersHook } from "./juju/peers-hook.ts";
import type { Asked } from "./juju/quiet.ts";
import { watchUnit } from "./juju/watch.ts";

/** Everything that a hook with nothing to do never loads. */

/** This machine, for a hook or an action: Juju waits for it for ever, and so do the hooks of all other charms there. */
function hookHost(): Host {
  process.umask(0o022);
  endAfter(
    hookLimitMs - sinceStart(),
    "this hook took 10 minutes and is ended: please report it as a defect\n",
  );
  return withDeadline(localHost(), hookDeadlines, sinceStart);
}

/** Brings this machine in line. */
export function reconcileHere(asked: Asked): Promise<void> {
  return reconcileHook(hookHost(), asked);
}

/** Does what other units call for: a hook of the relation between them. */
export function peersHere(hook: string): Promise<void> {
  return peersHook(hookHost(), hook);
}

/** Brings this machine back to what was last asked of it, as a hook. */
export function healHere(): Promise<void> {
  return healHook(hookHost());
}

/** Runs an action on this machine. */
export function actionHere(name: string, asked: Asked | undefined): Promise<void> {
  return runAction(hookHost(), name, asked);
}

/** The same as a run of the watch, which has Juju run the hook where it can. */
export function watchHere(): Promise<void> {
  process.umask(0o022);
  return watchUnit(localHost(), (text) => process.stdout.write(text));
}

/** Takes everything back on this machine. */
export function undoHere(): Promise<void> {
  return undoHook(hookHost());
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
