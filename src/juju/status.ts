import { deferredRestarts } from "../conductor/deferred.ts";
import type { Ending, Reported } from "../conductor/graft.ts";
import type { Hold } from "../conductor/hold.ts";
import { inLine, isRefused, type Report, type Trouble, troubles } from "../reconcile/report.ts";

/** A unit's workload status, as `status-set` takes it. */
export interface UnitStatus {
  readonly status: "active" | "blocked" | "waiting" | "maintenance";
  readonly message: string;
}

const width = 250;

function short(message: string, limit = width): string {
  return message.length > limit ? `${message.slice(0, limit - 3)}...` : message;
}

/** What is too long is cut in the reason, since an operator can't do without the next step. */
function withNext(reason: string, remedy: string): string {
  const next = remedy === "" ? "" : `; next: ${short(remedy, width / 2)}`;
  return `${short(reason, width - next.length)}${next}`;
}

const statusOf = { operator: "blocked", time: "waiting", note: "active" } as const;

/** The status that an ending calls for: the worst of all that is in the way, with its next step. Pure. */
export function statusFor(ending: Ending): UnitStatus {
  if (ending.end === "busy") return { status: "waiting", message: "another run of capi-graft is at work" };
  if (ending.end === "no-conductor") {
    return { status: "waiting", message: `waiting for magnum-conductor to be installed: ${ending.missing}` };
  }
  if (ending.end === "refused") {
    const [first] = ending.refusals;
    const what = first?.value === "" ? `${first.option} is empty` : `${first?.option}: ${first?.value}`;
    return { status: "blocked", message: short(`${what}; accepted: ${first?.accepted}`) };
  }
  if (ending.end === "fault") return troubled(ending);
  if (ending.end === "held") return troubled(heldBack(ending.hold));
  return worstOf(ending);
}

function worstOf(ending: Reported): UnitStatus {
  const held = ending.hold === undefined ? [] : [heldBack(ending.hold)];
  const all = [...held, ...onlyReported(ending.report), ...troublesOf(ending)];
  const [first] = all.toSorted((a, b) => rank[a.cure] - rank[b.cure]);
  const deferred = deferredRestarts(ending.report);
  const worst = first?.cure === "note" ? (deferred ?? first) : first;
  // A note says nothing of a unit that also differs for another reason.
  if ((worst === undefined || worst.cure === "note") && !inLine(ending.report))
    return { status: "waiting", message: "not in line yet: capi-graft plan says why" };
  if (worst === undefined) return { status: "active", message: "Unit is ready" };
  return troubled(isRefused(ending.report) ? { ...worst, reason: `not changed, ${nameOf(worst)}` } : worst);
}

function nameOf({ source, reason }: Trouble): string {
  return `${source}: ${reason}`;
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

const rank = { operator: 0, time: 1, note: 2 } as const;

/** A change that was reverted has said all that the report of its way there says. */
function troublesOf({ report, back }: Reported): readonly Trouble[] {
  return troubles(back ?? report);
}

function heldBack(hold: Hold): Trouble {
  if (hold.kind === "rollback") return hold;
  return { ...hold, reason: `reverted, ${nameOf(hold)}` };
}

function troubled({ cure, reason, remedy }: Pick<Trouble, "cure" | "reason" | "remedy">): UnitStatus {
  return { status: statusOf[cure], message: withNext(reason, remedy) };
}
