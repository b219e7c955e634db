import { deferredRestarts } from "../conductor/deferred.ts";
import type { Ending, Reported } from "../conductor/graft.ts";
import type { Hold } from "../conductor/hold.ts";
import { optionDeclarations } from "../conductor/options.ts";
import { turnGateId } from "../conductor/turn.ts";
import { isAtLeast } from "../management/version.ts";
import { inLine, isRefused, type Report, type Trouble, troubles } from "../reconcile/report.ts";
import { refusalMessage, statusMessage } from "./message.ts";

/** A unit's workload status, as `status-set` takes it. */
export interface UnitStatus {
  readonly status: "active" | "blocked" | "waiting" | "maintenance";
  readonly message: string;
}

const statusOf = { operator: "blocked", time: "waiting", note: "active" } as const;

/** The message of a unit with which all is well. */
export const wellMessage = "Unit is ready";

type Cause = Pick<Trouble, "cure" | "reason" | "remedy"> & { readonly lead?: string };

/** The status that one trouble calls for: whose turn it is, what is wrong and the next step. Pure. */
export function troubleStatus({ cure, reason, remedy, lead }: Cause): UnitStatus {
  return { status: statusOf[cure], message: statusMessage(reason, remedy, lead) };
}

/**
 * The status that an ending calls for, in at most 100 columns: the worst of all that is in the way, with its next step.
 * `blocked` for what an operator has to do, `waiting` for what time or somebody else cures, `active` with a note. Pure.
 */
export function statusFor(ending: Ending): UnitStatus {
  if (ending.end === "busy") return { status: "waiting", message: "another run of capi-graft is at work" };
  if (ending.end === "no-conductor" && ending.instead !== undefined) {
    const { missing: reason } = ending;
    return troubleStatus({ cure: "operator", reason, remedy: "run it as magnum-conductor" });
  }
  if (ending.end === "no-conductor") {
    const reason = `waiting for magnum-conductor to be installed: ${ending.missing}`;
    return { status: "waiting", message: statusMessage(reason, "") };
  }
  if (ending.end === "refused") {
    const [first] = ending.refusals;
    if (first === undefined) throw new Error("a wish was refused for no option");
    return { status: "blocked", message: refusalMessage(first.option, first.value, first.accepted) };
  }
  if (ending.end === "fault") return troubleStatus(ending);
  if (ending.end === "held") return troubleStatus(heldBack(ending.hold));
  return worstOf(ending);
}

function worstOf(ending: Reported): UnitStatus {
  const held = ending.hold === undefined ? [] : [heldBack(ending.hold)];
  const found = troublesOf(ending);
  const all: readonly Cause[] = [...held, ...onlyReported(ending.report), ...olderDriver(ending), ...found];
  const [worstOfAll] = all.toSorted((a, b) => rank[a.cure] - rank[b.cure]);
  // What runs with something older matters more than other notes.
  const worst = worstOfAll?.cure === "note" ? (deferredRestarts(ending.report) ?? worstOfAll) : worstOfAll;
  // A note says nothing of a unit that also differs for another reason.
  if ((worst === undefined || worst.cure === "note") && !inLine(ending.report))
    return { status: "waiting", message: "not in line yet: capi-graft plan says why" };
  if (worst === undefined) return { status: "active", message: wellMessage };
  const [first] = found;
  const isFirst =
    first !== undefined && worst === first && isRefused(ending.report) && first.source !== turnGateId;
  return troubleStatus(isFirst ? { ...worst, lead: `not changed, ${first.source}: ` } : worst);
}

/** What drifted where self-heal is off, so that a look is all that was made. */
function onlyReported({ mode, outcomes }: Report): readonly Trouble[] {
  const drifted = outcomes.filter(({ outcome }) => outcome === "drifted");
  const [first] = drifted;
  if (mode !== "plan" || first === undefined) return [];
  const name = first.id.slice(first.id.indexOf(":") + 1);
  const more = drifted.length === 1 ? "" : ` and ${drifted.length - 1} more`;
  const reason = `drifted, self-heal off: ${name}${more}`;
  return [{ cure: "operator", source: first.id, reason, remedy: "run the action apply" }];
}

/** A driver that an operator set back is a holding state: noted, unless a rollback says it already. */
function olderDriver({ config, hold }: Reported): readonly Trouble[] {
  const version = config["driver-version"];
  if (hold !== undefined || isAtLeast(version, defaultDriver)) return [];
  const reason = `driver ${version} is older than the default`;
  const isAttached = config.attached?.["driver-wheel"] !== undefined;
  const remedy = isAttached ? `attach a wheel of ${defaultDriver}` : `set driver-version=${defaultDriver}`;
  return [{ cure: "note", source: "driver-version", reason, remedy }];
}

const defaultDriver = String(optionDeclarations["driver-version"].default);

const rank = { operator: 0, time: 1, note: 2 } as const;

/** A change that was reverted has said all that the report of its way there says. */
function troublesOf({ report, back }: Reported): readonly Trouble[] {
  return troubles(back ?? report);
}

function heldBack(hold: Hold): Cause {
  return hold.kind === "rollback" ? hold : { ...hold, lead: `reverted, ${hold.source}: ` };
}
