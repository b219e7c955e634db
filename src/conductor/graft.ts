import { type Cure, type Host, HostFault, type Release, readText } from "../host/host.ts";
import { type Progress, reconcile } from "../reconcile/reconcile.ts";
import { inLine, type Report } from "../reconcile/report.ts";
import { ownership, root } from "../resources/owner.ts";
import { packageFiles } from "../resources/pip-package.ts";
import { showUnit } from "../resources/systemctl.ts";
import { type Conductor, findConductor } from "./conductor.ts";
import { type Config, parseConfig, type RawOptions, type Refusal } from "./config.ts";
import { desiredState, driverPackage, type Placement, recordDaemons, undoneState } from "./desired-state.ts";
import { paths, services } from "./paths.ts";

/** What is wanted of a unit: the options, and the kubeconfig's content. */
export interface Wish extends Placement {
  readonly options: RawOptions;
  readonly kubeconfig: string;
  /** Called by an apply when the services are at rest, just before the last look at everything. */
  settled?(config: Config, unit: Conductor): Promise<void>;
}

/** How a walk ended: refused before it began, with nothing to work on, or with a report. */
export type Ending =
  | { readonly end: "refused"; readonly refusals: readonly Refusal[] }
  | { readonly end: "no-conductor"; readonly missing: string }
  | { readonly end: "busy" }
  | { readonly end: "fault"; readonly reason: string; readonly remedy: string; readonly cure: Cure }
  | { readonly end: "report"; readonly report: Report; readonly config: Config; readonly unit: Conductor };

type Fault = Extract<Ending, { end: "fault" }>;
type Watch = (progress: Progress) => void;

const lockWaitMs = 120_000;

async function locked<T>(host: Host, work: () => Promise<T>): Promise<T | { readonly end: "busy" }> {
  const release: Release | undefined = await host.lock(paths.lock, lockWaitMs);
  if (release === undefined) return { end: "busy" };
  try {
    return await work();
  } finally {
    release();
  }
}

async function walk(host: Host, wish: Wish, mode: Report["mode"], watch: Watch): Promise<Ending> {
  const config = parseConfig(wish.options, wish.kubeconfig);
  if (isRefused(config)) return { end: "refused", refusals: config };
  const unit = await findConductor(host);
  if ("missing" in unit) return { end: "no-conductor", missing: unit.missing };
  const settled = async () => {
    await remember(host, wish);
    await wish.settled?.(config, unit);
  };
  const report = await reconcile(host, desiredState(config, unit, wish), mode, watch, settled);
  return { end: "report", report, config, unit };
}

/** A fault of the machine where nothing else could tell of it, such as a state directory that can't be written. */
export async function faultAsEnding<T>(work: () => Promise<T>): Promise<T | Fault> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HostFault)) throw error;
    return { end: "fault", reason: error.message, remedy: error.remedy, cure: error.cure };
  }
}

function isRefused(config: Config | readonly Refusal[]): config is readonly Refusal[] {
  return Array.isArray(config);
}

/** What differs from the wish, and what is closed; reads only. */
export function plan(host: Host, wish: Wish, watch: Watch = () => {}): Promise<Ending> {
  return faultAsEnding(() => walk(host, wish, "plan", watch));
}

/** Brings the unit in line with the wish, or says why not. Runs alone: another run is waited for, at most 120 s. */
export function apply(host: Host, wish: Wish, watch: Watch = () => {}): Promise<Ending> {
  return faultAsEnding(() => locked(host, () => applyAlone(host, wish, watch)));
}

async function applyAlone(host: Host, wish: Wish, watch: Watch): Promise<Ending> {
  const ending = await walkStaged(host, wish, watch);
  if (ending.end !== "report" || wasRefused(ending.report)) return ending;
  // A run that failed half-way never came to rest, and what was wanted is remembered all the same.
  await remember(host, wish);
  await recordDaemons(host, ending.config, ending.unit);
  return ending;
}

async function walkStaged(host: Host, wish: Wish, watch: Watch): Promise<Ending> {
  try {
    return await walk(host, wish, "apply", watch);
  } finally {
    await clearStaging(host);
  }
}

/** Takes the staged files away, and our own directory with them if nothing was ever done here. */
async function clearStaging(host: Host): Promise<void> {
  if ((await host.fs.stat(paths.staging)) === undefined) return;
  await host.fs.removeTree(paths.staging);
  if (((await host.fs.list(paths.state)) ?? []).length === 0) await host.fs.remove(paths.state);
}

function wasRefused({ outcomes }: Report): boolean {
  return (
    outcomes.some(({ outcome }) => outcome === "skipped") &&
    outcomes.every(({ outcome }) => outcome !== "failed")
  );
}

async function writeIfDifferent(host: Host, path: string, content: string): Promise<void> {
  if ((await readText(host.fs, path)) === content) return;
  await host.fs.makeDirectory(paths.state, ownership(root, "0700"));
  await host.fs.write(path, content, ownership(root, "0600"));
}

async function remember(host: Host, wish: Wish): Promise<void> {
  const { options, charmDirectory } = wish;
  await writeIfDifferent(host, paths.desired, `${JSON.stringify({ options, charmDirectory }, null, 1)}\n`);
  await writeIfDifferent(host, paths.desiredKubeconfig, wish.kubeconfig);
}

/** The wish that was last applied on this unit, for a run that Juju does not start; `undefined` where there is none. */
export async function lastWish(host: Host): Promise<Wish | undefined> {
  const [desired, kubeconfig] = await Promise.all([
    readText(host.fs, paths.desired),
    readText(host.fs, paths.desiredKubeconfig),
  ]);
  if (desired === undefined || kubeconfig === undefined) return undefined;
  return { ...(JSON.parse(desired) as Omit<Wish, "kubeconfig">), kubeconfig };
}

/** What has to be watched for a unit in line to be known as unchanged: files, and main processes. */
export async function watched(
  host: Host,
  config: Config,
  unit: Conductor,
): Promise<{ readonly files: readonly string[]; readonly processes: readonly number[] }> {
  const units = unit.hasApi ? [services.conductor, services.api] : [services.conductor];
  const dropIns = (await host.fs.list(paths.dropInDirectory)) ?? [];
  const files = [
    paths.conductorInit,
    paths.apiInit,
    paths.conductorProgram,
    unit.python,
    paths.conductorDefaults,
    paths.apiDefaults,
    paths.openstackDefaults,
    paths.magnumConf,
    paths.dropInDirectory,
    ...dropIns.map((name) => `${paths.dropInDirectory}/${name}`),
    paths.kubeconfig,
    paths.helm,
    paths.helmReceipt,
    paths.command,
    paths.desired,
    paths.desiredKubeconfig,
    ...units.map((name) => `/etc/systemd/system/${name}.service`),
    ...(await packageFiles(host, driverPackage(config, unit))),
  ];
  const statuses = await Promise.all(units.map((name) => showUnit(host, name)));
  return { files, processes: statuses.map(({ mainPid }) => mainPid) };
}

/** Takes everything back. `undefined` when nothing was ever done on this unit. */
export async function undo(
  host: Host,
  mode: Report["mode"],
  watch: Watch = () => {},
): Promise<Report | Fault | { readonly end: "busy" } | undefined> {
  if ((await host.fs.stat(paths.state)) === undefined) return undefined;
  return await faultAsEnding(() => undoAlone(host, mode, watch));
}

function undoAlone(
  host: Host,
  mode: Report["mode"],
  watch: Watch,
): Promise<Report | { readonly end: "busy" }> {
  return locked(host, async () => {
    const unit = await findConductor(host);
    const report = await reconcile(
      host,
      await undoneState(host, "missing" in unit ? undefined : unit),
      mode,
      watch,
    );
    if (mode === "apply" && inLine(report)) await host.fs.removeTree(paths.state);
    return report;
  });
}
