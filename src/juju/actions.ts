import { type Ending, faultAsEnding } from "../conductor/graft.ts";
import { healLogResults, readHealRecords } from "../conductor/heal-log.ts";
import { paths } from "../conductor/paths.ts";
import { rollback } from "../conductor/rollback.ts";
import type { Host } from "../host/host.ts";
import { inLine } from "../reconcile/report.ts";
import { announce, conclude } from "./announce.ts";
import { reconcileUnit } from "./charm.ts";
import { hookCommand } from "./hook-command.ts";
import type { Asked } from "./quiet.ts";
import { statusFor, type UnitStatus } from "./status.ts";

type Params = Readonly<Record<string, unknown>>;

/** What an action gives back: flat texts by kebab-case keys, and why it failed, where it did. */
interface ActionEnd {
  readonly results: Readonly<Record<string, string>>;
  readonly failure?: string;
}

type Action = (host: Host, params: Params, asked: Asked | undefined) => Promise<ActionEnd>;

async function progress(text: string): Promise<void> {
  await hookCommand("action-log", ["--", text]);
}

/** What became of a walk, for a pipeline to read. */
function endOf(ending: Ending | undefined, { status, message }: UnitStatus): ActionEnd {
  const report = ending?.end === "report" ? ending.report : undefined;
  const isReverted = ending?.end === "report" && ending.hold?.kind === "reverted";
  const isInLine = report !== undefined && inLine(report) && !isReverted;
  const isBack = ending?.end === "report" && ending.back !== undefined;
  const outcomes = report === undefined || isBack ? [] : report.outcomes;
  const changed = outcomes.flatMap((it) => (it.outcome === "changed" ? [it.change] : []));
  const services = changed.flatMap(({ id }) => (id.startsWith("service:") ? [id.slice(8)] : []));
  const results = {
    "in-line": String(isInLine),
    changes: JSON.stringify(changed),
    restarts: services.join(" "),
    status,
    message,
  };
  return isInLine ? { results } : { results, failure: message };
}

const apply: Action = async (host, _params, asked) => {
  if (asked === undefined) throw new Error("the action apply was run without the options");
  const { status, ending } = await reconcileUnit(host, asked, {
    explicit: true,
    trigger: "action apply",
    also: progress,
  });
  return endOf(ending, status);
};

const back: Action = async (host, { to }) => {
  const { watch, told } = announce(progress);
  const target = to === "previous" ? to : { driver: String(to) };
  const ending = await faultAsEnding(() => rollback(host, target, { watch, trigger: "action rollback" }));
  // What never began says nothing of the unit: its status stays what it is.
  if (!(await told()) && ending.end !== "report") return endOf(ending, statusFor(ending));
  // Also where the unit is as before: the next hook looks at all of it, and its status is true again.
  await host.fs.remove(paths.signature);
  return endOf(ending, await conclude(ending));
};

const healLog: Action = async (host, { limit }) => {
  return { results: healLogResults(await readHealRecords(host, { limit: Number(limit) })) };
};

const actions: Readonly<Record<string, Action>> = { apply, rollback: back, "heal-log": healLog };

/**
 * Runs an action. A failure is told with action-fail and the process ends well, since Juju drops the message of one
 * that does not. Throws for our defects only.
 */
export async function runAction(host: Host, name: string, asked: Asked | undefined): Promise<void> {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) return await fail(`there is no action ${name}`);
  const params = await hookCommand("action-get", ["--format=json"]);
  const given = (params.code === 0 ? (JSON.parse(params.stdout) as Params | null) : null) ?? {};
  const end = await faultAsEnding(() => action(host, given, asked));
  if ("end" in end) return await fail(`${end.reason}; next: ${end.remedy}`);
  const words = Object.entries(end.results).map(([key, value]) => `${key}=${value}`);
  await hookCommand("action-set", words);
  if (end.failure !== undefined) await fail(end.failure);
}

async function fail(message: string): Promise<void> {
  await hookCommand("action-fail", ["--", message]);
}
