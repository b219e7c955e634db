import { effectiveConfig } from "../conductor/effective-config.ts";
import { faultAsEnding, plan } from "../conductor/graft.ts";
import { healLogResults, readHealRecords } from "../conductor/heal-log.ts";
import { requireOwn } from "../conductor/owner.ts";
import { paths } from "../conductor/paths.ts";
import { restartServices } from "../conductor/restart.ts";
import { rollback } from "../conductor/rollback.ts";
import { checkUpgradeOfLast } from "../conductor/upgrade-check.ts";
import { verifyLast } from "../conductor/verify.ts";
import type { Host } from "../host/host.ts";
import {
  type ActionEnd,
  effectiveEnd,
  planEnd,
  restartEnd,
  upgradeEnd,
  verifyEnd,
  walkEnd,
} from "./action-results.ts";
import { announce, conclude } from "./announce.ts";
import { reconcileUnit } from "./charm.ts";
import { hookCommand } from "./hook-command.ts";
import { beginAmongPeers } from "./peers.ts";
import type { Asked } from "./quiet.ts";
import { tellAmongPeers } from "./roll-news.ts";
import { statusFor, troubleStatus } from "./status.ts";
import { thisUnit, wishOf } from "./wanted.ts";

type Params = Readonly<Record<string, unknown>>;

type Action = (host: Host, params: Params, asked: Asked | undefined) => Promise<ActionEnd>;

async function progress(text: string): Promise<void> {
  await hookCommand("action-log", ["--", text]);
}

function needed(asked: Asked | undefined, name: string): Asked {
  if (asked === undefined) throw new Error(`the action ${name} was run without the options`);
  return asked;
}

const planned: Action = async (host, _params, asked) => {
  await progress("comparing the unit with the options");
  const wanted = await wishOf(host, needed(asked, "plan"));
  if ("trouble" in wanted) return planEnd({ blocked: troubleStatus(wanted.trouble).message });
  return planEnd(await plan(host, wanted.wish));
};

const apply: Action = async (host, _params, asked) => {
  const { status, ending } = await reconcileUnit(host, needed(asked, "apply"), {
    explicit: true,
    trigger: "action apply",
    also: progress,
  });
  return walkEnd(ending, status);
};

const verified: Action = async (host) => {
  await progress("judging every gate, which takes up to a minute after a restart");
  return verifyEnd(await verifyLast(host));
};

const restarted: Action = async (host, { "deferred-only": deferredOnly }) => {
  const { watch, told } = announce(progress, "restarting services");
  const peers = await beginAmongPeers(host);
  const ending = await restartServices(host, { deferredOnly: deferredOnly !== false }, { watch });
  // What never began says nothing of the unit: its status stays what it is.
  if (!(await told()) && ending.end !== "report") return restartEnd(ending, statusFor(ending));
  // The services alone were looked at: the next hook looks at all of the unit.
  await host.fs.remove(paths.signature);
  const note = await tellAmongPeers(host, peers, { ending, state: statusFor(ending).status });
  return restartEnd(ending, await conclude(ending, note));
};

const back: Action = async (host, { to }) => {
  const { watch, told } = announce(progress);
  const peers = await beginAmongPeers(host);
  const target = to === "previous" ? to : { driver: String(to) };
  const ending = await faultAsEnding(() => rollback(host, target, { watch, trigger: "action rollback" }));
  // What never began says nothing of the unit: its status stays what it is.
  if (!(await told()) && ending.end !== "report") return walkEnd(ending, statusFor(ending));
  // Also where the unit is as before: the next hook looks at all of it, and its status is true again.
  await host.fs.remove(paths.signature);
  const note = await tellAmongPeers(host, peers, { ending, state: statusFor(ending).status });
  return walkEnd(ending, await conclude(ending, note));
};

const shown: Action = async (host) => {
  await progress("asking the daemons' own Magnum");
  const found = await faultAsEnding(() => effectiveConfig(host));
  return "end" in found ? { ...effectiveEnd([]), failure: found.reason } : effectiveEnd(found);
};

const healLog: Action = async (host, { limit }) => {
  return { results: healLogResults(await readHealRecords(host, { limit: Number(limit) })) };
};

const upgrade: Action = async (host, { driver, chart, capi }) => {
  await progress("asking the management cluster what it serves");
  const [forDriver, forChart, forCapi] = [driver, chart, capi].map((it) =>
    it === undefined ? undefined : String(it),
  );
  const planned = { driver: forDriver, chart: forChart, capi: forCapi };
  return upgradeEnd(await checkUpgradeOfLast(host, planned));
};

const actions: Readonly<Record<string, Action>> = {
  plan: planned,
  apply,
  verify: verified,
  "restart-services": restarted,
  rollback: back,
  "show-effective-config": shown,
  "heal-log": healLog,
  "upgrade-check": upgrade,
};

/**
 * Runs an action. A failure is told with action-fail and the process ends well, since Juju drops the message of one
 * that does not. Throws for our defects only.
 */
export async function runAction(host: Host, name: string, asked: Asked | undefined): Promise<void> {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) return await fail(`there is no action ${name}`);
  const params = await hookCommand("action-get", ["--format=json"]);
  const given = (params.code === 0 ? (JSON.parse(params.stdout) as Params | null) : null) ?? {};
  const end = await faultAsEnding(async () => {
    await requireOwn(host, thisUnit());
    return await action(host, given, asked);
  });
  if ("end" in end) return await fail(`${end.reason}; next: ${end.remedy}`);
  const words = Object.entries(end.results).map(([key, value]) => `${key}=${value}`);
  await hookCommand("action-set", words);
  if (end.failure !== undefined) await fail(end.failure);
}

async function fail(message: string): Promise<void> {
  await hookCommand("action-fail", ["--", message]);
}
