import type { Host } from "../host/host.ts";
import { setStatus } from "./announce.ts";
import { setApplicationStatus } from "./application-status.ts";
import { reconcileUnit } from "./charm.ts";
import { hookCommand } from "./hook-command.ts";
import { readCache } from "./peer-cache.ts";
import { isUnitName } from "./peer-data.ts";
import { isLeader, readOther } from "./peer-relation.ts";
import { beginAmongPeers, type Peers } from "./peers.ts";
import type { Units } from "./roll.ts";
import { tellAmongPeers } from "./roll-news.ts";
import { lastSignature } from "./signer.ts";

/** Whether the turn that this unit asked for has come, and it has not been used yet. */
async function isDue(host: Host, { request, turn, relation }: Peers): Promise<boolean> {
  if (turn !== undefined || !request.isTold || relation?.own.failed !== undefined) return false;
  const signature = await lastSignature(host);
  return signature?.inLine !== true || signature.blocked !== undefined;
}

/** Says whom this unit waits for by now. */
async function sayWaiting({ turn, relation }: Peers): Promise<void> {
  if (turn === undefined || relation?.own.wants === undefined) return;
  const { code, stdout } = await hookCommand("status-get", ["--include-data", "--format=json"]);
  if (code !== 0) return;
  const { message } = JSON.parse(stdout) as { message?: string };
  const isOther = message?.startsWith("waiting for its turn") === true && message !== turn.reason;
  if (isOther) await setStatus({ status: "waiting", message: turn.reason });
}

/** What the unit that the hook is about tells, where this unit leads; `undefined` where that is what it told before. */
async function whatIsNew(host: Host, hook: string): Promise<Units | undefined> {
  const { JUJU_REMOTE_UNIT: unit = "", JUJU_RELATION_ID: id = "" } = process.env;
  if (!hook.endsWith("-changed") || !isUnitName(unit)) return {};
  const read = await readOther({ id }, unit);
  const known = (await readCache(host)).units[unit];
  return known !== undefined && JSON.stringify(known) === JSON.stringify(read) ? undefined : { [unit]: read };
}

/**
 * A hook of the relation between the units. Of another unit's data only the leader reads any, and that one's alone;
 * the others read what the leader tells, and go to work when it is their turn.
 */
export async function peersHook(host: Host, hook: string): Promise<void> {
  const { JUJU_REMOTE_UNIT: remote = "", JUJU_UNIT_NAME: unit, JUJU_DEPARTING_UNIT: going } = process.env;
  if (going === unit) return;
  const leads = await isLeader();
  if (!leads && remote !== "") return;
  const read = leads ? await whatIsNew(host, hook) : {};
  if (read === undefined) return;
  const peers = await beginAmongPeers(host, read);
  if (await isDue(host, peers)) {
    const config = await hookCommand("config-get", ["--format=json"]);
    await reconcileUnit(host, { config }, { trigger: `hook ${hook}`, peers });
    return;
  }
  const note = await tellAmongPeers(host, peers);
  if (leads) await setApplicationStatus({ note });
  else await sayWaiting(peers);
}
