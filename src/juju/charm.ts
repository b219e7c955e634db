import { apply, type Ending, faultAsEnding, healLast, undo } from "../conductor/graft.ts";
import { committedWish, isSameWish, type Wish } from "../conductor/wish.ts";
import type { Host } from "../host/host.ts";
import { changesOf, type Report, troubles } from "../reconcile/report.ts";
import { announce, conclude, log, setStatus } from "./announce.ts";
import { type HookAnswer, hookCommand } from "./hook-command.ts";
import { type Asked, kubeconfigOf, toldProxies } from "./quiet.ts";
import { lastOrigin, signer } from "./signer.ts";
import { statusFor, type UnitStatus } from "./status.ts";

function getSecret(uri: string): Promise<HookAnswer> {
  return hookCommand("secret-get", ["--format=json", "--refresh", uri]);
}

type Kubeconfig = { readonly text: string } | { readonly blocked: string };

async function readKubeconfig(uri: string, asked: Asked): Promise<Kubeconfig> {
  const app = process.env["JUJU_UNIT_NAME"]?.split("/")[0] ?? "magnum-capi-helm";
  if (uri === "") return { blocked: `set the kubeconfig: juju config ${app} kubeconfig=secret:ID` };
  const answer = asked.secret?.uri === uri ? asked.secret.answer : await getSecret(uri);
  if (answer.code !== 0) return { blocked: `can't read ${uri}: juju grant-secret ${uri} ${app}` };
  const text = kubeconfigOf(answer);
  if (text !== undefined) return { text };
  return { blocked: `${uri} has no key kubeconfig: juju update-secret ${uri} kubeconfig#file=PATH` };
}

/** How a run through Juju is asked for. */
interface RunOptions {
  /** Asked for by a person. */
  readonly explicit?: boolean;
  readonly trigger: string;
  /** Told what is done, besides the unit's log. */
  also?(text: string): Promise<void>;
}

/** What a run through Juju came to: the status that was set, and the ending where there was one. */
export interface RunEnd {
  readonly status: UnitStatus;
  readonly ending?: Ending;
}

async function faultAsStatus(work: () => Promise<RunEnd>): Promise<RunEnd> {
  const end = await faultAsEnding(work);
  if (!("end" in end)) return end;
  const status = statusFor(end);
  await setStatus(status);
  return { status, ending: end };
}

function wishedProxies(told: string): Pick<Wish, "proxies"> {
  if (told === "") return {};
  const [http = "", https = "", no = ""] = JSON.parse(told) as readonly string[];
  return { proxies: { http, https, no } };
}

/** Whether a hook has nothing more to try: what was asked for is in force, or held back. */
async function isInForce(host: Host, wish: Wish, ending: Ending): Promise<boolean> {
  const committed = await committedWish(host);
  const isHeld = ending.end === "report" && ending.hold !== undefined;
  return isHeld || (committed !== undefined && isSameWish(committed, wish));
}

/** Brings the unit in line with the options as Juju has them; the unit's status says how that went. */
export function reconcileUnit(host: Host, asked: Asked, options: RunOptions): Promise<RunEnd> {
  return faultAsStatus(async () => {
    if (asked.config.code !== 0) throw new Error(`config-get failed (${asked.config.code}): see above`);
    const { kubeconfig, ...rest } = JSON.parse(asked.config.stdout) as Record<string, unknown>;
    const uri = typeof kubeconfig === "string" ? kubeconfig : "";
    const told = toldProxies(process.env);
    const origin = { config: asked.config.stdout, secret: uri, ...(told === "" ? {} : { proxies: told }) };
    const secret = await readKubeconfig(uri, asked);
    if ("blocked" in secret) {
      await signer(host, { ...origin, blocked: true }, process.cwd()).keep();
      const status = { status: "blocked", message: secret.blocked } as const;
      await setStatus(status);
      return { status };
    }
    const { watch, told: saidAll } = announce(options.also);
    const { settled, keep } = signer(host, origin, process.cwd());
    const wish = {
      options: { ...rest, kubeconfig: uri },
      kubeconfig: secret.text,
      ...wishedProxies(told),
      charmDirectory: process.cwd(),
      unitName: process.env["JUJU_UNIT_NAME"] ?? "",
    };
    const { explicit = false, trigger } = options;
    const ending = await apply(host, wish, { watch, settled, explicit, trigger });
    await saidAll();
    await keep(ending, (await isInForce(host, wish, ending)) ? {} : { blocked: true });
    return { status: await conclude(ending), ending };
  });
}

/** Every hook but stop and remove: the unit is brought in line with the options, and its status says how that went. */
export async function reconcileHook(host: Host, asked: Asked): Promise<void> {
  await reconcileUnit(host, asked, { trigger: `hook ${hookName()}` });
}

function hookName(): string {
  return process.env["JUJU_DISPATCH_PATH"]?.split("/").at(-1) ?? "";
}

/** The hook that the watch asks Juju to run: the unit is brought back to what it was last asked for. */
export async function healHook(host: Host): Promise<void> {
  const fault = await faultAsEnding(() => healUnit(host));
  if (fault !== undefined) await setStatus(statusFor(fault));
}

async function healUnit(host: Host): Promise<void> {
  const origin = await lastOrigin(host);
  // What blocked the last hook is Juju's to cure, and its status says how.
  const isBlocked = origin.blocked !== undefined;
  const { watch, told } = isBlocked ? { watch: () => {}, told: async () => {} } : announce();
  const { settled, keep } = signer(host, origin, process.cwd());
  const ending = await healLast(host, { settled, watch, trigger: "watch" });
  await told();
  if (ending === undefined) return;
  await keep(ending);
  if (!isBlocked) await conclude(ending);
}

async function tellUndone(report: Report): Promise<void> {
  for (const { id, action } of changesOf(report)) await log("INFO", `${action} ${id}`);
  for (const { source, reason } of troubles(report)) await log("ERROR", `not removed: ${source}: ${reason}`);
}

/** stop and remove: everything that was ever done on the unit is taken back. */
export async function undoHook(host: Host): Promise<void> {
  const report = await undo(host, "apply");
  if (report === undefined) return;
  if ("end" in report) {
    const why = report.end === "fault" ? report.reason : "another run of capi-graft is at work";
    return await log("ERROR", `not all was removed: ${why}`);
  }
  await tellUndone(report);
}
