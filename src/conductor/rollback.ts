import { type Host, HostFault } from "../host/host.ts";
import type { Config } from "./config.ts";
import {
  type ApplyOptions,
  bringAbout,
  type Ending,
  faultAsEnding,
  finish,
  lastWish,
  locked,
  type Reported,
  ready,
} from "./graft.ts";
import { appendUnlessSaid } from "./heal.ts";
import { healRecordOf } from "./heal-log.ts";
import { endHold, type Hold, readHold, writeHold } from "./hold.ts";
import { committedWish, isSameWish, placementOf, previousWish, type Wish, withRestartsOf } from "./wish.ts";

/** What a unit can be rolled back to: the generation before the present one, or the present one with another driver. */
export type RollbackTarget = "previous" | { readonly driver: string };

/**
 * Takes the unit back to an earlier state and keeps it there, until the options change or an apply is asked for. The
 * way back is a change like any other: it holds, or the unit stays as it is.
 */
export function rollback(host: Host, to: RollbackTarget, options: ApplyOptions = {}): Promise<Ending> {
  return faultAsEnding(() => locked(host, () => rollbackAlone(host, to, { ...options, explicit: true })));
}

async function rollbackAlone(host: Host, to: RollbackTarget, options: ApplyOptions): Promise<Ending> {
  const wanted = await lastWish(host);
  const before = wanted === undefined ? undefined : await ready(host, wanted);
  if (before?.end === "no-conductor") return before;
  const unfinished = before?.end === "ready" ? await finish(host, before, options) : undefined;
  if (unfinished !== undefined) return unfinished;
  const wish = withRestartsOf(await targetOf(host, to), wanted);
  const at = await ready(host, wish);
  if (at.end !== "ready") return at;
  const held = await readHold(host);
  const began = host.now();
  const ending = await bringAbout(host, wish, at, options);
  const committed = await committedWish(host);
  if (committed === undefined || !isSameWish(committed, wish)) {
    // What did not hold was the way back: what was held back before still is.
    await (held === undefined ? endHold(host) : writeHold(host, held));
    return ending;
  }
  await log(host, ending, options, began);
  if (wanted === undefined || isSameWish(wish, wanted)) return ending;
  const hold = rolledBack(to, at.config, wanted, host.now().toISOString());
  await writeHold(host, hold);
  return { ...ending, hold };
}

async function targetOf(host: Host, to: RollbackTarget): Promise<Wish> {
  const present = await committedWish(host);
  const target = to === "previous" ? await previousWish(host) : withDriver(present, to.driver);
  if (present !== undefined && target !== undefined) return { ...target, ...placementOf(present) };
  throw new HostFault("there is no earlier generation on this unit", {
    remedy: "capi-graft rollback --to 1.3.0",
  });
}

function withDriver(wish: Wish | undefined, version: string): Wish | undefined {
  if (wish === undefined) return undefined;
  const { attached, ...rest } = wish;
  const options = { ...wish.options, "driver-version": version };
  // An attached wheel would win over the version that is asked for.
  return attached?.helm === undefined
    ? { ...rest, options }
    : { ...rest, options, attached: { helm: attached.helm } };
}

async function log(
  host: Host,
  ending: Reported,
  { trigger = "capi-graft rollback" }: ApplyOptions,
  began: Date,
) {
  const record = healRecordOf(ending.report, {
    kind: "rollback",
    at: began.toISOString(),
    trigger,
    cause: { what: "asked for by an operator", evidence: [] },
    seconds: Math.max(0, (host.now().getTime() - began.getTime()) / 1000),
  });
  if (record.changes.length > 0) await appendUnlessSaid(host, record);
}

function rolledBack(to: RollbackTarget, config: Config, wanted: Wish, at: string): Hold {
  const [driver, chart] = [config["driver-version"], config["chart-version"]];
  const where =
    to === "previous"
      ? `what was before: driver ${driver}, chart ${chart}`
      : `driver ${driver}, a holding state`;
  return {
    kind: "rollback",
    at,
    wanted,
    source: "rollback",
    cure: "note",
    reason: `rolled back to ${where}`,
    remedy: "change an option, or run apply",
  };
}
