import { parseConfig } from "../conductor/config.ts";
import type { Ending } from "../conductor/graft.ts";
import { secondLookAt } from "../conductor/probation.ts";
import { turnGateId } from "../conductor/turn.ts";
import { committedWish, wishDigest } from "../conductor/wish.ts";
import type { Host } from "../host/host.ts";
import { inLine, isRefused, type Report, troubles } from "../reconcile/report.ts";
import { sha256 } from "../resources/file.ts";
import type { PeerData } from "./peer-data.ts";

/** A unit's request for a turn, and how it stood when a run began. */
export interface Request {
  readonly id: string;
  /** Whether the unit has told its peers of it. */
  readonly isTold: boolean;
  /** Whether the unit had the turn. */
  readonly isOpen: boolean;
}

/** What is in force on this unit, as its peers may know it: without the salt no digest of what has a secret in it. */
export async function inForce(host: Host, salt: string | undefined): Promise<PeerData> {
  const wish = await committedWish(host);
  if (wish === undefined) return {};
  const config = parseConfig(wish.options, wish.kubeconfig, wish);
  const driver = "kubeconfig" in config ? { driver: config["driver-version"] } : {};
  if (salt === undefined) return driver;
  const options = sha256(`${salt} ${wishDigest({ ...wish, kubeconfig: "" })}`);
  return { ...driver, config: options, kubeconfig: sha256(`${salt} ${wish.kubeconfig}`) };
}

/** Whether services were restarted or, but for its turn, would have been. */
function hasRestarted({ outcomes }: Report): boolean {
  return outcomes.some(({ id, outcome }) => id.startsWith("service:") && outcome === "changed");
}

/** What an operator has to cure, but for services that are down on purpose. */
function isBroken(report: Report): boolean {
  return troubles(report).some(
    ({ cure, source }) => cure === "operator" && !/-not-(paused|stopped)$/.test(source),
  );
}

/** Whether what was asked for did not hold on this unit, which is to stop the others. */
function hasFailed(ending: Ending, { isTold, isOpen }: Request): boolean {
  const isItsTurn = isTold && isOpen;
  if (ending.end === "held") return ending.hold.kind === "reverted";
  if (ending.end === "fault") return isItsTurn && ending.cure === "operator";
  if (ending.end !== "report") return false;
  if (ending.hold?.kind === "reverted") return true;
  const { report } = ending;
  return isBroken(report) && (isItsTurn || isRefused(report) || hasRestarted(report));
}

/**
 * What a unit asks of its peers once a run has ended: its turn, where services wait for it; to keep its turn, until
 * all is well and the second look at what was restarted is over; else nothing.
 */
export async function requestAfter(
  host: Host,
  ending: Ending,
  request: Request,
  before: PeerData,
): Promise<Pick<PeerData, "wants" | "failed">> {
  const { id, isOpen } = request;
  if (ending.end === "busy") return { wants: before.wants, failed: before.failed };
  if (ending.end === "report" && isWaiting(ending.report)) return { wants: id };
  if (hasFailed(ending, request)) return { failed: "yes", ...(isOpen ? { wants: id } : {}) };
  const isOver = isAtRest(ending) && (await secondLookAt(host)) === undefined;
  return isOver || !isUsed(ending, request) ? {} : { wants: id };
}

function isWaiting(report: Report): boolean {
  return troubles(report).some(({ source }) => source === turnGateId);
}

function isUsed(ending: Ending, { isTold, isOpen }: Request): boolean {
  return isOpen && (isTold || (ending.end === "report" && hasRestarted(ending.report)));
}

function isAtRest(ending: Ending): boolean {
  return ending.end === "report" ? inLine(ending.report) : ending.end !== "fault";
}
