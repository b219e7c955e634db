import { type Ending, faultAsEnding, healFiles, healLast, lastWish } from "../conductor/graft.ts";
import { requireReadable } from "../conductor/owner.ts";
import { waitForRest } from "../conductor/package-run.ts";
import { isQuiet } from "../conductor/signature.ts";
import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import type { Progress } from "../reconcile/reconcile.ts";
import { inLine } from "../reconcile/report.ts";
import { hookDeadlines, hookLimitMs } from "./hook-limits.ts";
import { lastOrigin, lastSignature, signer } from "./signer.ts";

const jujuExec = "/usr/bin/juju-exec";
const settleMs = 500;
const maxRounds = 5;
const maxMs = 120_000;
/** What is due sooner is waited for: the timer comes once a minute. */
const longestWaitMs = 50_000;

type Say = (text: string) => void;

async function lastLook(host: Host): Promise<number> {
  return (await lastSignature(host))?.takenAt ?? 0;
}

async function isAtRest(host: Host): Promise<boolean> {
  return isQuiet(await lastSignature(host), host.now().getTime());
}

/** Asks Juju to run the hook, under its lock, files first without it; whether that look was made. */
async function healThroughJuju(host: Host, unitName: string, say: Say): Promise<boolean> {
  if (unitName === "" || (await host.fs.stat(jujuExec)) === undefined) return false;
  await healFiles(host, { watch: announce(say), trigger: "watch" });
  const before = await lastLook(host);
  const script = "JUJU_DISPATCH_PATH=hooks/self-heal hooks/stub";
  const result = await host.run([jujuExec, "-u", unitName, script], { timeoutMs: hookLimitMs });
  return result.ok || (await lastLook(host)) !== before;
}

function announce(say: Say): (progress: Progress) => void {
  return (progress) => {
    if (progress.step !== "applying") return;
    const { action, id, drift } = progress.change;
    say(`${action} ${id}: ${drift.map(({ key }) => key).join(", ")}\n`);
  };
}

function describe(ending: Ending): string {
  if (ending.end !== "report") return "reason" in ending ? `${ending.end}: ${ending.reason}` : ending.end;
  return inLine(ending.report) ? "in line" : "not in line: capi-graft plan says why";
}

async function healHere(machine: Host, charmDirectory: string, say: Say): Promise<void> {
  const began = performance.now();
  const host = withDeadline(machine, hookDeadlines, () => performance.now() - began);
  const { settled, keep } = signer(host, await lastOrigin(host), charmDirectory);
  const ending = await healLast(host, { settled, watch: announce(say), trigger: "watch" });
  if (ending === undefined) return;
  await keep(ending);
  say(`${describe(ending)}\n`);
}

async function round(host: Host, say: Say): Promise<"over" | "done"> {
  const wish = await lastWish(host);
  if (wish?.charmDirectory === undefined) return "over";
  if (!(await waitForRest(host))) say("packages are still at work after 10 minutes\n");
  if (await isAtRest(host)) return "over";
  if (await healThroughJuju(host, wish.unitName ?? "", say)) return "done";
  await healHere(host, wish.charmDirectory, say);
  return "done";
}

/**
 * Waits until there is something to do again; false where that is left to the next run. A path unit sees no event while
 * what it started runs, so what comes meanwhile is looked for here.
 */
async function somethingToDo(host: Host, until: number): Promise<boolean> {
  for (;;) {
    await host.sleep(settleMs);
    if (!(await isAtRest(host))) return true;
    const { inLine: isInLine = true, retryAt = 0 } = (await lastSignature(host)) ?? {};
    if (isInLine || retryAt > Math.min(until, host.now().getTime() + longestWaitMs)) return false;
  }
}

async function rounds(host: Host, say: Say): Promise<void> {
  // Before anything is written, the signature too.
  await requireReadable(host);
  const end = host.now().getTime() + maxMs;
  for (let count = 0; count < maxRounds && host.now().getTime() < end; count += 1) {
    if ((await round(host, say)) === "over") return;
    if (!(await somethingToDo(host, end))) return;
  }
}

/**
 * A run that the watch's units start, where the last signature does not hold: waits until no packages are being
 * changed, has the unit brought back to its last wish (by Juju's agent, or here where none answers) and looks again,
 * at most five times and for two minutes; what is left then is the timer's. Says to the journal what it does.
 */
export async function watchUnit(host: Host, say: Say): Promise<void> {
  const fault = await faultAsEnding(() => rounds(host, say));
  if (fault !== undefined) say(`${fault.reason}; next: ${fault.remedy}\n`);
}
