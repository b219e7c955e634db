import type { Host } from "../host/host.ts";
import { packageFiles } from "../resources/pip-package.ts";
import { policyProgram, policyRules } from "../resources/restart-policy.ts";
import { apiService, type Conductor, statusOf } from "./conductor.ts";
import type { Config } from "./config.ts";
import { paths, services } from "./paths.ts";
import { driverPackage } from "./software.ts";
import { watchedPaths } from "./watch-units.ts";

/** What has to be watched for a unit in line to be known as unchanged: files, and main processes. */
export async function watched(
  host: Host,
  config: Config,
  unit: Conductor,
): Promise<{ readonly files: readonly string[]; readonly processes: readonly number[] }> {
  const units = unit.hasApi ? [services.conductor, apiService(unit)] : [services.conductor];
  const dropIns = (await host.fs.list(paths.dropInDirectory)) ?? [];
  const rules = (await host.fs.list(policyRules)) ?? [];
  const files = [
    ...watchedPaths(unit),
    ...dropIns.map((name) => `${paths.dropInDirectory}/${name}`),
    paths.helmReceipt,
    policyProgram,
    policyRules,
    ...rules.map((name) => `${policyRules}/${name}`),
    ...(await packageFiles(host, driverPackage(config, unit))),
  ];
  const statuses = await Promise.all(units.map((name) => statusOf(host, unit, name)));
  return { files, processes: statuses.map(({ mainPid }) => mainPid) };
}
