import { randomBytes } from "node:crypto";
import type { Ending } from "../conductor/graft.ts";
import type { ClosedTurn } from "../conductor/turn.ts";
import type { Host } from "../host/host.ts";
import { inForce, type Request, requestAfter } from "./own-data.ts";
import { forgetCache, keepCache, type PeerCache, readCache } from "./peer-cache.ts";
import type { PeerData, Roll } from "./peer-data.ts";
import {
  isLeader,
  type PeerRelation,
  readOther,
  readRelation,
  tellPeers,
  tellRoll,
} from "./peer-relation.ts";
import { closedTurn, decide, type Units } from "./roll.ts";
import { markPeers } from "./signer.ts";
import { hookName } from "./wanted.ts";

/** What a run knows of the other units, from its start to what it tells them at its end. */
export interface Peers {
  /** Absent where the unit has no peer relation (yet). */
  readonly relation?: PeerRelation;
  readonly request: Request;
  /** Set while running services may not be restarted. */
  readonly turn: ClosedTurn | undefined;
  /** As the leader would have it by now; as it was told elsewhere. */
  readonly roll: Roll;
  /** What a leader knows of the others. */
  readonly others: Units;
  readonly cache: PeerCache;
}

/** What has become of a roll, for the leader to say. */
export interface RollNews {
  readonly before: Roll;
  readonly now: Roll;
  readonly units: Units;
}

const newId = () => randomBytes(8).toString("hex");
const newSalt = () => randomBytes(16).toString("hex");

/** A unit that was passed over asks anew. */
function requestOf({ own, roll, unit }: PeerRelation): Pick<Request, "id" | "isTold"> {
  const isTold = own.wants !== undefined && roll.passed?.[unit] !== own.wants;
  return { id: isTold && own.wants !== undefined ? own.wants : newId(), isTold };
}

/** What the others tell, asked of Juju for those alone that are new to this unit. `read`: just read of one of them. */
async function othersOf(relation: PeerRelation, cache: PeerCache, read: Units): Promise<Units> {
  const entries: [string, PeerData][] = [];
  for (const name of relation.others)
    entries.push([name, read[name] ?? cache.units[name] ?? (await readOther(relation, name))]);
  return Object.fromEntries(entries);
}

/**
 * Begins a run among other units: whether running services may be restarted in it. A unit without a peer relation, and
 * one that leads and has no others, may always; Juju tells of the relation only after the first hook. `read`: what
 * was just read of one of the others.
 */
export async function beginAmongPeers(host: Host, read: Units = {}): Promise<Peers> {
  const relation = await readRelation();
  if (relation === undefined) {
    const isAlone = hookName() !== "install" || (await isLeader());
    const turn = isAlone ? undefined : closedTurn({}, "", undefined);
    const request = { id: "", isTold: false, isOpen: isAlone };
    return { request, turn, roll: {}, others: {}, cache: { units: {} } };
  }
  const { unit, own } = relation;
  const asked = requestOf(relation);
  if (!relation.isLeader || hookName() === "leader-elected") await forgetCache(host);
  const cache = await readCache(host);
  const others = relation.isLeader ? await othersOf(relation, cache, read) : {};
  const { roll } = relation;
  const decided = relation.isLeader
    ? decide(
        { ...roll, salt: roll.salt ?? newSalt() },
        { ...others, [unit]: { ...own, wants: asked.id } },
        host.now().getTime(),
      )
    : roll;
  const turn = closedTurn(decided, unit, asked.id);
  return { relation, request: { ...asked, isOpen: turn === undefined }, turn, roll: decided, others, cache };
}

/** What this unit tells when nothing was tried on it. */
async function unchanged(host: Host, { own, unit, roll }: PeerRelation, id: string): Promise<PeerData> {
  const isPassed = own.wants !== undefined && roll.passed?.[unit] === own.wants;
  return { ...own, ...(await inForce(host, roll.salt)), ...(isPassed ? { wants: id } : {}) };
}

/** What a run on this unit came to: no ending where it did not begin. */
interface Ended {
  readonly ending: Ending | undefined;
  readonly state: string;
}

/** What this unit tells when a run has ended. */
async function changed(
  host: Host,
  { request, roll }: Peers,
  { own, isLeader: leads, others }: PeerRelation,
  { ending, state }: Ended,
): Promise<PeerData> {
  const asks = ending === undefined ? {} : await requestAfter(host, ending, request, own);
  // Nobody waits for a unit that has no others, so its turn ends with its run and its hooks are quiet.
  const isAlone = leads && others.length === 0;
  return { ...(await inForce(host, roll.salt)), state, ...asks, ...(isAlone ? { wants: undefined } : {}) };
}

/**
 * Ends a run among other units: tells them what became of this one and, as their leader, whose turn it is. What is told
 * reaches them when the hook ends well. `ended` is absent where nothing was tried.
 */
export async function endAmongPeers(host: Host, peers: Peers, ended?: Ended): Promise<RollNews | undefined> {
  const { relation, request, roll, others } = peers;
  if (relation === undefined) return undefined;
  const { unit } = relation;
  const now =
    ended === undefined
      ? await unchanged(host, { ...relation, roll }, request.id)
      : await changed(host, peers, relation, ended);
  await tellPeers(relation, now);
  const isDue = now.wants !== undefined;
  if (!relation.isLeader) {
    await markPeers(host, isDue ? "due" : roll.salt === undefined ? "read" : undefined);
    return undefined;
  }
  const units = { ...others, [unit]: now };
  const next = decide(roll, units, host.now().getTime());
  await tellRoll(relation, next);
  await markPeers(host, isDue || next.turn !== undefined ? "due" : "read");
  return { before: relation.roll, now: next, units };
}

/** Keeps what a leader has read and said, when all else is told: a hook that fails before reads it again. */
export async function keepAmongPeers(host: Host, peers: Peers, note: string | undefined): Promise<void> {
  if (peers.relation?.isLeader !== true) return;
  await keepCache(host, { units: peers.others, ...(note === undefined ? {} : { note }) });
}
