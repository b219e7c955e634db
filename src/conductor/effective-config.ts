import { type Host, HostFault } from "../host/host.ts";
import { findConductor } from "./conductor.ts";
import type { DaemonView, OptionKey, ResolvedOption } from "./daemon-view.ts";
import { viewsOfServices } from "./gates.ts";
import { services } from "./paths.ts";

/** Groups of the driver: every option that the daemon knows in them (driver 1.3.0 has the first one only). */
const groups = ["capi_helm", "capi_helm_cluster_labels"] as const;

/** Options of Magnum's own that decide what the driver makes. */
const others: readonly OptionKey[] = [
  ["cluster_template", "kubernetes_default_network_driver"],
  ["cluster_template", "kubernetes_allowed_network_drivers"],
  ["drivers", "disabled_drivers"],
  ["drivers", "openstack_ca_file"],
  ["drivers", "verify_ca"],
];

/** What a service would go by if it started now. */
export interface EffectiveConfig {
  readonly service: string;
  /** Names of the drivers that it would load. */
  readonly drivers: readonly string[];
  /** By `group.name`, in order. */
  readonly options: Readonly<Record<string, ResolvedOption>>;
  /** Why it would not start, or load no driver. */
  readonly error?: string;
}

/** A login in a URL is nobody's business; what oslo.config calls a secret comes masked already. */
function masked(it: ResolvedOption): ResolvedOption {
  const hide = (text: string) => text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, "$1...@");
  return "error" in it ? { error: hide(it.error) } : { ...it, value: hide(it.value) };
}

function effective(service: string, view: DaemonView): EffectiveConfig {
  const entries = Object.entries(view.options).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const error = view.configError ?? view.driverError;
  return {
    service,
    drivers: view.drivers,
    options: Object.fromEntries(entries.map(([name, it]) => [name, masked(it)])),
    ...(error === undefined ? {} : { error }),
  };
}

/**
 * Asks the daemons' own oslo.config, as their user and with each service's own arguments, for the options that matter to
 * the driver; reads only. Throws a HostFault where there is no conductor.
 */
export async function effectiveConfig(host: Host): Promise<readonly EffectiveConfig[]> {
  const unit = await findConductor(host);
  if ("missing" in unit)
    throw new HostFault(`there is no conductor: ${unit.missing}`, { remedy: "", cure: "time" });
  const names = unit.hasApi ? [services.conductor, services.api] : [services.conductor];
  const questions = names.map((name) => [name, { options: others, groups }] as const);
  const views = await viewsOfServices(host, unit, Object.fromEntries(questions));
  return Object.entries(views).map(([name, view]) => effective(name, view));
}
