import type { Conductor } from "../conductor/conductor.ts";
import type { Config } from "../conductor/config.ts";
import { apply, type Ending, faultAsEnding, undo, watched } from "../conductor/graft.ts";
import { paths } from "../conductor/paths.ts";
import { type Signature, takeSignature } from "../conductor/signature.ts";
import type { Host } from "../host/host.ts";
import type { Progress } from "../reconcile/reconcile.ts";
import { changesOf, inLine, type Report, troubles } from "../reconcile/report.ts";
import { ownership, root } from "../resources/owner.ts";
import { type HookAnswer, hookCommand } from "./hook-command.ts";
import { type Asked, kubeconfigOf } from "./quiet.ts";
import { statusFor, type UnitStatus } from "./status.ts";

type Level = "DEBUG" | "INFO" | "WARNING" | "ERROR";

async function log(level: Level, message: string): Promise<void> {
  await hookCommand("juju-log", ["-l", level, "--", message]);
}

async function setStatus({ status, message }: UnitStatus): Promise<void> {
  await hookCommand("status-set", [status, "--", message]);
}

/** Tells what is being done, in order: in the status before the first write, and in the log. */
function announce() {
  let told: Promise<void> | undefined;
  const watch = (progress: Progress) => {
    if (progress.step !== "applying") return;
    const { id, action, drift } = progress.change;
    const keys = drift.map(
      ({ key, observed, desired }) => `${key} ${observed ?? "absent"} -> ${desired ?? "absent"}`,
    );
    told ??= setStatus({ status: "maintenance", message: "grafting the CAPI driver" });
    told = told.then(() => log("INFO", `${action} ${id}: ${keys.join(", ")}`));
  };
  return { watch, told: async () => await told };
}

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

/** Takes the signature of a unit whose services are at rest, and keeps it if the last look then finds it in line. */
function signer(host: Host, config: string, secret: string) {
  let signature: Signature | undefined;
  const charm = [`${process.cwd()}/dist/main.cjs`, `${process.cwd()}/dist/full.cjs`];
  return {
    settled: async (...[wanted, unit]: [Config, Conductor]) => {
      const now = await watched(host, wanted, unit);
      signature = takeSignature({ config, secret }, { ...now, files: [...now.files, ...charm] });
    },
    keep: async (ending: Ending) => {
      const ready = ending.end === "report" && inLine(ending.report) && troubles(ending.report).length === 0;
      if (!ready || signature === undefined) return await host.fs.remove(paths.signature);
      await host.fs.write(paths.signature, `${JSON.stringify(signature)}\n`, ownership(root, "0600"));
    },
  };
}

async function tell(ending: Ending): Promise<void> {
  if (ending.end === "refused") {
    for (const { option, value, accepted } of ending.refusals) {
      await log("ERROR", `${option}: ${value === "" ? "empty" : value}; accepted: ${accepted}`);
    }
  }
  if (ending.end === "report") {
    for (const { source, reason, remedy } of troubles(ending.report)) {
      await log("WARNING", `${source}: ${reason}; next: ${remedy}`);
    }
  }
}

/** Every hook but stop and remove: the unit is brought in line with the options, and its status says how that went. */
export async function reconcileHook(host: Host, asked: Asked): Promise<void> {
  const fault = await faultAsEnding(() => reconcileUnit(host, asked));
  if (fault !== undefined) await setStatus(statusFor(fault));
}

async function reconcileUnit(host: Host, asked: Asked): Promise<void> {
  if (asked.config.code !== 0) throw new Error(`config-get failed (${asked.config.code}): see above`);
  const { kubeconfig, ...options } = JSON.parse(asked.config.stdout) as Record<string, unknown>;
  const uri = typeof kubeconfig === "string" ? kubeconfig : "";
  const secret = await readKubeconfig(uri, asked);
  if ("blocked" in secret) {
    await host.fs.remove(paths.signature);
    return await setStatus({ status: "blocked", message: secret.blocked });
  }
  const { watch, told } = announce();
  const { settled, keep } = signer(host, asked.config.stdout, uri);
  const wish = {
    settled,
    options: { ...options, kubeconfig: uri },
    kubeconfig: secret.text,
    charmDirectory: process.cwd(),
  };
  const ending = await apply(host, wish, watch);
  await told();
  await keep(ending);
  await tell(ending);
  if (ending.end === "report" && inLine(ending.report)) {
    await hookCommand("application-version-set", ["--", ending.config["driver-version"]]);
  }
  await setStatus(statusFor(ending));
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
