import defaultsTemplate from "../../templates/etc.default.magnum-conductor.tmpl";
import commandTemplate from "../../templates/usr.local.bin.capi-graft.tmpl";
import type { Host } from "../host/host.ts";
import type { Gate } from "../reconcile/gate.ts";
import type { DesiredState } from "../reconcile/reconcile.ts";
import { directory, directoryAsBefore } from "../resources/directory.ts";
import { file, fileAsBefore, sha256 } from "../resources/file.ts";
import { helmBinary } from "../resources/helm-binary.ts";
import { lineBlock, noLineBlock, renderBlock, splitAtBlock } from "../resources/line-block.ts";
import { originals } from "../resources/originals.ts";
import { root } from "../resources/owner.ts";
import { type PipPackage, packageAsBefore, pipPackage, pipPackageInput } from "../resources/pip-package.ts";
import { recordProcess, type ServiceInput, service } from "../resources/service.ts";
import type { Conductor } from "./conductor.ts";
import type { Config } from "./config.ts";
import { daemonOptions, describeDropIn, renderDropIn } from "./drop-in.ts";
import { driverEntryPoint, gatesNotChecked, helmOnPathGate, showArgsGate, viewGates } from "./gates.ts";
import { paths, services } from "./paths.ts";
import { liveGate, stableGate } from "./process-gates.ts";
import { fill } from "./templates.ts";

const kept = originals(paths.originals);

const markers = {
  begin: "# BEGIN magnum-capi-helm: written by the charm, change it with juju config",
  end: "# END magnum-capi-helm",
};

const blockLines = fill(defaultsTemplate, {
  "helm-directory": paths.helmDirectory,
  "drop-in-directory": paths.dropInDirectory,
});

const block = renderBlock(markers, blockLines);

/** sha256 of the driver's wheels, by version (as the Python index has them). */
const driverHashes: Readonly<Record<string, readonly string[]>> = {
  "1.4.0": ["1e0878ea39dbe6ea3d40674c0c443ee5a0494835bdfbcc4f8052bc1178f508b9"],
  "1.3.0": ["0e1a8b3416afd4c1e173d72cd2840bda34766b3ea3eeea8f373e4919cc120dbf"],
  "1.2.0": ["252363ff1020cfdc19137002f835e373337fa60969f82bacc8a47654de59be4d"],
};

/** sha256 of helm's official archives, by version and architecture. */
const helmHashes: Readonly<Record<string, string>> = {
  "3.17.3 amd64": "ee88b3c851ae6466a3de507f7be73fe94d54cbf2987cbaa3d1a3832ea331f2cd",
  "3.17.3 arm64": "7944e3defd386c76fd92d9e6fec5c2d65a323f6fadc19bfb5e704e3eee10348e",
};

/** The driver as a package of the daemons' Python, seen as their user. */
export function driverPackage(
  config: Pick<Config, "driver-version" | "driver-index-url">,
  unit: Pick<Conductor, "python" | "daemon">,
): PipPackage {
  return {
    name: "magnum-capi-helm",
    version: config["driver-version"],
    hashes: driverHashes[config["driver-version"]] ?? [],
    entryPoint: driverEntryPoint,
    python: unit.python,
    indexUrl: config["driver-index-url"],
    asUser: ["runuser", "-u", unit.daemon.user, "--"],
    option: "driver-version",
  };
}

function helm(config: Config, unit: Conductor) {
  const version = config["helm-version"];
  const official = `https://get.helm.sh/helm-v${version}-linux-${unit.architecture}.tar.gz`;
  return helmBinary({
    path: paths.helm,
    version,
    url: config["helm-url"] === "" ? official : config["helm-url"],
    sha256:
      config["helm-sha256"] === ""
        ? (helmHashes[`${version} ${unit.architecture}`] ?? "")
        : config["helm-sha256"],
    architecture: unit.architecture,
    originals: kept,
    receipt: paths.helmReceipt,
    staging: `${paths.staging}/helm`,
  });
}

function dropInInput(desired: string): ServiceInput {
  return {
    name: paths.dropIn,
    desired,
    read: async (host) => {
      const digest = await host.fs.digest(paths.dropIn);
      const stat = await host.fs.stat(digest === undefined ? paths.dropInDirectory : paths.dropIn);
      return { digest: digest ?? "absent", changedAt: stat?.changedAt ?? 0 };
    },
  };
}

function blockInput(path: string, desired: string): ServiceInput {
  return {
    name: path,
    desired,
    read: async (host) => {
      const bytes = await host.fs.read(path);
      const found =
        bytes === undefined ? undefined : splitAtBlock(Buffer.from(bytes).toString("utf8"), markers).block;
      const changedAt = (await host.fs.stat(path))?.changedAt ?? 0;
      return { digest: found === undefined ? "absent" : sha256(found), changedAt };
    },
  };
}

interface Daemon {
  readonly unit: string;
  readonly inputs: readonly ServiceInput[];
  readonly records: string;
}

function daemons(
  unit: Conductor,
  driver: PipPackage,
  dropIn: string,
  blockDigest: string,
): readonly Daemon[] {
  const shared = [pipPackageInput(driver), dropInInput(dropIn)];
  const conductor = [...shared, blockInput(paths.conductorDefaults, blockDigest)];
  const api = unit.apiTakesConfigArguments ? [...shared, blockInput(paths.apiDefaults, blockDigest)] : shared;
  return [
    { unit: services.conductor, inputs: conductor, records: paths.processes },
    ...(unit.hasApi ? [{ unit: services.api, inputs: api, records: paths.processes }] : []),
  ];
}

/** What only the charm or the command knows: where the charm's folder is, for the command to be found. */
export interface Placement {
  /** Folder of the unpacked charm; without it the command is not put on the unit. */
  readonly charmDirectory?: string;
}

/** The runbook on one screen: what a unit has, in this order, and what must hold before a restart and at the end. */
export function desiredState(config: Config, unit: Conductor, placement: Placement): DesiredState {
  const options = daemonOptions(config);
  const dropIn = renderDropIn(options);
  const driver = driverPackage(config, unit);
  const helmVersion = config["helm-version"];
  const proof = (): readonly Gate[] => [
    showArgsGate(unit),
    ...viewGates(unit, options),
    helmOnPathGate(unit, helmVersion),
  ];
  const beforeRestart = proof();
  const running = daemons(unit, driver, sha256(dropIn), sha256(block));
  return {
    resources: [
      pipPackage(driver, paths.staging, kept),
      helm(config, unit),
      file({
        path: paths.kubeconfig,
        content: config.kubeconfig,
        owner: unit.daemon,
        mode: "0600",
        originals: kept,
      }),
      directory({ path: paths.dropInDirectory, owner: root, mode: "0755", originals: kept }),
      file({
        path: paths.dropIn,
        content: dropIn,
        owner: root,
        mode: "0644",
        originals: kept,
        describe: describeDropIn,
      }),
      lineBlock({ path: paths.conductorDefaults, markers, lines: blockLines, originals: kept }),
      ...(unit.apiTakesConfigArguments
        ? [lineBlock({ path: paths.apiDefaults, markers, lines: blockLines, originals: kept })]
        : []),
      ...command(placement),
      ...running.map((it) =>
        service({ ...it, mustRun: true, gates: beforeRestart, follows: [`pip-package:${driver.name}`] }),
      ),
    ],
    settleGates: running.map((it) => stableGate(it.unit)),
    exitGates: [...proof(), liveGate(unit, helmVersion), ...gatesNotChecked],
  };
}

function command(placement: Placement) {
  if (placement.charmDirectory === undefined) return [];
  const content = fill(commandTemplate, { "charm-directory": placement.charmDirectory });
  return [file({ path: paths.command, content, owner: root, mode: "0755", originals: kept })];
}

/** Writes down what the running daemons have read, so that a drift that is repaired later needs no restart. */
export async function recordDaemons(host: Host, config: Config, unit: Conductor): Promise<void> {
  const dropIn = sha256(renderDropIn(daemonOptions(config)));
  for (const daemon of daemons(unit, driverPackage(config, unit), dropIn, sha256(block))) {
    await recordProcess(host, { ...daemon, mustRun: true });
  }
}

/**
 * The unit as it was before: everything that was ever touched here is put back or taken away, the daemons unwired
 * first and the directory that they are wired to last. `unit` is absent where Magnum itself is gone.
 */
export async function undoneState(host: Host, unit: Conductor | undefined): Promise<DesiredState> {
  const python = unit?.python ?? "/usr/bin/python3";
  const driver = {
    ...driverPackage(
      { "driver-version": "", "driver-index-url": "" },
      { python, daemon: unit?.daemon ?? root },
    ),
  };
  const dropIn = await fileAsBefore(host, paths.dropIn, kept);
  const dropInDigest =
    typeof dropIn[0]?.desired === "object" ? String(dropIn[0].desired["sha256"]) : "absent";
  const running = unit === undefined ? [] : daemons(unit, driver, dropInDigest, "absent");
  return {
    resources: [
      noLineBlock({ path: paths.conductorDefaults, markers, originals: kept }),
      noLineBlock({ path: paths.apiDefaults, markers, originals: kept }),
      ...dropIn,
      ...(await fileAsBefore(host, paths.kubeconfig, kept)),
      directoryAsBefore(paths.dropInDirectory, kept),
      ...(await packageAsBefore(host, driver, kept)),
      ...(await fileAsBefore(host, paths.helm, kept)),
      ...running.map((it) => service({ ...it, mustRun: false })),
      ...(await fileAsBefore(host, paths.command, kept)),
    ],
    exitGates: [],
  };
}
