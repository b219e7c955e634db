import type { Host } from "../host/host.ts";
import type { HelmBinary } from "../resources/helm-binary.ts";
import { keptHelm } from "../resources/helm-binary.ts";
import type { Originals } from "../resources/originals.ts";
import { originals } from "../resources/originals.ts";
import { type PipPackage, wheelPrefix } from "../resources/pip-package.ts";
import { store } from "../resources/store.ts";
import { attachedFile } from "./attached.ts";
import type { Conductor } from "./conductor.ts";
import type { Config } from "./config.ts";
import { driverEntryPoint } from "./gates.ts";
import { paths } from "./paths.ts";
import { publishedHelm, publishedWheels } from "./published.ts";

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

/** helm as a file of the unit. */
export function helmOf(config: Config, unit: Conductor, kept: Originals): HelmBinary {
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

/** Removes the kept wheels and binaries, fetched and attached, that none of these configurations needs. */
export async function pruneStore(host: Host, unit: Conductor, configs: readonly Config[]): Promise<void> {
  const needed = configs.flatMap((config) => [
    wheelPrefix(driverPackage(config, unit)),
    keptHelm(helmOf(config, unit, originals(paths.originals))),
  ]);
  await artifacts.prune(host, needed);
  const attached = configs.flatMap((config) => config.attached?.["driver-wheel"]?.sha256 ?? []);
  for (const name of (await host.fs.list(paths.attached)) ?? []) {
    if (!attached.includes(name)) await host.fs.removeTree(`${paths.attached}/${name}`);
  }
}
