import type { Ending } from "../conductor/graft.ts";
import { inLine, type Trouble, troubles } from "../reconcile/report.ts";

/** A unit's workload status, as `status-set` takes it. */
export interface UnitStatus {
  readonly status: "active" | "blocked" | "waiting" | "maintenance";
  readonly message: string;
}

const width = 250;

function short(message: string): string {
  return message.length > width ? `${message.slice(0, width - 3)}...` : message;
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
  const [worst] = troubles(ending.report);
  if (worst === undefined) {
    if (!inLine(ending.report))
      return { status: "waiting", message: "not in line yet: capi-graft plan says why" };
    return { status: "active", message: "Unit is ready" };
  }
  return troubled(worst);
}

function troubled({ cure, reason, remedy }: Pick<Trouble, "cure" | "reason" | "remedy">): UnitStatus {
  const next = remedy === "" ? "" : `; next: ${remedy}`;
  return { status: statusOf[cure], message: short(`${reason}${next}`) };
}
