import type { Host } from "../host/host.ts";
import type { DesiredState } from "../reconcile/reconcile.ts";
import type { Resource } from "../reconcile/resource.ts";
import { directoryAsBefore } from "../resources/directory.ts";
import { fileAsBefore } from "../resources/file.ts";
import { blockAsBefore, noLineBlock } from "../resources/line-block.ts";
import type { Originals } from "../resources/originals.ts";
import { root } from "../resources/owner.ts";
import { packageAsBefore } from "../resources/pip-package.ts";
import { recordProcess, service } from "../resources/service.ts";
import type { Conductor } from "./conductor.ts";
import { daemons, type Wanted } from "./daemons.ts";
import { markers } from "./defaults-block.ts";
import { deferralGate, isPolicy, policyGate, sharedGate } from "./deferred.ts";
import { firstOriginals } from "./desired-state.ts";
import { paths } from "./paths.ts";
import { stableGate } from "./process-gates.ts";
import { driverPackage } from "./software.ts";
import { watchUnitFiles, watchUnitsAsBefore } from "./watch-units.ts";

/** The digest that a resource of one file wants; `undefined` for none, "absent" where no file is to be. */
function digestWanted([resource]: readonly Resource[], key: string): string | undefined {
  if (resource === undefined) return undefined;
  return typeof resource.desired === "object" ? String(resource.desired[key]) : "absent";
}

/** Files of names that nobody else uses: where nothing is known of one (any more), it was not there before us. */
function withOwnNames(kept: Originals): Originals {
  const own = [paths.command, paths.openstackCa, ...watchUnitFiles];
  return {
    ...kept,
    of: async (host, path) =>
      (await kept.of(host, path)) ?? (own.includes(path) ? { existed: false } : undefined),
  };
}

const noDriver = { "driver-version": "", "driver-index-url": "" } as const;

/**
 * Writes down what the running daemons have read, whatever it is: once it is taken away, nothing would tell of a process
 * without a record, as after a boot, that it had been there.
 */
export async function recordWhatRuns(host: Host, unit: Conductor): Promise<void> {
  const asItIs: Wanted = { dropIn: undefined, conductorBlock: undefined, apiBlock: undefined };
  for (const daemon of daemons(unit, driverPackage(noDriver, unit), asItIs)) {
    await recordProcess(host, { ...daemon, mustRun: false });
  }
}

/**
 * The unit as it was before: everything that was ever touched here is put back or taken away, the daemons unwired
 * first and the directory that they are wired to last. `unit` is absent where Magnum itself is gone; `running` are the
 * services that ran when a change that was cut short began.
 */
export async function undoneState(
  host: Host,
  unit: Conductor | undefined,
  running: readonly string[] = [],
): Promise<DesiredState> {
  const kept = withOwnNames(firstOriginals);
  const block = (path: string) => [noLineBlock({ path, markers, originals: kept })];
  const resources = await asBefore(host, unit, kept, {
    conductorBlock: block(paths.conductorDefaults),
    apiBlock: block(paths.apiDefaults),
  });
  return { resources: resources(running), exitGates: [] };
}

/**
 * The unit as it was when a change began, out of what the change's journal kept; services that ran run again, but where
 * `defers` says that all services are left alone.
 */
export async function revertedState(
  host: Host,
  unit: Conductor,
  kept: Originals,
  { running, defers }: { readonly running: readonly string[]; readonly defers: boolean },
): Promise<DesiredState> {
  const block = (path: string) => blockAsBefore(host, { path, markers, originals: kept });
  const resources = await asBefore(host, unit, kept, {
    conductorBlock: await block(paths.conductorDefaults),
    apiBlock: await block(paths.apiDefaults),
  });
  return {
    resources: defers ? resources([]).map(leftAlone) : resources(running),
    settleGates: defers ? [] : running.map((name) => stableGate(name, unit)),
    exitGates: [],
  };
}

function leftAlone(resource: Resource): Resource {
  if (resource.deferral === undefined || !isPolicy(resource.deferral)) return resource;
  return { ...resource, deferral: deferralGate(resource.id.slice("service:".length)) };
}

async function asBefore(
  host: Host,
  unit: Conductor | undefined,
  kept: Originals,
  blocks: { readonly conductorBlock: readonly Resource[]; readonly apiBlock: readonly Resource[] },
): Promise<(running: readonly string[]) => readonly Resource[]> {
  const python = unit?.python ?? "/usr/bin/python3";
  const driver = driverPackage(noDriver, { python, daemon: unit?.daemon ?? root });
  const dropIn = await fileAsBefore(host, paths.dropIn, kept);
  const wanted: Wanted = {
    dropIn: digestWanted(dropIn, "sha256"),
    conductorBlock: digestWanted(blocks.conductorBlock, "block"),
    apiBlock: digestWanted(blocks.apiBlock, "block"),
  };
  const files = [
    ...(await watchUnitsAsBefore(host, kept)),
    ...blocks.conductorBlock,
    ...blocks.apiBlock,
    ...dropIn,
    ...(await fileAsBefore(host, paths.kubeconfig, kept)),
    ...(await fileAsBefore(host, paths.openstackCa, kept)),
    directoryAsBefore(paths.dropInDirectory, kept),
    // Before the package, whose version it is part of.
    ...(await fileAsBefore(host, paths.driverReceipt, kept)),
    ...(await packageAsBefore(host, driver, kept)),
    ...(await fileAsBefore(host, paths.helm, kept)),
    ...(await fileAsBefore(host, paths.helmReceipt, kept)),
  ];
  const command = await fileAsBefore(host, paths.command, kept);
  const found = unit === undefined ? [] : daemons(unit, driver, wanted);
  return (running) => [
    ...files,
    ...found.map((it) =>
      service({
        ...it,
        mustRun: running.includes(it.unit),
        startsStopped: running.includes(it.unit),
        deferral: it.status === undefined ? policyGate(it.unit) : sharedGate(it.unit, "note"),
      }),
    ),
    ...command,
  ];
}
