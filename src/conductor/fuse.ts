import { type Host, HostFault, readText } from "../host/host.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { ownership, root } from "../resources/owner.ts";
import { paths } from "./paths.ts";

/** How often one thing may be repaired: `limit` times in `windowMinutes` minutes. */
interface FuseLimits {
  readonly limit: number;
  readonly windowMinutes: number;
}

/** One repair: when (milliseconds since the epoch), and what had undone it, as far as known. */
interface Repair {
  readonly at: number;
  readonly cause?: string;
}

type Repairs = Readonly<Record<string, readonly Repair[]>>;

/** Keeps a unit from fighting for ever with something that undoes its repairs. */
export interface Fuse {
  /** Open while `id` may be repaired: for `Resource.gates`. */
  gate(id: string): Gate;
  /** When `id` may be repaired next, milliseconds since the epoch; `undefined` when at once, or not by time at all. */
  retryAt(id: string): Promise<number | undefined>;
  /** Writes down that these were repaired just now, and the likely cause in words. Throws a HostFault where the state directory can't be written. */
  note(ids: readonly string[], cause?: string): Promise<void>;
  /** Forgets all repairs: everything may be repaired again. */
  rearm(): Promise<void>;
}

/** Seconds to wait before another repair of one thing, from its second within the window on. */
const waits = [5, 15, 45, 120] as const;

const mostThings = 64;

function isRepair(it: unknown): it is Repair {
  return typeof it === "object" && it !== null && "at" in it && typeof it.at === "number";
}

/** What a power cut or a full disk has damaged counts as nothing: at worst a fight goes on a little longer. */
async function readRepairs(host: Host): Promise<Repairs> {
  try {
    const found: unknown = JSON.parse((await readText(host.fs, paths.repairs)) ?? "{}");
    const entries = typeof found === "object" && found !== null ? Object.entries(found) : [];
    return Object.fromEntries(
      entries.map(([id, list]) => [id, Array.isArray(list) ? list.filter(isRepair) : []]),
    );
  } catch (error) {
    if (error instanceof HostFault || error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Those within the window, before or behind now: a clock that was set back neither hides them all nor keeps them for ever. */
function recent(repairs: Repairs, id: string, limits: FuseLimits, now: number): readonly Repair[] {
  return (repairs[id] ?? []).filter(({ at }) => Math.abs(now - at) <= limits.windowMinutes * 60_000);
}

/** A repair in the future was made before the clock was set back: how long ago is not known, so nobody waits for it. */
function dueAt(repairs: readonly Repair[], now: number): number | undefined {
  const last = repairs.at(-1);
  if (last === undefined || repairs.length < 2 || last.at > now) return undefined;
  const due = last.at + (waits[Math.min(repairs.length, waits.length + 1) - 2] ?? 0) * 1000;
  return due > now ? due : undefined;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function timeOfDay(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 16)} UTC`;
}

function blown(id: string, repairs: readonly Repair[], { windowMinutes }: FuseLimits): GateState {
  const last = repairs.at(-1);
  const window = windowMinutes === 1 ? "a minute" : `${windowMinutes} minutes`;
  const detail = `(${times(repairs.length)} in ${window}, last at ${timeOfDay(last?.at ?? 0)})`;
  const who = last?.cause?.replace(/^(maybe |written by )+/, "") ?? "unknown";
  if (who === "unknown") {
    return closed("operator", `${id} is undone again and again ${detail}`, "find its cause, then run apply");
  }
  return closed("operator", `${id} is undone, likely by ${who} ${detail}`, "stop that, run apply");
}

function judgeRepairs(id: string, repairs: readonly Repair[], limits: FuseLimits, now: number): GateState {
  if (repairs.length >= limits.limit) return blown(id, repairs, limits);
  const due = dueAt(repairs, now);
  if (due === undefined) return open();
  const next = new Date(due).toISOString().slice(11, 19);
  return closed(
    "time",
    `next repair of ${id} is due at ${next} UTC (${times(repairs.length)} in ${limits.windowMinutes} minutes)`,
    "wait, or find its cause",
  );
}

/**
 * The fuse of this machine. What was repaired is in `repairs.json` of the state directory, and is read anew each time
 * that it is asked for; one that can't be read counts as empty.
 */
export function fuseFor(host: Host, limits: FuseLimits): Fuse {
  const now = () => host.now().getTime();
  return {
    gate: (id) => ({
      id: "self-heal-fuse",
      title: `${id} does not have to be repaired again and again`,
      check: async (machine) =>
        judgeRepairs(id, recent(await readRepairs(machine), id, limits, now()), limits, now()),
    }),
    retryAt: async (id) => {
      const repairs = recent(await readRepairs(host), id, limits, now());
      return repairs.length >= limits.limit ? undefined : dueAt(repairs, now());
    },
    note: async (ids, cause) => {
      if (ids.length === 0) return;
      const next = added(await readRepairs(host), ids, cause, limits, now());
      await host.fs.makeDirectory(paths.state, ownership(root, "0700"));
      await host.fs.write(paths.repairs, `${JSON.stringify(next)}\n`, ownership(root, "0600"));
    },
    rearm: () => host.fs.remove(paths.repairs),
  };
}

/** The repairs with new ones, without those that do not count any more. */
function added(
  repairs: Repairs,
  ids: readonly string[],
  cause: string | undefined,
  limits: FuseLimits,
  now: number,
): Repairs {
  const known = cause !== undefined && cause !== "unknown";
  const repair: Repair = { at: now, ...(known ? { cause: cause.slice(0, 120) } : {}) };
  const all = [...new Set([...ids, ...Object.keys(repairs)])].slice(0, mostThings);
  const kept = all.map((id) => {
    const list = [...recent(repairs, id, limits, now), ...(ids.includes(id) ? [repair] : [])];
    return [id, list.slice(-limits.limit)] as const;
  });
  return Object.fromEntries(kept.filter(([, list]) => list.length > 0));
}
