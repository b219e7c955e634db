import type { Host } from "../host/host.ts";
import type { Gate } from "../reconcile/gate.ts";
import type { Resource } from "../reconcile/resource.ts";
import { sha256 } from "../resources/file.ts";
import { splitAtBlock } from "../resources/line-block.ts";
import { type PipPackage, pipPackageInput } from "../resources/pip-package.ts";
import { recordProcess, type ServiceInput, service } from "../resources/service.ts";
import type { UnitStatus } from "../resources/systemctl.ts";
import { apiService, type Conductor, statusOf } from "./conductor.ts";
import type { Config } from "./config.ts";
import { blockOf, markers } from "./defaults-block.ts";
import { deferralGate, policyGate, sharedGate } from "./deferred.ts";
import { daemonOptions, renderDropIn } from "./drop-in.ts";
import { helmIdleGate } from "./helm-work.ts";
import { paths, services } from "./paths.ts";
import { driverPackage } from "./software.ts";
import { type ClosedTurn, turnGate } from "./turn.ts";

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

/** Digests of what the daemons have to have read of a configuration, whose drop-in is this text. */
export function wantedBy(dropIn: string, { proxies }: Pick<Config, "proxies">): Wanted {
  const block = (path: string) => sha256(blockOf(path, proxies));
  return {
    dropIn: sha256(dropIn),
    conductorBlock: block(paths.conductorDefaults),
    apiBlock: block(paths.apiDefaults),
  };
}

/** The daemons as resources that are restarted once `proof` holds, or are left alone. */
export function restartables(
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

/** Writes down what the running daemons have read, so that a drift that is repaired later needs no restart. */
export async function recordDaemons(host: Host, config: Config, unit: Conductor): Promise<void> {
  const wanted = wantedBy(renderDropIn(daemonOptions(config)), config);
  for (const daemon of daemons(unit, driverPackage(config, unit), wanted)) {
    await recordProcess(host, { ...daemon, mustRun: true });
  }
}
