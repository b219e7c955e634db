import { type ApplyOptions, apply, type Ending, faultAsEnding, healLast, undo } from "../conductor/graft.ts";
import { otherOwner, requireOwn } from "../conductor/owner.ts";
import { paths } from "../conductor/paths.ts";
import { committedWish, isSameWish, type Wish } from "../conductor/wish.ts";
import type { Host } from "../host/host.ts";
import { changesOf, type Report, troubles } from "../reconcile/report.ts";
import { announce, conclude, log, setLastStatus } from "./announce.ts";
import { hookCommand } from "./hook-command.ts";
import { beginAmongPeers, type Peers } from "./peers.ts";
import { type Asked, toldProxies } from "./quiet.ts";
import { tellAmongPeers } from "./roll-news.ts";
import { isLate, type SecretTrouble, uriTrouble } from "./secret.ts";
import { lastOrigin, type Origin, signer } from "./signer.ts";
import { statusFor, troubleStatus, type UnitStatus } from "./status.ts";
import { appName, hookName, lateOptions, thisUnit, wishOf } from "./wanted.ts";

/** How a run through Juju is asked for. */
interface RunOptions {
  /** Asked for by a person. */
  readonly explicit?: boolean;
  readonly trigger: string;
  /** What is known of the other units; asked for unless given. */
  readonly peers?: Peers;
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
  return { status: await conclude(end), ending: end };
}

async function withoutWish(
  host: Host,
  origin: Origin,
  trouble: SecretTrouble,
  peers: Peers,
): Promise<RunEnd> {
  // What is no secret's URI may be a secret itself: the stub must not ask for it.
  const secret = uriTrouble(origin.secret, appName()) === undefined ? origin.secret : "";
  await signer(host, { ...origin, secret, blocked: true }, process.cwd()).keep();
  const { cure, reason, remedy } = trouble;
  await log(cure === "operator" ? "ERROR" : "WARNING", `${reason}; next: ${remedy}`);
  const status = troubleStatus(trouble);
  const note = await tellAmongPeers(host, peers, { ending: undefined, state: status.status });
  await setLastStatus(status, note);
  return { status };
}

async function withoutOptions(): Promise<RunEnd> {
  const status = troubleStatus(lateOptions);
  await setLastStatus(status);
  return { status };
}

/** Whether a hook has nothing more to try: what was asked for is in force, or held back. */
async function isInForce(host: Host, wish: Wish, ending: Ending): Promise<boolean> {
  const committed = await committedWish(host);
  const isHeld = ending.end === "report" && ending.hold !== undefined;
  if (isHeld || committed === undefined) return isHeld;
  // Which API versions it comes to was found on the way.
  const { apiResources } = committed;
  return isSameWish(committed, apiResources === undefined ? wish : { ...wish, apiResources });
}

function turnOf({ turn }: Peers): Pick<ApplyOptions, "turn"> {
  return turn === undefined ? {} : { turn };
}

function originOf({ config }: Asked, secret: string): Origin {
  const told = toldProxies(process.env);
  return { config: config.stdout, secret, ...(told === "" ? {} : { proxies: told }) };
}

/** Brings the unit in line with the options as Juju has them; the unit's status says how that went. */
export function reconcileUnit(host: Host, asked: Asked, options: RunOptions): Promise<RunEnd> {
  return faultAsStatus(async () => {
    await requireOwn(host, thisUnit());
    if (isLate(asked.config)) return await withoutOptions();
    const { explicit = false, trigger, peers = await beginAmongPeers(host) } = options;
    const wanted = await wishOf(host, asked);
    const { uri } = wanted;
    const origin = originOf(asked, uri);
    if ("trouble" in wanted) return await withoutWish(host, origin, wanted.trouble, peers);
    const { watch, told: saidAll } = announce(options.also);
    const { settled, keep } = signer(host.time?.more ?? host, origin, process.cwd());
    const { wish } = wanted;
    // A person who asks for it knows what the other units do.
    const turn = explicit ? {} : turnOf(peers);
    const ending = await apply(host, wish, { watch, settled, explicit, trigger, ...turn });
    await saidAll();
    // The run that was in the way may sign for what was wanted before.
    if (ending.end === "busy") await host.fs.remove(paths.signature);
    await keep(ending, (await isInForce(host, wish, ending)) ? {} : { blocked: true });
    const note = await tellAmongPeers(host, peers, { ending, state: statusFor(ending).status });
    return { status: await conclude(ending, note), ending };
  });
}

/** Every hook but stop and remove: the unit is brought in line with the options, and its status says how that went. */
export async function reconcileHook(host: Host, asked: Asked): Promise<void> {
  await reconcileUnit(host, asked, { trigger: `hook ${hookName()}` });
}

/** The hook that the watch asks Juju to run: the unit is brought back to what it was last asked for. */
export async function healHook(host: Host): Promise<void> {
  const fault = await faultAsEnding(() => healUnit(host));
  if (fault !== undefined) await conclude(fault);
}

async function healUnit(host: Host): Promise<void> {
  await requireOwn(host, thisUnit());
  const origin = await lastOrigin(host);
  // What blocked the last hook is Juju's to cure, and its status says how.
  const isBlocked = origin.blocked !== undefined;
  const { watch, told } = isBlocked ? { watch: () => {}, told: async () => {} } : announce();
  const { settled, keep } = signer(host.time?.more ?? host, origin, process.cwd());
  const peers = await beginAmongPeers(host);
  const ending = await healLast(host, { settled, watch, trigger: "watch", ...turnOf(peers) });
  await told();
  if (ending === undefined) return;
  await keep(ending);
  // What is asked for is not in force, so its turn, if it has one, is not used up by this.
  const ended = isBlocked ? undefined : { ending, state: statusFor(ending).status };
  const note = await tellAmongPeers(host, peers, ended);
  if (!isBlocked) await conclude(ending, note);
}

async function tellUndone(report: Report): Promise<void> {
  for (const { id, action } of changesOf(report)) await log("INFO", `${action} ${id}`);
  for (const { cure, source, reason } of troubles(report)) {
    if (cure === "note") await log("WARNING", `left as it is: ${reason}`);
    else await log("ERROR", `not removed: ${source}: ${reason}`);
  }
}

/** What the option says now: it may have been set for the very removal. `undefined` where nobody tells, or has to. */
async function mayAbandon(host: Host): Promise<boolean | undefined> {
  if ((await host.fs.stat(paths.desired)) === undefined) return undefined;
  const { code, stdout } = await hookCommand("config-get", ["--format=json"]);
  const options = code === 0 ? (JSON.parse(stdout) as Record<string, unknown> | null) : null;
  const told = options?.["abandon-clusters"];
  return typeof told === "boolean" ? told : undefined;
}

/** stop and remove: everything that was ever done on the unit is taken back, but not what another unit keeps here. */
export async function undoHook(host: Host): Promise<void> {
  const other = await otherOwner(host, thisUnit());
  if (other !== undefined) return await log("INFO", `left alone: ${other} keeps the graft here`);
  const abandons = await mayAbandon(host);
  const report = await undo(host, "apply", {
    isLast: hookName() === "remove",
    ...(abandons === undefined ? {} : { abandons }),
  });
  if (report === undefined) return;
  if ("end" in report) {
    const why =
      report.end === "fault"
        ? `${report.reason}; next: ${report.remedy}`
        : "another run of capi-graft is at work";
    return await log("ERROR", `not all was removed: ${why}`);
  }
  await tellUndone(report);
}
