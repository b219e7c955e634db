import type { Attachments } from "../conductor/attached.ts";
import { apply, type Ending, faultAsEnding, healLast, undo } from "../conductor/graft.ts";
import { paths } from "../conductor/paths.ts";
import { committedWish, isSameWish, type Wish } from "../conductor/wish.ts";
import type { Host } from "../host/host.ts";
import { changesOf, type Report, troubles } from "../reconcile/report.ts";
import { announce, conclude, log, setStatus } from "./announce.ts";
import { type AttachedFiles, attachedFiles } from "./attached-files.ts";
import { type HookAnswer, hookCommand } from "./hook-command.ts";
import { type Asked, kubeconfigOf } from "./quiet.ts";
import { lastOrigin, signer } from "./signer.ts";
import { statusFor, type UnitStatus } from "./status.ts";

function getSecret(uri: string): Promise<HookAnswer> {
  return hookCommand("secret-get", ["--format=json", "--refresh", uri]);
}

type Kubeconfig = { readonly text: string } | { readonly blocked: string };

function application(): string {
  return process.env["JUJU_UNIT_NAME"]?.split("/")[0] ?? "magnum-capi-helm";
}

async function readKubeconfig(uri: string, asked: Asked): Promise<Kubeconfig> {
  const app = application();
  const answer = asked.secret?.uri === uri ? asked.secret.answer : await getSecret(uri);
  if (answer.code !== 0) return { blocked: `can't read ${uri}: juju grant-secret ${uri} ${app}` };
  const text = kubeconfigOf(answer);
  if (text !== undefined) return { text };
  return { blocked: `${uri} has no key kubeconfig: juju update-secret ${uri} kubeconfig#file=PATH` };
}

async function tellOf(files: AttachedFiles): Promise<void> {
  if ("faults" in files) {
    for (const { reason, remedy } of files.faults) await log("ERROR", `${reason}; next: ${remedy}`);
  } else for (const note of files.notes) await log("WARNING", note);
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

function blocked(message: string): RunEnd {
  return { status: { status: "blocked", message } };
}

/** What is given through Juju besides the options, all of it checked as far as a file alone can be; or why it is not. */
async function given(
  host: Host,
  uri: string,
  asked: Asked,
): Promise<Pick<Wish, "kubeconfig" | "attached"> | RunEnd> {
  const secret = uri === "" ? undefined : await readKubeconfig(uri, asked);
  if (secret !== undefined && "blocked" in secret) return blocked(secret.blocked);
  const files = await attachedFiles(host, application(), { kubeconfig: uri === "" });
  await tellOf(files);
  if ("faults" in files) return { status: statusFor(files.faults[0]), ending: files.faults[0] };
  const text = secret?.text ?? files.kubeconfig;
  if (text !== undefined) return { kubeconfig: text, ...someOf(files.attached) };
  return blocked(`set the kubeconfig: juju config ${application()} kubeconfig=secret:ID`);
}

function someOf(attached: Attachments): Pick<Wish, "attached"> {
  return Object.keys(attached).length === 0 ? {} : { attached };
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
    const found = await given(host, uri, asked);
    if ("status" in found) {
      await signer(host, { config: asked.config.stdout, secret: uri, blocked: true }, process.cwd()).keep();
      await setStatus(found.status);
      return found;
    }
    const { watch, told } = announce(options.also);
    const { settled, keep } = signer(host, { config: asked.config.stdout, secret: uri }, process.cwd());
    const wish = {
      options: { ...rest, kubeconfig: uri },
      ...found,
      charmDirectory: process.cwd(),
      unitName: process.env["JUJU_UNIT_NAME"] ?? "",
    };
    const { explicit = false, trigger } = options;
    const ending = await apply(host, wish, { watch, settled, explicit, trigger });
    await told();
    // The run that was in the way may sign for what was wanted before.
    if (ending.end === "busy") await host.fs.remove(paths.signature);
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
