import type { Ending } from "../conductor/graft.ts";
import type { Host } from "../host/host.ts";
import { log } from "./announce.ts";
import { mixOf } from "./mix.ts";
import { endAmongPeers, keepAmongPeers, type Peers, type RollNews } from "./peers.ts";

/** What a leader says of its units while each of them is well: who differs, or did not use its turn. Pure. */
export function noteOf({ units, now }: RollNews): string | undefined {
  const [idle] = Object.keys(now.passed ?? {});
  return mixOf(units) ?? (idle === undefined ? undefined : `${idle} did not use its turn to restart`);
}

/** What is new in a roll, for the leader's log. Pure. */
export function newsOf({ before, now }: RollNews): readonly (readonly ["INFO" | "WARNING", string])[] {
  const passed = Object.entries(now.passed ?? {}).filter(([unit, id]) => before.passed?.[unit] !== id);
  return [
    ...passed.map(([unit]) => ["WARNING", `${unit} did not use its turn to restart: passed over`] as const),
    ...(now.stopped !== undefined && now.stopped !== before.stopped
      ? [["WARNING", `${now.stopped} failed: no other unit restarts until it is well`] as const]
      : []),
    ...(now.turn !== undefined && now.turn.id !== before.turn?.id
      ? [["INFO", `turn to restart: ${now.turn.unit}`] as const]
      : []),
  ];
}

/** Ends a run among other units, and says what is new. Gives what the leader notes of all of them. */
export async function tellAmongPeers(
  host: Host,
  peers: Peers,
  ended?: { readonly ending: Ending | undefined; readonly state: string },
): Promise<string | undefined> {
  const news = await endAmongPeers(host, peers, ended);
  if (news === undefined) return undefined;
  const note = noteOf(news);
  for (const [level, text] of newsOf(news)) await log(level, text);
  if (note !== undefined && note !== peers.cache.note) await log("WARNING", note);
  await keepAmongPeers(host, peers, note);
  return note;
}
