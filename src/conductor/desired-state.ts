import commandTemplate from "../../templates/usr.local.bin.capi-graft.tmpl";
import type { Host } from "../host/host.ts";
import { proxyFor, proxyVariables } from "../host/proxy.ts";
import { managementServer } from "../management/kubeconfig.ts";
import type { Gate } from "../reconcile/gate.ts";
import { planChange } from "../reconcile/plan.ts";
import type { DesiredState } from "../reconcile/reconcile.ts";
import type { Change, Resource } from "../reconcile/resource.ts";
import { directory } from "../resources/directory.ts";
import { file, sha256, unusedFile } from "../resources/file.ts";
import { type HelmBinary, helmBinary, keptHelm } from "../resources/helm-binary.ts";
import { lineBlock, splitAtBlock } from "../resources/line-block.ts";
import { type ForgettableOriginals, type Originals, originals } from "../resources/originals.ts";
import { root } from "../resources/owner.ts";
import { type PipPackage, pipPackage, pipPackageInput, wheelPrefix } from "../resources/pip-package.ts";
import { recordProcess, type ServiceInput, service } from "../resources/service.ts";
import { store } from "../resources/store.ts";
import type { UnitStatus } from "../resources/systemctl.ts";
import { attachedFile } from "./attached.ts";
import { apiService, type Conductor, statusOf } from "./conductor.ts";
import type { Config } from "./config.ts";
import { blockLines, blockOf, defaultsOwner, markers } from "./defaults-block.ts";
import { deferralGate, policyGate, sharedGate, unlessDeferred } from "./deferred.ts";
import { daemonOptions, describeDropIn, renderDropIn } from "./drop-in.ts";
import {
  conductorProxiesGate,
  driverEntryPoint,
  gatesNotChecked,
  helmOnPathGate,
  showArgsGate,
  viewGates,
} from "./gates.ts";
import { helmIdleGate, pendingReleasesGate } from "./helm-work.ts";
import { leftoverGates } from "./leftovers.ts";
import { optionNotes } from "./option-notes.ts";
import { paths, services } from "./paths.ts";
import { liveGate, restGates } from "./process-gates.ts";
import { publishedHelm, publishedWheels } from "./published.ts";
import { liveRoots, type Roots } from "./roots.ts";
import { inLiveWords, stage } from "./staged.ts";
import { fill } from "./templates.ts";
import { type ClosedTurn, turnGate } from "./turn.ts";
import { watchUnits } from "./watch-units.ts";

/** What stood on the unit before this project first touched it. */
export const firstOriginals: ForgettableOriginals = originals(paths.originals);
const artifacts = store(paths.store);

/** The driver's name, as a package. */
export const driverName = "magnum-capi-helm";

/** The driver as a package of the daemons' Python, seen as their user. */
export function driverPackage(
  config: Pick<Config, "driver-version" | "driver-index-url" | "proxies" | "attached">,
  unit: Pick<Conductor, "python" | "daemon">,
): PipPackage {
  const wheel = config.attached?.["driver-wheel"];
  return {
    name: driverName,
    version: config["driver-version"],
    hashes: wheel === undefined ? publishedWheels(config["driver-version"]) : [wheel.sha256],
    entryPoint: driverEntryPoint,
    python: unit.python,
    indexUrl: config["driver-index-url"],
    ...(config.proxies === undefined ? {} : { proxies: config.proxies }),
    asUser: ["runuser", "-u", unit.daemon.user, "--"],
    option: "driver-version",
    staging: paths.staging,
    store: wheel === undefined ? artifacts : store(`${paths.attached}/${wheel.sha256}`),
    receipt: paths.driverReceipt,
    ...(wheel === undefined ? {} : { attached: attachedFile("driver-wheel", wheel) }),
  };
}

function helmOf(config: Config, unit: Conductor, kept: Originals): HelmBinary {
  const version = config["helm-version"];
  const { helm } = config.attached ?? {};
  const official = `https://get.helm.sh/helm-v${version}-linux-${unit.architecture}.tar.gz`;
  return {
    path: paths.helm,
    version,
    url: config["helm-url"] === "" ? official : config["helm-url"],
    sha256:
      config["helm-sha256"] === ""
        ? (publishedHelm(version, unit.architecture) ?? "")
        : config["helm-sha256"],
    architecture: unit.architecture,
    ...(config.proxies === undefined ? {} : { proxies: config.proxies }),
    originals: kept,
    receipt: paths.helmReceipt,
    staging: `${paths.staging}/helm`,
    store: artifacts,
    ...(helm === undefined ? {} : { attached: attachedFile("helm", helm) }),
  };
}

function dropInInput(desired: string | undefined): ServiceInput {
  return {
    name: paths.dropIn,
    ...(desired === undefined ? {} : { desired }),
    read: async (host) => {
      const digest = await host.fs.digest(paths.dropIn);
      const stat = await host.fs.stat(digest === undefined ? paths.dropInDirectory : paths.dropIn);
      return { digest: digest ?? "absent", changedAt: stat?.changedAt ?? 0 };
    },
  };
}

function blockInput(path: string, desired: string | undefined): ServiceInput {
  return {
    name: path,
    ...(desired === undefined ? {} : { desired }),
    read: async (host) => {
      const bytes = await host.fs.read(path);
      const found =
        bytes === undefined ? undefined : splitAtBlock(Buffer.from(bytes).toString("utf8"), markers).block;
      const changedAt = (await host.fs.stat(path))?.changedAt ?? 0;
      return { digest: found === undefined ? "absent" : sha256(found), changedAt };
    },
  };
}

/** A service that loads the driver, and what it reads when it starts. */
export interface Daemon {
  readonly unit: string;
  readonly inputs: readonly ServiceInput[];
  readonly records: string;
  /** What its restart waits for. */
  readonly gates: readonly Gate[];
  /** Where it runs other things too, its state as far as Magnum goes; it is never restarted then. */
  readonly status?: (host: Host) => Promise<UnitStatus>;
}

/** Digests of what the daemons have to have read; without one, whatever is there. */
export interface Wanted {
  readonly dropIn: string | undefined;
  readonly conductorBlock: string | undefined;
  readonly apiBlock: string | undefined;
}

/** The services of a unit that load the driver. */
export function daemons(unit: Conductor, driver: PipPackage, wanted: Wanted): readonly Daemon[] {
  const shared = [pipPackageInput(driver), dropInInput(wanted.dropIn)];
  const conductor = [...shared, blockInput(paths.conductorDefaults, wanted.conductorBlock)];
  const api = unit.apiTakesConfigArguments
    ? [...shared, blockInput(paths.apiDefaults, wanted.apiBlock)]
    : shared;
  return [
    { unit: services.conductor, inputs: conductor, records: paths.processes, gates: [helmIdleGate()] },
    ...(unit.hasApi ? [{ ...apiDaemon(unit), inputs: api, records: paths.processes, gates: [] }] : []),
  ];
}

function apiDaemon(unit: Conductor): Pick<Daemon, "unit" | "status"> {
  const name = apiService(unit);
  if (unit.otherApi?.isShared !== true) return { unit: name };
  return { unit: name, status: (host) => statusOf(host, unit, name) };
}

/** Who leaves a daemon alone, whatever it has read. */
function deferralOf({ unit, status }: Daemon, defers: boolean, turn: ClosedTurn | undefined): Gate {
  if (status !== undefined) return sharedGate(unit);
  if (defers) return deferralGate(unit);
  return turn === undefined ? policyGate(unit) : turnGate(turn, [unit]);
}

/** sha256 of what the daemons read of a configuration: another release of the charm may make other bytes of the same. */
export function renderedBy(config: Config): string {
  return sha256(`${renderDropIn(daemonOptions(config))}${blockOf(paths.conductorDefaults, config.proxies)}`);
}

/** Whether the daemons read this resource when they start: what is proved before a change. */
export function isReadByDaemons(id: string): boolean {
  return id === `file:${paths.dropIn}` || /^(pip-package|helm|directory|block|service):/.test(id);
}

function wantedBy(dropIn: string, { proxies }: Pick<Config, "proxies">): Wanted {
  const block = (path: string) => sha256(blockOf(path, proxies));
  return {
    dropIn: sha256(dropIn),
    conductorBlock: block(paths.conductorDefaults),
    apiBlock: block(paths.apiDefaults),
  };
}

/** What only the charm or the command knows: where the charm's folder is, for the command to be found. */
export interface Placement {
  /** Folder of the unpacked charm; without it the command and the watch are not put on the unit. */
  readonly charmDirectory?: string;
  /** The unit's name at Juju, `magnum-capi-helm/0`, for the watch to run its hooks under Juju's lock. */
  readonly unitName?: string;
  /** Whether the exit gates ask for all of helm's releases, which costs the management cluster something. */
  readonly askReleases?: boolean;
}

/** The runbook on one screen: what a unit has, in this order, and what must hold before a restart and at the end. */
export function desiredState(
  config: Config,
  unit: Conductor,
  placement: Placement,
  kept: Originals = firstOriginals,
  turn?: ClosedTurn,
): DesiredState {
  const options = daemonOptions(config);
  const dropIn = renderDropIn(options);
  const driver = driverPackage(config, unit);
  const helm = helmOf(config, unit, kept);
  const proxies = proxyVariables(config.proxies);
  const proof = (roots: Roots = liveRoots): readonly Gate[] => [
    showArgsGate(unit, roots),
    ...viewGates(unit, options, roots),
    helmOnPathGate(unit, helm.version, roots),
    ...(config.proxies === undefined ? [] : [conductorProxiesGate(unit, proxies, roots)]),
  ];
  const releases = releasesGate(config, unit, placement);
  const defers = !config["enable-auto-restarts"];
  const needed = daemons(unit, driver, wantedBy(dropIn, config));
  const running = restartables(needed, driver, proof(), { defers, turn });
  return {
    resources: [
      pipPackage(driver, kept),
      helmBinary(helm),
      ...files(config, unit, dropIn, kept),
      ...command(placement, kept),
      ...watch(placement, config, unit, kept),
      ...running,
      ...unsetCertificates(config, kept, running),
    ],
    permits: (changes) => (turn === undefined || defers ? [] : turnOf(turn, changes)),
    stage: async (host, changes) => {
      if (!changes.some(({ id }) => isReadByDaemons(id))) return [];
      const changing = new Set<string>(changes.map(({ id }) => id));
      const roots = await stage(host, {
        unit,
        dropIn,
        proxies: config.proxies,
        driver: changing.has(`pip-package:${driver.name}`) ? driver : undefined,
        helm: changing.has(`helm:${helm.path}`) ? helm : undefined,
      });
      const restarts = changing.has(`service:${services.conductor}`) && !defers;
      return [...proof(roots).map((gate) => inLiveWords(gate, roots)), ...(restarts ? [helmIdleGate()] : [])];
    },
    settleGates: restGates(unit),
    exitGates: [
      ...proof(),
      unlessDeferred(liveGate(unit, helm.version, proxies), running),
      releases,
      ...gatesNotChecked,
    ],
    notes: [...leftoverGates(unit, markers), ...optionNotes(config)],
  };
}

function turnOf(turn: ClosedTurn, changes: readonly Change[]): readonly Gate[] {
  const restarted = changes.flatMap(({ id }) => (id.startsWith("service:") ? [id.slice(8)] : []));
  return restarted.length === 0 ? [] : [turnGate(turn, restarted)];
}

/** The daemons as resources that are restarted once `proof` holds, or are left alone. */
function restartables(
  running: readonly Daemon[],
  driver: PipPackage,
  proof: readonly Gate[],
  { defers, turn }: { readonly defers: boolean; readonly turn: ClosedTurn | undefined },
): readonly Resource[] {
  return running.map((daemon) =>
    service({
      ...daemon,
      mustRun: daemon.status === undefined,
      gates: [...daemon.gates, ...proof],
      follows: [`pip-package:${driver.name}`],
      deferral: deferralOf(daemon, defers, turn),
    }),
  );
}

function releasesGate({ kubeconfig, proxies }: Config, unit: Conductor, { askReleases }: Placement): Gate {
  const server = managementServer(kubeconfig);
  const throughProxy = server !== undefined && proxyFor(server, proxies) !== undefined;
  return pendingReleasesGate(unit, askReleases === true, throughProxy);
}

function files(config: Config, unit: Conductor, dropIn: string, kept: Originals): readonly Resource[] {
  const wired = [paths.conductorDefaults, ...(unit.apiTakesConfigArguments ? [paths.apiDefaults] : [])];
  return [
    file({
      path: paths.kubeconfig,
      content: config.kubeconfig,
      owner: unit.daemon,
      mode: "0600",
      originals: kept,
    }),
    ...(config["openstack-ca"] === "" ? [] : [certificates(config["openstack-ca"], kept)]),
    directory({ path: paths.dropInDirectory, owner: root, mode: "0755", originals: kept }),
    file({
      path: paths.dropIn,
      content: dropIn,
      owner: root,
      mode: "0644",
      originals: kept,
      describe: describeDropIn,
    }),
    ...wired.map((path) =>
      lineBlock({
        path,
        markers,
        lines: blockLines(path, config.proxies),
        ...defaultsOwner(path, config.proxies, unit),
        originals: kept,
      }),
    ),
  ];
}

/** Read whenever a cluster gets its credentials (driver 1.4.0, common/app_creds.py): a new one needs no restart. */
function certificates(content: string, kept: Originals): Resource {
  return file({ path: paths.openstackCa, content, owner: root, mode: "0644", originals: kept });
}

/**
 * Taken away last: until its restart the conductor reads them, by the drop-in that it has read. Where restarts are an
 * operator's, or the policy forbids one that is due, the file stays for that reason.
 */
function unsetCertificates(
  config: Config,
  kept: Originals,
  running: readonly Resource[],
): readonly Resource[] {
  const isRead = config["openstack-ca"] !== "" || !config["enable-auto-restarts"];
  if (isRead) return [];
  const unused = unusedFile(paths.openstackCa, kept);
  const conductor = running.find(({ id }) => id === `service:${services.conductor}`);
  const isDenied = async (host: Host) => {
    if (conductor?.deferral === undefined) return false;
    if (planChange(conductor, await conductor.observe(host)) === undefined) return false;
    return (await conductor.deferral.check(host)).state === "closed";
  };
  const observe = async (host: Host) => {
    const found = await unused.observe(host);
    return found !== "absent" && (await isDenied(host)) ? "absent" : found;
  };
  return [{ ...unused, observe }];
}

function command(placement: Placement, kept: Originals): readonly Resource[] {
  if (placement.charmDirectory === undefined) return [];
  const content = fill(commandTemplate, { "charm-directory": placement.charmDirectory });
  return [file({ path: paths.command, content, owner: root, mode: "0755", originals: kept })];
}

function watch(
  { charmDirectory }: Placement,
  config: Config,
  unit: Conductor,
  kept: Originals,
): readonly Resource[] {
  if (charmDirectory === undefined) return [];
  return watchUnits(unit, { charmDirectory, driverVersion: config["driver-version"] }, kept);
}

/** Writes down what the running daemons have read, so that a drift that is repaired later needs no restart. */
export async function recordDaemons(host: Host, config: Config, unit: Conductor): Promise<void> {
  const wanted = wantedBy(renderDropIn(daemonOptions(config)), config);
  for (const daemon of daemons(unit, driverPackage(config, unit), wanted)) {
    await recordProcess(host, { ...daemon, mustRun: true });
  }
}

/** Removes the kept wheels and binaries, fetched and attached, that none of these configurations needs. */
export async function pruneStore(host: Host, unit: Conductor, configs: readonly Config[]): Promise<void> {
  const needed = configs.flatMap((config) => [
    wheelPrefix(driverPackage(config, unit)),
    keptHelm(helmOf(config, unit, firstOriginals)),
  ]);
  await artifacts.prune(host, needed);
  const attached = configs.flatMap((config) => config.attached?.["driver-wheel"]?.sha256 ?? []);
  for (const name of (await host.fs.list(paths.attached)) ?? []) {
    if (!attached.includes(name)) await host.fs.removeTree(`${paths.attached}/${name}`);
  }
}
