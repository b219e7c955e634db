import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import * as z from "zod";
import { findConductor } from "../conductor/conductor.ts";
import { parseConfig } from "../conductor/config.ts";
import { deferredServices } from "../conductor/deferred.ts";
import { desiredState } from "../conductor/desired-state.ts";
import { effectiveConfig } from "../conductor/effective-config.ts";
import { apply, type Ending, lastWish, plan, type Reported, undo } from "../conductor/graft.ts";
import { type HealLogQuery, readHealRecords } from "../conductor/heal-log.ts";
import { showHold } from "../conductor/hold.ts";
import { hasProxy } from "../conductor/proxies.ts";
import { restartServices } from "../conductor/restart.ts";
import { rollback } from "../conductor/rollback.ts";
import { checkUpgrade } from "../conductor/upgrade-check.ts";
import { verify } from "../conductor/verify.ts";
import type { Wish } from "../conductor/wish.ts";
import { type Host, HostFault, readText } from "../host/host.ts";
import { type Proxies, showProxy } from "../host/proxy.ts";
import type { GateResult } from "../reconcile/gate.ts";
import type { Progress } from "../reconcile/reconcile.ts";
import { inLine, type Report } from "../reconcile/report.ts";
import { type Printed, printAccess, printKubeconfig } from "./access.ts";
import { renderHealLog } from "./heal-log.ts";
import { help, helpOf } from "./help.ts";
import {
  type Paint,
  paint,
  renderEffectiveConfig,
  renderGates,
  renderHold,
  renderProgress,
  renderRefusals,
  renderReport,
} from "./render.ts";
import { parseRequest, type Run } from "./request.ts";
import { plannedBy, renderUpgradeCheck } from "./upgrade-check.ts";
import type { Verb } from "./verbs.ts";

/** What the command reads and writes, so that tests can hand in their own. */
export interface CliWorld {
  readonly host: Host;
  out(text: string): void;
  err(text: string): void;
  readonly colour: boolean;
}

interface Call {
  readonly verb: Verb;
  readonly json: boolean;
  readonly world: CliWorld;
  readonly paint: Paint;
}

const exit = { inLine: 0, error: 1, drift: 2, wrongUse: 64 } as const;

function say(call: Call, document: unknown, text: string): void {
  call.world.out(call.json ? `${JSON.stringify(document)}\n` : text);
}

async function wishFromFile(host: Host, path: string): Promise<Wish> {
  const text = await readText(host.fs, resolve(path));
  if (text === undefined) throw new HostFault(`${path} is not there`, { remedy: "name an existing file" });
  const options = z.record(z.string(), z.unknown()).safeParse(parseYaml(text));
  if (!options.success)
    throw new HostFault(`${path} is no YAML mapping of options`, { remedy: "capi-graft --help" });
  const { kubeconfig, ...others } = options.data;
  const { proxies, rest } = takeProxies(others);
  if (typeof kubeconfig !== "string") {
    throw new HostFault(`${path} has no kubeconfig`, { remedy: "kubeconfig: the path of a file" });
  }
  const content = await readText(host.fs, resolve(dirname(path), kubeconfig));
  if (content === undefined)
    throw new HostFault(`${kubeconfig} is not there`, { remedy: "name an existing file" });
  const strings = Object.fromEntries(Object.entries(rest).map(([name, it]) => [name, asOption(it)]));
  return { options: { ...strings, kubeconfig }, kubeconfig: content, ...proxies };
}

/** The proxies of a file, which are the model's settings where there is a model, apart from the options. */
function takeProxies(options: Readonly<Record<string, unknown>>): {
  readonly proxies: Pick<Wish, "proxies">;
  readonly rest: Readonly<Record<string, unknown>>;
} {
  const {
    "juju-http-proxy": http = "",
    "juju-https-proxy": https = "",
    "juju-no-proxy": no = "",
    ...rest
  } = options;
  const told = { http: String(http), https: String(https), no: String(no) };
  return { proxies: hasProxy(told) ? { proxies: told } : {}, rest };
}

function parseYaml(text: string): unknown {
  try {
    return parse(text, { logLevel: "error" });
  } catch {
    return undefined;
  }
}

/** A YAML file may hold `api-resources` and `capi-helm-options` as mappings: the options are the same as JSON text. */
function asOption(it: unknown): unknown {
  return typeof it === "object" && it !== null ? JSON.stringify(it) : it;
}

async function wishFor(host: Host, config: string | undefined): Promise<Wish> {
  if (config !== undefined) return await wishFromFile(host, config);
  const wish = await lastWish(host);
  if (wish !== undefined) return wish;
  throw new HostFault("nothing was applied on this unit yet", {
    remedy: "give --config FILE, or let the charm do it",
  });
}

function progressOf(call: Call): (progress: Progress) => void {
  return (progress) => {
    const text = call.json ? undefined : renderProgress(progress);
    if (text !== undefined) call.world.err(text);
  };
}

function endReport(call: Call, report: Report, more: Pick<Reported, "hold" | "back"> = {}): number {
  const { hold, back } = more;
  const good = inLine(report) && hold?.kind !== "reverted";
  const document = {
    "in-line": good,
    ...report,
    ...(hold === undefined ? {} : { hold: showHold(hold) }),
    ...(back === undefined ? {} : { back }),
  };
  const text = hold === undefined ? "" : renderHold(hold, back);
  say(call, document, `${renderReport(report, call.paint)}${text}`);
  return good ? exit.inLine : exit.drift;
}

function endOther(call: Call, ending: Exclude<Ending, Reported>): number {
  if (ending.end === "refused") {
    say(call, ending, `refused, nothing was changed:\n${renderRefusals(ending.refusals)}`);
  } else if (ending.end === "no-conductor") {
    say(call, ending, `no Magnum conductor here: ${ending.missing}\n`);
  } else if (ending.end === "busy") {
    say(call, ending, "another run is at work\n");
  } else if (ending.end === "held") {
    say(call, { end: "held", hold: showHold(ending.hold) }, renderHold(ending.hold));
  } else {
    say(call, ending, `${ending.reason}${ending.remedy === "" ? "" : `; next: ${ending.remedy}`}\n`);
  }
  return exit.error;
}

function endWalk(call: Call, ending: Ending): number {
  return ending.end === "report" ? endReport(call, ending.report, ending) : endOther(call, ending);
}

async function verified(call: Call, wish: Wish): Promise<number> {
  const ending = await verify(call.world.host, wish, progressOf(call));
  if (ending.end !== "report") return endOther(call, ending);
  const { report } = ending;
  const { gates } = report;
  const drift = report.outcomes.filter(({ outcome }) => outcome === "drifted").length;
  const good = inLine(report);
  const differs = drift === 0 ? "" : drift === 1 ? ", 1 resource differs" : `, ${drift} resources differ`;
  const late = deferredServices(report);
  const deferred = late.length === 0 ? "" : `, restart deferred: ${late.join(", ")}`;
  const text = `${renderGates(gates, call.paint)}\n${summary(gates)}${differs}${deferred}\n`;
  say(call, { "in-line": good, ...report }, text);
  return good ? exit.inLine : exit.drift;
}

async function showEffectiveConfig(call: Call): Promise<number> {
  const services = await effectiveConfig(call.world.host);
  say(call, { services }, renderEffectiveConfig(services));
  return services.every(({ error }) => error === undefined) ? exit.inLine : exit.drift;
}

function summary(gates: readonly GateResult[]): string {
  const count = (state: GateResult["state"]) => gates.filter((gate) => gate.state === state).length;
  return `${count("open")} open, ${count("closed")} closed, ${count("not checked")} not checked`;
}

async function status(call: Call, wish: Wish): Promise<number> {
  const { host } = call.world;
  const config = parseConfig(wish.options, wish.kubeconfig, wish);
  const unit = await findConductor(host);
  if ("missing" in unit) return endOther(call, { end: "no-conductor", ...unit });
  if (!("kubeconfig" in config)) return endOther(call, { end: "refused", refusals: config });
  const states = await Promise.all(
    desiredState(config, unit, wish).resources.map(async (it) => ({
      id: it.id,
      state: await it.observe(host),
    })),
  );
  const lines = states.map(({ id, state }) => {
    if (state === "absent") return `${id}: absent`;
    const keys = Object.entries(state).map(([key, it]) => `${key}=${String(it).slice(0, 60)}`);
    return `${id}: ${keys.join(" ")}`;
  });
  const { proxies, ...rest } = config;
  const options = { ...rest, kubeconfig: "(content not shown)", ...shownProxies(proxies) };
  const wanted = Object.entries(options).map(([name, it]) => `  ${name}: ${onOneLine(it)}`);
  say(
    call,
    { options, resources: states },
    `desired:\n${wanted.join("\n")}\nobserved:\n  ${lines.join("\n  ")}\n`,
  );
  return exit.inLine;
}

/** An option that is a list or has several lines, for people. */
function onOneLine(it: unknown): string {
  const text = typeof it === "object" ? JSON.stringify(it) : String(it);
  return text.includes("\n") ? `(${text.length} characters)` : text;
}

/** The model's proxies under the model's names, without logins. */
function shownProxies(proxies: Proxies | undefined): Readonly<Record<string, string>> {
  if (proxies === undefined) return {};
  const { http, https, direct } = proxies;
  return {
    ...(http === undefined ? {} : { "juju-http-proxy": showProxy(http) }),
    ...(https === undefined ? {} : { "juju-https-proxy": showProxy(https) }),
    "no-proxy": direct.join(","),
  };
}

async function remove(call: Call, given: Run["given"]): Promise<number> {
  const abandons = given["abandon-clusters"] === true ? { abandons: true } : {};
  const report = await undo(call.world.host, "apply", { watch: progressOf(call), ...abandons });
  if (report === undefined) {
    say(call, { "in-line": true, outcomes: [] }, "nothing was ever changed on this unit\n");
    return exit.inLine;
  }
  return "end" in report ? endOther(call, report) : endReport(call, report);
}

async function healLog(call: Call, { limit, since }: Run["given"]): Promise<number> {
  const query: HealLogQuery = {
    limit: limit === undefined ? undefined : Number(limit),
    since: since === undefined ? undefined : String(since),
  };
  const records = await readHealRecords(call.world.host, query);
  say(call, { records }, renderHealLog(records, call.paint));
  return exit.inLine;
}

async function back(call: Call, to: string): Promise<number> {
  const target = to === "previous" ? to : { driver: to };
  const options = { watch: progressOf(call), trigger: "capi-graft rollback" };
  return endWalk(call, await rollback(call.world.host, target, options));
}

async function restart(call: Call, given: Run["given"]): Promise<number> {
  const request = { deferredOnly: given["deferred-only"] === true };
  const ending = await restartServices(call.world.host, request, { watch: progressOf(call) });
  // What is held back is no fault of a restart.
  return ending.end === "report" ? endReport(call, ending.report) : endOther(call, ending);
}

async function walk(call: Call, verb: "plan" | "apply" | "verify" | "status", given: Run["given"]) {
  const { host } = call.world;
  const wish = await wishFor(host, given.config === undefined ? undefined : String(given.config));
  const watch = progressOf(call);
  if (verb === "plan") return endWalk(call, await plan(host, wish, watch));
  if (verb === "apply")
    return endWalk(call, await apply(host, wish, { watch, explicit: true, trigger: "capi-graft apply" }));
  return verb === "verify" ? await verified(call, wish) : await status(call, wish);
}

async function upgrade(call: Call, given: Run["given"]): Promise<number> {
  const { host } = call.world;
  const { config } = given;
  const wish = config === undefined ? await lastWish(host) : await wishFromFile(host, String(config));
  const end = await checkUpgrade(host, wish, plannedBy(given));
  if (end.end === "refused") return endOther(call, end);
  return printed(call, renderUpgradeCheck(end, call.paint));
}

function printed(call: Call, { document, text, good }: Printed): number {
  say(call, document, text);
  return good ? exit.inLine : exit.drift;
}

async function run(call: Call, { verb, given }: Run): Promise<number> {
  switch (verb) {
    case "remove":
      return await remove(call, given);
    case "heal-log":
      return await healLog(call, given);
    case "rollback":
      return await back(call, String(given.to ?? "previous"));
    case "show-effective-config":
      return await showEffectiveConfig(call);
    case "restart-services":
      return await restart(call, given);
    case "rbac":
      return printed(call, await printAccess(call.world.host, given));
    case "kubeconfig":
      return printed(call, await printKubeconfig(call.world.host, given));
    case "upgrade-check":
      return await upgrade(call, given);
    default:
      return await walk(call, verb, given);
  }
}

/** The command `capi-graft`: reads its arguments, does one verb, gives the exit code. Throws for our defects only. */
export async function runCli(args: readonly string[], world: CliWorld): Promise<number> {
  const request = parseRequest(args);
  if (request.kind === "help") {
    world.out(request.verb === undefined ? help : helpOf(request.verb));
    return exit.inLine;
  }
  if (request.kind === "wrong") {
    world.err(`capi-graft: ${request.reason}\ncapi-graft --help says more\n`);
    return exit.wrongUse;
  }
  const call: Call = { verb: request.verb, json: request.json, world, paint: paint(world.colour) };
  try {
    return await run(call, request);
  } catch (error) {
    if (!(error instanceof HostFault)) throw error;
    if (call.json) world.out(`${JSON.stringify({ error: error.message, remedy: error.remedy })}\n`);
    world.err(`capi-graft: ${error.message}${error.remedy === "" ? "" : `; next: ${error.remedy}`}\n`);
    return exit.error;
  }
}
