import { type Host, HostFault } from "../host/host.ts";
import { withRepaired } from "../reconcile/quick.ts";
import { type DesiredState, type Progress, reconcile } from "../reconcile/reconcile.ts";
import type { Report } from "../reconcile/report.ts";
import type { Change } from "../reconcile/resource.ts";
import { type Witness, witness } from "./cause.ts";
import type { Conductor } from "./conductor.ts";
import type { Config } from "./config.ts";
import { recordDaemons } from "./daemons.ts";
import { isDeferred } from "./deferred.ts";
import { desiredState, firstOriginals } from "./desired-state.ts";
import { type Fuse, fuseFor } from "./fuse.ts";
import { appendHealRecord, asLogged, type HealRecord, healRecordOf, readHealRecords } from "./heal-log.ts";
import type { ClosedTurn } from "./turn.ts";
import { commitWish, type Wish } from "./wish.ts";

/** What a run has repaired before its walk, and who saw how it was before that. */
export interface Repaired {
  readonly changes: readonly Change[];
  readonly seen: Witness;
}

/** How a repair is asked for. */
interface HealOptions {
  readonly watch: (progress: Progress) => void;
  /** Asked for by a person: repairs are not counted, and made also where self-heal is off. */
  readonly explicit: boolean;
  /** Who asked, for the heal log. */
  readonly trigger: string;
  /** What was repaired just before, and is to be told and counted with the rest. */
  readonly repaired?: Repaired;
  /** Set while running services may not be restarted. */
  readonly turn?: ClosedTurn;
  settled(): Promise<void>;
}

/** The fuse with the limits that the options set. */
export function fuseOf(host: Host, config: Config): Fuse {
  return fuseFor(host, { limit: config["self-heal-limit"], windowMinutes: config["self-heal-window"] });
}

/** The same state, each of its resources held back where it was repaired too often. */
export function underFuse(desired: DesiredState, fuse: Fuse): DesiredState {
  const resources = desired.resources.map((it) => ({
    ...it,
    gates: [fuse.gate(it.id), ...(it.gates ?? [])],
  }));
  return { ...desired, resources };
}

/** Repairs what drifted from the wish in force; with self-heal off, only says what it is. */
export async function heal(
  host: Host,
  wanted: { readonly wish: Wish; readonly config: Config; readonly unit: Conductor },
  options: HealOptions,
): Promise<Report> {
  const { wish, config, unit } = wanted;
  const fuse = fuseOf(host, config);
  const began = host.now();
  if (options.explicit) await fuse.rearm();
  const desired = desiredState(config, unit, wish, firstOriginals, options.turn);
  const mode = config["self-heal"] || options.explicit ? "apply" : "plan";
  const settled = async () => {
    await commitWish(host, wish);
    await options.settled();
  };
  const walk = { policy: "heal", settled } as const;
  const { repaired = { changes: [], seen: witness(host, wish.unitName) } } = options;
  const watch = (progress: Progress) => {
    if (progress.step === "planned") repaired.seen.planned(progress.changes);
    options.watch(progress);
  };
  const walked = await reconcile(host, underFuse(desired, fuse), mode, watch, walk);
  const report = withRepaired(walked, repaired.changes);
  const cause = await repaired.seen.cause();
  if (mode === "apply") {
    if (!options.explicit) await orUnsaid(() => fuse.note(written(report), cause.what));
    await recordDaemons(host, config, unit);
  }
  await log(host, report, { trigger: options.trigger, began, cause });
  return report;
}

/** Counts and logs what was repaired where no walk tells of it. */
export async function noteRepaired(
  host: Host,
  config: Config,
  { changes, seen }: Repaired,
  about: { readonly trigger: string; readonly began: Date },
): Promise<void> {
  if (changes.length === 0) return;
  const outcomes = changes.map((change) => ({ id: change.id, outcome: "changed" as const, change }));
  const report: Report = { mode: "apply", outcomes, gates: [] };
  const cause = await seen.cause();
  await orUnsaid(() => fuseOf(host, config).note(written(report), cause.what));
  await log(host, report, { ...about, cause });
}

interface Told {
  readonly trigger: string;
  readonly began: Date;
  readonly cause: HealRecord["cause"];
}

async function log(host: Host, report: Report, about: Told): Promise<void> {
  if (report.outcomes.every((it) => it.outcome === "unchanged" || isDeferred(it))) return;
  const seconds = Math.max(0, (host.now().getTime() - about.began.getTime()) / 1000);
  const { trigger, cause } = about;
  const record = healRecordOf(report, { at: about.began.toISOString(), trigger, cause, seconds });
  await appendUnlessSaid(host, record);
}

/** What was written to: also what was undone at once, or before the last look, by whoever fights. */
function written({ outcomes }: Report): readonly string[] {
  const counted = new Set(["changed", "drifted", "failed"]);
  return outcomes.flatMap(({ id, outcome }) => (counted.has(outcome) ? [id] : []));
}

/** The repair counts, not what is written about it. */
async function orUnsaid(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof HostFault)) throw error;
  }
}

/** Writes a record, but not what the last one says already: what can't be repaired is looked at again and again. */
export async function appendUnlessSaid(host: Host, record: HealRecord): Promise<void> {
  await orUnsaid(async () => {
    const [last] = await readHealRecords(host, { limit: 1 });
    const repaired = record.changes.some(({ outcome }) => outcome === "changed");
    if (!repaired && last !== undefined && isSameFinding(last, asLogged(record))) return;
    await appendHealRecord(host, record);
  });
}

function isSameFinding(a: HealRecord, b: HealRecord): boolean {
  const finding = ({ kind, changes, gate }: HealRecord) => JSON.stringify([kind, changes, gate]);
  return finding(a) === finding(b);
}
