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
import { type HelmBinary, helmBinary } from "../resources/helm-binary.ts";
import { lineBlock } from "../resources/line-block.ts";
import { type ForgettableOriginals, type Originals, originals } from "../resources/originals.ts";
import { root } from "../resources/owner.ts";
import { type PipPackage, pipPackage } from "../resources/pip-package.ts";
import { chartGate } from "./chart-gate.ts";
import { clustersKeptGate } from "./clusters-kept.ts";
import type { Conductor } from "./conductor.ts";
import type { Config } from "./config.ts";
import { daemons, restartables, wantedBy } from "./daemons.ts";
import { blockLines, blockOf, defaultsOwner, markers } from "./defaults-block.ts";
import { unlessDeferred } from "./deferred.ts";
import { type DriverLogin, driverLoginId } from "./driver-login.ts";
import { daemonOptions, describeDropIn, renderDropIn } from "./drop-in.ts";
import { conductorProxiesGate, gatesNotChecked, helmOnPathGate, showArgsGate, viewGates } from "./gates.ts";
import { helmIdleGate, pendingReleasesGate } from "./helm-work.ts";
import { leftoverGates } from "./leftovers.ts";
import { driverLogin, managementGates } from "./management-gates.ts";
import { optionNotes } from "./option-notes.ts";
import { paths, services } from "./paths.ts";
import { liveGate, restGates } from "./process-gates.ts";
import { liveRoots, type Roots } from "./roots.ts";
import { driverPackage, helmOf } from "./software.ts";
import { inLiveWords, stage } from "./staged.ts";
import { fill } from "./templates.ts";
import { type ClosedTurn, turnGate } from "./turn.ts";
import { watchUnits } from "./watch-units.ts";

/** What stood on the unit before this project first touched it. */
export const firstOriginals: ForgettableOriginals = originals(paths.originals);

/** sha256 of what the daemons read of a configuration: another release of the charm may make other bytes of the same. */
export function renderedBy(config: Config): string {
  return sha256(`${renderDropIn(daemonOptions(config))}${blockOf(paths.conductorDefaults, config.proxies)}`);
}

/** Whether the daemons read this resource when they start: what is proved before a change. */
export function isReadByDaemons(id: string): boolean {
  return id === `file:${paths.dropIn}` || /^(pip-package|helm|directory|block|service):/.test(id);
}

/** Whether a change of this resource makes the daemons talk to the management cluster in another way. */
function isOfManagement(id: string): boolean {
  const files = [paths.kubeconfig, paths.dropIn].map((path) => `file:${path}`);
  return files.includes(id) || /^(pip-package|helm|block):/.test(id);
}

/** What only the charm or the command knows: where the charm's folder is, for the command to be found. */
export interface Placement {
  /** Folder of the unpacked charm; without it the command and the watch are not put on the unit. */
  readonly charmDirectory?: string;
  /** The unit's name at Juju, `magnum-capi-helm/0`, for the watch to run its hooks under Juju's lock. */
  readonly unitName?: string;
  /** Whether the exit gates ask for what takes seconds too: all of helm's releases, and the chart. */
  readonly thorough?: boolean;
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
  const proof = (roots: Roots = liveRoots, login?: DriverLogin): readonly Gate[] => [
    showArgsGate(unit, roots),
    ...viewGates(unit, options, roots, login),
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
    permits: (changes) => [
      ...(turn === undefined || defers ? [] : turnOf(turn, changes)),
      ...managementPermits(config, changes),
    ],
    stage: (host, changes) => staged(host, changes, { config, unit, dropIn, driver, helm, proof }),
    settleGates: restGates(unit),
    exitGates: [
      ...proof(liveRoots, driverLogin(config)),
      unlessDeferred(liveGate(unit, helm.version, proxies), running),
      releases,
      ...managementGates(config),
      ...(placement.thorough === true ? [chartGate(unit, config)] : []),
      ...gatesNotChecked,
    ],
    notes: [...leftoverGates(unit, markers), ...optionNotes(config)],
  };
}

interface Proved {
  readonly config: Config;
  readonly unit: Conductor;
  readonly dropIn: string;
  readonly driver: PipPackage;
  readonly helm: HelmBinary;
  proof(roots: Roots, login: DriverLogin): readonly Gate[];
}

/** Puts what the changes would bring beside the live files; the gates that prove it there. */
async function staged(host: Host, changes: readonly Change[], it: Proved): Promise<readonly Gate[]> {
  const isProved = changes.some(({ id }) => isReadByDaemons(id));
  if (!isProved && !changes.some(({ id }) => id === `file:${paths.kubeconfig}`)) return [];
  const { config, unit, dropIn, driver, helm } = it;
  const changing = new Set<string>(changes.map(({ id }) => id));
  const roots = await stage(host, {
    unit,
    dropIn,
    proxies: config.proxies,
    driver: changing.has(`pip-package:${driver.name}`) ? driver : undefined,
    helm: changing.has(`helm:${helm.path}`) ? helm : undefined,
  });
  const restarts = changing.has(`service:${services.conductor}`) && config["enable-auto-restarts"];
  const proof = it.proof(roots, { ...driverLogin(config), kubeconfig: config.kubeconfig });
  const gates = [
    // A new kubeconfig alone is read by the driver alone, and what else is wrong is not its fault.
    ...(isProved ? proof : proof.filter(({ id }) => id === driverLoginId)),
    ...(fetchesAnew(changing) ? [chartGate(unit, config, roots)] : []),
  ];
  return [...gates.map((gate) => inLiveWords(gate, roots)), ...(restarts ? [helmIdleGate()] : [])];
}

/** Whether helm is to fetch another chart, or in another way. */
function fetchesAnew(changing: ReadonlySet<string>): boolean {
  return [...changing].some((id) => id === `file:${paths.dropIn}` || /^(helm|block):/.test(id));
}

/** What must hold of the management cluster before the daemons talk to it in another way. */
function managementPermits(config: Config, changes: readonly Change[]): readonly Gate[] {
  const concerned = changes.some(({ id }) => isOfManagement(id));
  return concerned ? [...managementGates(config), clustersKeptGate(config)] : [];
}

function turnOf(turn: ClosedTurn, changes: readonly Change[]): readonly Gate[] {
  const restarted = changes.flatMap(({ id }) => (id.startsWith("service:") ? [id.slice(8)] : []));
  return restarted.length === 0 ? [] : [turnGate(turn, restarted)];
}

function releasesGate({ kubeconfig, proxies }: Config, unit: Conductor, { thorough }: Placement): Gate {
  const server = managementServer(kubeconfig);
  const throughProxy = server !== undefined && proxyFor(server, proxies) !== undefined;
  return pendingReleasesGate(unit, thorough === true, throughProxy);
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
