import * as z from "zod";
import { type Host, readText } from "../host/host.ts";
import { type Report, troubles } from "../reconcile/report.ts";
import { ownership, root } from "../resources/owner.ts";
import { paths } from "./paths.ts";

/** A file of the log is put aside at this size, in bytes. There are two of them at most, so the log ends at twice this. */
export const healLogFileBytes = 256 * 1024;

const rotated = `${paths.healLog}.1`;

const value = z.union([z.string(), z.number(), z.boolean()]).optional();

const change = z.object({
  id: z.string(),
  action: z.enum(["create", "update", "delete"]),
  outcome: z.enum(["drifted", "changed", "held", "skipped", "failed"]),
  drift: z.array(z.object({ key: z.string(), observed: value, desired: value })).readonly(),
});

const schema = z
  .object({
    at: z.iso.datetime(),
    kind: z.enum(["heal", "report", "revert", "rollback"]),
    trigger: z.string(),
    changes: z.array(change.readonly()).readonly(),
    cause: z.object({ what: z.string(), evidence: z.array(z.string()).readonly() }).readonly(),
    gate: z.object({ id: z.string(), reason: z.string() }).readonly().optional(),
    restarts: z.array(z.string()).readonly(),
    seconds: z.number(),
  })
  .readonly();

/**
 * One line of the heal log. `at`: when it was found (ISO, UTC). `kind`: repaired, only reported, a change taken back,
 * or an earlier generation asked for. `changes`: what differed, and what became of it. `gate`: what was in the way.
 * `restarts`: services. `seconds`: from the look to the end.
 */
export type HealRecord = z.infer<typeof schema>;

const textLimit = 240;
const listLimit = 16;
const lineLimit = 32 * 1024;

/** A state holds no text of several lines: what does might be a file's content, and is not written. */
function clipText(text: string): string {
  if (text.includes("\n")) return `(${text.split("\n").length} lines, not shown)`;
  return text.length > textLimit ? `${text.slice(0, textLimit)}...` : text;
}

function clipped(it: unknown): unknown {
  if (typeof it === "string") return clipText(it);
  if (Array.isArray(it)) return it.slice(0, listLimit).map(clipped);
  if (typeof it !== "object" || it === null) return it;
  return Object.fromEntries(Object.entries(it).map(([key, inner]) => [key, clipped(inner)]));
}

function lineOf(record: HealRecord): string {
  const line = JSON.stringify(clipped(record));
  if (Buffer.byteLength(line) <= lineLimit) return line;
  const changes = record.changes.map((it) => ({ ...it, drift: [] }));
  return JSON.stringify(clipped({ ...record, changes }));
}

/** A record as the log gives it back: what is too long in it is cut. Pure. */
export function asLogged(record: HealRecord): HealRecord {
  return schema.parse(JSON.parse(lineOf(record)));
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The lines of a file, without what a power cut has damaged. */
async function linesOf(host: Host, path: string): Promise<readonly string[]> {
  const text = (await readText(host.fs, path)) ?? "";
  return text.split("\n").filter((line) => parseLine(line) !== undefined);
}

/**
 * Writes one record at the end of the heal log (0600, root), in one rename; the log never takes more than twice
 * `healLogFileBytes`. Throws a HostFault where the state directory can't be written: a note, the repair was made.
 */
export async function appendHealRecord(host: Host, record: HealRecord): Promise<void> {
  const secret = ownership(root, "0600");
  await host.fs.makeDirectory(paths.state, ownership(root, "0700"));
  const lines = await linesOf(host, paths.healLog);
  const line = lineOf(record);
  const text = [...lines, line, ""].join("\n");
  if (Buffer.byteLength(text) <= healLogFileBytes) return await host.fs.write(paths.healLog, text, secret);
  // Cut short after the copy, both files hold the same lines: a reader takes each once, the next run copies again.
  await host.fs.copy(paths.healLog, rotated, secret);
  await host.fs.write(paths.healLog, `${line}\n`, secret);
}

/** Which records are wanted: the last `limit` of those at or after `since` (ISO). All without either. */
export interface HealLogQuery {
  readonly limit?: number | undefined;
  readonly since?: string | undefined;
}

/** The records of the heal log, oldest first. Damaged lines are left out. Throws a HostFault where it can't be read. */
export async function readHealRecords(host: Host, query: HealLogQuery = {}): Promise<readonly HealRecord[]> {
  const lines = [...(await linesOf(host, rotated)), ...(await linesOf(host, paths.healLog))];
  const since = query.since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(query.since);
  const records = [...new Set(lines)].flatMap((line) => schema.safeParse(parseLine(line)).data ?? []);
  const wanted = records.filter(({ at }) => Date.parse(at) >= since);
  return query.limit === undefined ? wanted : wanted.slice(Math.max(0, wanted.length - query.limit));
}

/** What a report does not know of itself. `kind`: by the report's mode unless given. */
type Circumstances = Pick<HealRecord, "at" | "trigger" | "cause" | "seconds"> &
  Partial<Pick<HealRecord, "kind" | "gate" | "restarts">>;

/** A report as a record of the heal log: what differed, what became of it, the worst thing in the way, the restarts. Pure. */
export function healRecordOf(report: Report, circumstances: Circumstances): HealRecord {
  const [worst] = troubles(report);
  const gate = worst === undefined ? {} : { gate: { id: worst.source, reason: worst.reason } };
  const changes = report.outcomes.flatMap((it) =>
    it.outcome === "unchanged"
      ? []
      : [{ id: it.id, action: it.change.action, outcome: it.outcome, drift: it.change.drift }],
  );
  return {
    kind: report.mode === "plan" ? "report" : "heal",
    restarts: restartsOf(report),
    ...gate,
    ...circumstances,
    changes,
  };
}

/** A service is applied by a restart; one that failed was restarted as well, and did not come up. */
function restartsOf({ outcomes }: Report): readonly string[] {
  const applied = outcomes.filter(({ outcome }) => outcome === "changed" || outcome === "failed");
  return applied.flatMap(({ id }) => (id.startsWith("service:") ? [id.slice("service:".length)] : []));
}

/** A hook tool takes at most 128 KiB as one argument. */
const resultBytes = 64 * 1024;

/**
 * Records as results of an action: texts by kebab-case keys. The oldest are left out where they would be more than a
 * hook tool can take, and `left-out` says how many. Pure.
 */
export function healLogResults(records: readonly HealRecord[]): Readonly<Record<string, string>> {
  const kept: HealRecord[] = [];
  let bytes = 2;
  for (const record of records.toReversed()) {
    bytes += Buffer.byteLength(JSON.stringify(record)) + 1;
    if (bytes > resultBytes) break;
    kept.unshift(record);
  }
  const leftOut = records.length - kept.length;
  return {
    count: String(kept.length),
    records: JSON.stringify(kept),
    ...(leftOut === 0 ? {} : { "left-out": String(leftOut) }),
  };
}
