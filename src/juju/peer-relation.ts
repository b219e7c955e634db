import type { HookAnswer } from "./hook-command.ts";
import { hookCommand } from "./hook-command.ts";
import {
  isUnitName,
  type PeerData,
  peerTexts,
  type Roll,
  readPeer,
  readRoll,
  rollTexts,
  unitNames,
} from "./peer-data.ts";

/** The relation of the units of this application, as Juju has it at the start of a run. */
export interface PeerRelation {
  readonly id: string;
  readonly unit: string;
  /** The other units that have joined. */
  readonly others: readonly string[];
  readonly isLeader: boolean;
  readonly roll: Roll;
  readonly own: PeerData;
}

function outputOf({ code, stdout }: HookAnswer): string {
  return code === 0 ? stdout : "";
}

/** The id out of the answer of `relation-ids`. */
function relationId(text: string): string | undefined {
  return /^\["(peers:\d{1,9})"\]\s*$/.exec(text)?.[1];
}

async function readBag(id: string, of: readonly string[]): Promise<string> {
  return outputOf(await hookCommand("relation-get", ["--format=json", "-r", id, ...of]));
}

/** Whether this unit leads. */
export async function isLeader(): Promise<boolean> {
  return outputOf(await hookCommand("is-leader", ["--format=json"])).trim() === "true";
}

/** Reads what this unit has to know of its peers; `undefined` where it has no such relation. Never throws. */
export async function readRelation(): Promise<PeerRelation | undefined> {
  const unit = process.env["JUJU_UNIT_NAME"] ?? "";
  if (!isUnitName(unit)) return undefined;
  const id = relationId(outputOf(await hookCommand("relation-ids", ["--format=json", "peers"])));
  if (id === undefined) return undefined;
  const [list, roll, own, leads] = await Promise.all([
    hookCommand("relation-list", ["--format=json", "-r", id]),
    readBag(id, ["--app", "-", unit.split("/")[0] ?? ""]),
    readBag(id, ["-", unit]),
    isLeader(),
  ]);
  const others = unitNames(outputOf(list)).filter((name) => name !== unit);
  return { id, unit, others, isLeader: leads, roll: readRoll(roll), own: readPeer(own) };
}

/** What another unit tells; nothing where that can't be read. */
export async function readOther({ id }: Pick<PeerRelation, "id">, unit: string): Promise<PeerData> {
  return readPeer(await readBag(id, ["-", unit]));
}

async function write(
  id: string,
  flags: readonly string[],
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Promise<void> {
  const changed = Object.entries(after).filter(([key, value]) => value !== before[key]);
  if (changed.length === 0) return;
  const words = changed.map(([key, value]) => `${key}=${value}`);
  await hookCommand("relation-set", ["-r", id, ...flags, ...words]);
}

/** Tells the other units of this one: what is new, once the hook has ended well. */
export async function tellPeers({ id, own }: PeerRelation, data: PeerData): Promise<void> {
  await write(id, [], peerTexts(own), peerTexts(data));
}

/** Tells all units as their leader. */
export async function tellRoll({ id, roll }: PeerRelation, next: Roll): Promise<void> {
  await write(id, ["--app"], rollTexts(roll), rollTexts(next));
}
