import * as z from "zod";
import { paths } from "../conductor/paths.ts";
import { type Host, readText } from "../host/host.ts";
import { ownership, root } from "../resources/owner.ts";
import type { Units } from "./roll.ts";

/** What a leader has read of the other units, so that it reads each again only when that one has changed. */
export interface PeerCache {
  readonly units: Units;
  /** What it last said of all of them. */
  readonly note?: string | undefined;
}

const text = z.string().optional();
const schema = z.object({
  units: z.record(
    z.string(),
    z.object({ driver: text, config: text, kubeconfig: text, state: text, wants: text, failed: text }),
  ),
  note: text,
});

function parsed(content: string | undefined): unknown {
  try {
    return content === undefined ? undefined : (JSON.parse(content) as unknown);
  } catch {
    return undefined;
  }
}

/** What this unit read as a leader; nothing where it does not lead, or can't read that. */
export async function readCache(host: Host): Promise<PeerCache> {
  const found = schema.safeParse(parsed(await readText(host.fs, paths.peers)));
  return found.success ? found.data : { units: {} };
}

/** Keeps what was read (0600, root); where that is nothing, a unit that was never grafted is left without a trace. */
export async function keepCache(host: Host, cache: PeerCache): Promise<void> {
  const before = await readText(host.fs, paths.peers);
  const content = `${JSON.stringify(cache)}\n`;
  const isNothing = Object.keys(cache.units).length === 0 && cache.note === undefined;
  if (before === content || (before === undefined && isNothing)) return;
  await host.fs.makeDirectory(paths.state, ownership(root, "0700"));
  await host.fs.write(paths.peers, content, ownership(root, "0600"));
}

/** Forgets what was read: by a unit that does not lead, or has only just begun to. */
export async function forgetCache(host: Host): Promise<void> {
  await host.fs.remove(paths.peers);
}
