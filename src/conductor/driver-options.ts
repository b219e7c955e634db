import { isAtLeast } from "../management/version.ts";

/** A section of the daemons' configuration that belongs to the driver. */
export type DriverSection = "capi_helm" | "capi_helm_cluster_labels";

/** One option that the driver registers with oslo.config. */
export interface DriverOption {
  readonly section: DriverSection;
  readonly type: "string" | "integer" | "boolean" | "list";
  /** The only values of a string, where it is bound to some; upper and lower case differ. */
  readonly choices?: readonly string[];
  /** The least value of an integer: ours, since the driver says none and would take a size below 0. */
  readonly least?: number;
  /** The pattern that a string has to fit for the driver to make use of it: ours too, with what it is in words. */
  readonly pattern?: readonly [RegExp, string];
}

type Table = Readonly<Record<string, DriverOption>>;

/** A prefix of namespaces: with a dash and a project's 32 digits behind it the name has to fit Kubernetes' 63. */
const prefix = [/^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$/, "1 to 30 of a-z, 0-9 and -, a letter first"] as const;

const general = {
  namespace_prefix: { section: "capi_helm", type: "string", pattern: prefix },
  minimum_flavor_ram: { section: "capi_helm", type: "integer", least: 0 },
  minimum_flavor_vcpus: { section: "capi_helm", type: "integer", least: 0 },
  csi_cinder_default_volume_type: { section: "capi_helm", type: "string" },
  csi_cinder_allowed_topologies: { section: "capi_helm", type: "list" },
  app_cred_interface_type: { section: "capi_helm", type: "string" },
} as const satisfies Table;

function labels(options: Readonly<Record<string, Omit<DriverOption, "section">>>): Table {
  return Object.fromEntries(
    Object.entries(options).map(([name, it]) => [name, { section: "capi_helm_cluster_labels", ...it }]),
  );
}

/**
 * What driver 1.4.0 reads out of its two sections, but for the options that the charm sets through options of its own.
 * Source: magnum_capi_helm/conf.py of the wheel of 1.4.0, held against what its other modules read.
 */
const of140: Table = {
  ...general,
  k8s_control_plane_resource_conditions: { section: "capi_helm", type: "list" },
  ...labels({
    etcd_blockdevice_size: { type: "integer", least: 0 },
    etcd_blockdevice_type: { type: "string", choices: ["volume", "local"] },
    etcd_blockdevice_volume_type: { type: "string" },
    etcd_blockdevice_volume_az: { type: "string" },
    monitoring_enabled: { type: "boolean" },
    kube_dashboard_enabled: { type: "boolean" },
    auto_healing_enabled: { type: "boolean" },
    auto_scaling_enabled: { type: "boolean" },
    min_node_count: { type: "integer", least: 1 },
    max_node_count: { type: "integer", least: 1 },
    keystone_auth_enabled: { type: "boolean" },
    csi_cinder_availability_zone: { type: "string" },
    csi_cinder_reclaim_policy: { type: "string", choices: ["Retain", "Delete"] },
    csi_cinder_volume_binding_mode: { type: "string", choices: ["WaitForFirstConsumer", "Immediate"] },
    csi_cinder_fstype: { type: "string" },
    csi_cinder_allow_volume_expansion: { type: "boolean" },
    octavia_provider: { type: "string" },
    octavia_lb_algorithm: { type: "string" },
    octavia_lb_healthcheck: { type: "boolean" },
    master_lb_floating_ip_enabled: { type: "boolean" },
    fixed_subnet_cidr: { type: "string" },
    api_master_lb_allowed_cidrs: { type: "string" },
    extra_network_names: { type: "string" },
    boot_volume_type: { type: "string" },
    boot_volume_size: { type: "integer", least: 0 },
  }),
};

/**
 * The same of driver 1.3.0 and 1.2.0, whose conf.py are equal. They register csi_cinder_volume_binding_mode as well,
 * but read it nowhere.
 */
const of130: Table = {
  ...general,
  csi_cinder_availability_zone: { section: "capi_helm", type: "string" },
  csi_cinder_reclaim_policy: { section: "capi_helm", type: "string" },
  csi_cinder_fstype: { section: "capi_helm", type: "string" },
  csi_cinder_allow_volume_expansion: { section: "capi_helm", type: "boolean" },
};

/** Options that the charm sets itself, with the charm's option for each. */
export const ownedOptions: Readonly<Record<string, string>> = {
  kubeconfig_file: "kubeconfig",
  helm_chart_repo: "chart-repository",
  helm_chart_name: "chart-name",
  default_helm_chart_version: "chart-version",
  capi_helm_chart_version: "chart-version",
  api_resources: "api-resources",
};

/** Options that driver 1.4.0 registers (under old names too) but reads nowhere, with the one that it reads instead. */
export const unreadOptions: Readonly<Record<string, string>> = {
  etcd_volume_size: "etcd_blockdevice_size",
  etcd_volume_type: "etcd_blockdevice_volume_type",
  extra_network_name: "extra_network_names",
};

/** Names of the sections. */
export const driverSections: readonly DriverSection[] = ["capi_helm", "capi_helm_cluster_labels"];

/** Names of all options that some version of the driver reads. */
export const driverOptionNames: readonly string[] = [...new Set([of140, of130].flatMap(Object.keys))];

/** An option as this version of the driver reads it; `undefined` where it has none of that name. */
export function driverOption(name: string, version: string): DriverOption | undefined {
  const table = isAtLeast(version, "1.4.0") ? of140 : of130;
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** An option as the newest version of the driver reads it that has one of that name. */
export function newestDriverOption(name: string): DriverOption | undefined {
  return driverOption(name, "1.4.0") ?? driverOption(name, "1.3.0");
}

/** Whether some version of the driver has this option in this section. */
export function isInSection(name: string, section: DriverSection): boolean {
  return ["1.4.0", "1.3.0"].some((version) => driverOption(name, version)?.section === section);
}
