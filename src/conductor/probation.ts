import { type Host, readText } from "../host/host.ts";
import { closedOf } from "../reconcile/gate.ts";
import type { Report, Trouble } from "../reconcile/report.ts";
import { ownership, root } from "../resources/owner.ts";
import { firstPollMs } from "./log-gate.ts";
import { paths } from "./paths.ts";
import { type Wish, wishDigest } from "./wish.ts";

/** A change that held as far as seconds can tell: its daemons first ask their drivers for clusters a minute later. */
interface Probation {
  readonly wish: string;
  /** When the services have polled for the first time, milliseconds since the epoch. */
  readonly dueAt: number;
  /** Set where it is not taken back, only reported. */
  readonly stays?: true;
}

async function read(host: Host): Promise<Probation | undefined> {
  const text = await readText(host.fs, paths.probation);
  return text === undefined ? undefined : (JSON.parse(text) as Probation);
}

/**
 * Puts a change that restarted a service on probation, until that service has polled. Without `takesBack` a second look
 * is made then, and that is all.
 */
export async function putOnProbation(
  host: Host,
  wish: Wish,
  report: Report,
  { takesBack = true }: { readonly takesBack?: boolean } = {},
): Promise<void> {
  const restarted = report.outcomes.some(
    ({ id, outcome }) => id.startsWith("service:") && outcome === "changed",
  );
  if (!restarted) return;
  const dueAt = host.now().getTime() + firstPollMs;
  const probation: Probation = { wish: wishDigest(wish), dueAt, ...(takesBack ? {} : { stays: true }) };
  await host.fs.write(paths.probation, `${JSON.stringify(probation)}\n`, ownership(root, "0600"));
}

/** When a unit that is in line has to be looked at again; `undefined` when nothing calls for that. */
export async function secondLookAt(host: Host): Promise<number | undefined> {
  return (await read(host))?.dueAt;
}

/**
 * Ends the probation of the wish in force when its time has come, by the report of a look after that: why the change is
 * to be taken back, or `undefined`. Only what the services log of the graft counts: the rest was judged at once.
 */
export async function endProbation(host: Host, wish: Wish, report: Report): Promise<Trouble | undefined> {
  const probation = await read(host);
  if (probation === undefined) return undefined;
  const isOver = host.now().getTime() >= probation.dueAt;
  if (isOver || probation.wish !== wishDigest(wish)) await host.fs.remove(paths.probation);
  if (!isOver || probation.wish !== wishDigest(wish) || probation.stays === true) return undefined;
  const [gate] = closedOf(report.gates).filter(({ id, cure }) => id.endsWith("-log") && cure === "operator");
  if (gate === undefined) return undefined;
  return { source: gate.id, reason: gate.reason, remedy: gate.remedy, cure: gate.cure };
}
