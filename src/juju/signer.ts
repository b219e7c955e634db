import type { Conductor } from "../conductor/conductor.ts";
import type { Config } from "../conductor/config.ts";
import { isDeferral } from "../conductor/deferred.ts";
import type { Ending } from "../conductor/graft.ts";
import { fuseOf } from "../conductor/heal.ts";
import { isManagementGate } from "../conductor/management-gates.ts";
import { isOptionNote } from "../conductor/option-notes.ts";
import { paths } from "../conductor/paths.ts";
import { secondLookAt } from "../conductor/probation.ts";
import { parseSignature, type Signature, takeSignature } from "../conductor/signature.ts";
import { watchedPaths } from "../conductor/watch-units.ts";
import { watched } from "../conductor/watched.ts";
import { type Host, readText } from "../host/host.ts";
import { inLine, troubles } from "../reconcile/report.ts";
import { ownership, root } from "../resources/owner.ts";

/** What a look knew of Juju. */
export type Origin = Pick<Signature, "config" | "secret" | "proxies" | "blocked" | "peers">;

/** The signature of the last look; `undefined` where there is none, or none that can be read. */
export async function lastSignature(host: Host): Promise<Signature | undefined> {
  return parseSignature((await readText(host.fs, paths.signature).catch(() => undefined)) ?? "");
}

/** What the last look knew of Juju, for a run that does not ask it. */
export async function lastOrigin(host: Host): Promise<Origin> {
  const { config = "", secret = "", proxies, blocked, peers } = (await lastSignature(host)) ?? {};
  return {
    config,
    secret,
    ...(proxies === undefined ? {} : { proxies }),
    ...(blocked === undefined ? {} : { blocked }),
    ...(peers === undefined ? {} : { peers }),
  };
}

/** Notes in the signature of the last look, where there is one, which hooks concern this unit for its peers' sake. */
export async function markPeers(host: Host, wanted: Signature["peers"]): Promise<void> {
  const signature = await lastSignature(host);
  if (signature === undefined || signature.peers === wanted) return;
  const { peers: _, ...rest } = signature;
  const marked = wanted === undefined ? rest : { ...rest, peers: wanted };
  await host.fs.write(paths.signature, `${JSON.stringify(marked)}\n`, ownership(root, "0600"));
}

const firstRetryMs = 60_000;
const lastRetryMs = 300_000;

/** When a unit that is not in line is looked at again though nothing changed: after 1 minute, then 2, 4, 5. */
function nextRetry(before: Signature | undefined, now: number): Pick<Signature, "attempts" | "retryAt"> {
  const attempts = before === undefined || before.inLine ? 1 : (before.attempts ?? 0) + 1;
  return { attempts, retryAt: now + Math.min(firstRetryMs * 2 ** (attempts - 1), lastRetryMs) };
}

/**
 * When to look again sooner than that: when the first of the repairs that the fuse puts off is due, and at once where
 * something was undone while the run was still at it.
 */
async function soonerRetry(host: Host, ending: Ending | undefined, now: number): Promise<number> {
  if (ending?.end !== "report" || ending.report.mode === "plan") return Number.POSITIVE_INFINITY;
  const { config, report } = ending;
  if (report.outcomes.some(({ outcome }) => outcome === "drifted")) return now;
  const held = report.outcomes.filter(({ outcome }) => outcome === "held");
  const times = await Promise.all(held.map(({ id }) => fuseOf(host, config).retryAt(id)));
  return Math.min(...times.filter((time) => time !== undefined));
}

/** How long a unit in line goes without a look at its management cluster, which tells nobody of what changes there. */
const managementMs = 30 * 60_000;

/** What was asked for is written when the last look is over, so its own files are looked at now. */
async function write(host: Host, taken: Signature): Promise<void> {
  const own = { files: [paths.desired, paths.desiredKubeconfig], processes: [] };
  const due = Math.min((await secondLookAt(host)) ?? Number.POSITIVE_INFINITY, taken.takenAt + managementMs);
  const signature = {
    ...taken,
    ...(taken.inLine ? { retryAt: due } : {}),
    files: { ...taken.files, ...takeSignature(taken, own).files },
  };
  await host.fs.write(paths.signature, `${JSON.stringify(signature)}\n`, ownership(root, "0600"));
}

/** Whether a note stays until somebody comes: to look again sooner would find the same. */
function isStanding(source: string): boolean {
  return (
    source.startsWith("leftover-") || isDeferral(source) || isOptionNote(source) || isManagementGate(source)
  );
}

/** Writes the signature at the end of a look, of a unit in line or not: the next one then sees whether anything changed. */
export function signer(host: Host, origin: Origin, charmDirectory: string) {
  let signature: Signature | undefined;
  const charm = [`${charmDirectory}/dist/main.cjs`, `${charmDirectory}/dist/full.cjs`];
  const take = async (isInLine: boolean, found: Awaited<ReturnType<typeof watched>>) => {
    const takenAt = host.now().getTime();
    const retry = isInLine ? {} : nextRetry(await lastSignature(host), takenAt);
    const state = { inLine: isInLine, takenAt, ...retry, ...origin };
    return takeSignature(state, { ...found, files: [...found.files, ...charm] });
  };
  return {
    /** To be called when the services are at rest, before the last look. */
    settled: async (...[wanted, unit]: [Config, Conductor]) => {
      signature = await take(true, await watched(host, wanted, unit));
    },
    /**
     * Keeps what was taken at rest if the last look then found the unit in line; else what is there now, with these
     * marks.
     */
    keep: async (ending?: Ending, marks: Pick<Signature, "blocked"> = {}) => {
      if (ending?.end === "busy") return;
      const isReady =
        ending?.end === "report" &&
        inLine(ending.report) &&
        troubles(ending.report).every(({ source }) => isStanding(source)) &&
        ending.hold === undefined;
      if (isReady && signature !== undefined) return await write(host, signature);
      if ((await host.fs.stat(paths.desired)) === undefined) return await host.fs.remove(paths.signature);
      const found =
        ending?.end === "report"
          ? await watched(host, ending.config, ending.unit)
          : { files: watchedPaths({ python: "/usr/bin/python3" }), processes: [] };
      const signed = await take(false, found);
      const due = Math.min(signed.retryAt ?? 0, await soonerRetry(host, ending, signed.takenAt));
      await write(host, { ...signed, retryAt: due, ...marks });
    },
  };
}
