import { dirname } from "node:path";
import pathTemplate from "../../templates/etc.systemd.system.magnum-capi-helm-watch.path.tmpl";
import serviceTemplate from "../../templates/etc.systemd.system.magnum-capi-helm-watch.service.tmpl";
import timerTemplate from "../../templates/etc.systemd.system.magnum-capi-helm-watch.timer.tmpl";
import type { Host } from "../host/host.ts";
import type { Resource } from "../reconcile/resource.ts";
import type { Originals } from "../resources/originals.ts";
import { stopUnit, systemdUnit, systemdUnitAsBefore, type UnitFile } from "../resources/systemd-unit.ts";
import type { Conductor } from "./conductor.ts";
import { paths, services } from "./paths.ts";
import { fill } from "./templates.ts";

const name = "magnum-capi-helm-watch";
const units = {
  service: { directory: paths.units, name: `${name}.service` },
  path: { directory: paths.units, name: `${name}.path`, wantedBy: "multi-user.target" },
  timer: { directory: paths.units, name: `${name}.timer`, wantedBy: "timers.target" },
} as const satisfies Record<string, UnitFile>;

/** Files of the units. */
export const watchUnitFiles: readonly string[] = Object.values(units).map(
  (it) => `${it.directory}/${it.name}`,
);

/** What belongs to the graft or decides how the daemons start, whatever is wanted: files and directories. */
export function watchedPaths(unit: Pick<Conductor, "python">): readonly string[] {
  return [
    paths.conductorInit,
    paths.apiInit,
    paths.conductorProgram,
    unit.python,
    paths.conductorDefaults,
    paths.apiDefaults,
    paths.openstackDefaults,
    paths.magnumConf,
    paths.dropInDirectory,
    paths.dropIn,
    paths.kubeconfig,
    paths.openstackCa,
    paths.helm,
    paths.command,
    ...Object.values(services).map((it) => `${paths.units}/${it}.service`),
    ...watchUnitFiles,
  ];
}

/**
 * What systemd has to watch. A path that is not there is none of it: an event beside it makes systemd set up all its
 * watches anew, and it loses what happens meanwhile (seen with 252). So a directory stands for the files in it.
 */
function eventPaths(unit: Conductor, driverVersion: string): readonly string[] {
  const driver = ["", "/magnum_capi_helm", `/magnum_capi_helm-${driverVersion}.dist-info`];
  const found = watchedPaths(unit).map((path) => (path.startsWith("/etc/") ? dirname(path) : path));
  return [
    ...new Set(found),
    ...(unit.pythonPackages === "" ? [] : driver.map((folder) => `${unit.pythonPackages}${folder}`)),
    "/var/lib/dpkg/status",
  ];
}

/** The units that look at the graft when one of its files changes, and every minute. */
export function watchUnits(
  unit: Conductor,
  { charmDirectory, driverVersion }: { readonly charmDirectory: string; readonly driverVersion: string },
  originals: Originals,
): readonly Resource[] {
  const folder = { "charm-directory": charmDirectory };
  const lines = eventPaths(unit, driverVersion).map((it) => `PathChanged=${it}`);
  return [
    systemdUnit({ ...units.service, content: fill(serviceTemplate, folder), originals }),
    systemdUnit({ ...units.path, content: fill(pathTemplate, { paths: lines.join("\n") }), originals }),
    systemdUnit({ ...units.timer, content: timerTemplate, originals }),
  ];
}

/** Stops the watch, what starts a look first; a look that is under way is ended, unless this process is it. */
export async function stopWatch(host: Host): Promise<void> {
  for (const it of [units.timer, units.path, units.service]) await stopUnit(host, it);
}

/** The units as they were before the graft: gone, and what starts a look first. */
export async function watchUnitsAsBefore(host: Host, originals: Originals): Promise<readonly Resource[]> {
  const order = [units.timer, units.path, units.service];
  return (await Promise.all(order.map((it) => systemdUnitAsBefore(host, it, originals)))).flat();
}
