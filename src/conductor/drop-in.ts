import { parse } from "ini";
import template from "../../templates/etc.magnum.magnum.conf.d.00-capi-helm.conf.tmpl";
import { isAtLeast } from "../management/version.ts";
import type { State } from "../reconcile/resource.ts";
import type { Config } from "./config.ts";
import { settingsAsOptions } from "./driver-values.ts";
import { paths } from "./paths.ts";
import { fill } from "./templates.ts";

/** One option of the daemons that we set. */
export interface DaemonOption {
  readonly group: string;
  readonly name: string;
  /** What the daemons get, as text: not always what stands in the file. */
  readonly value: string;
}

function option(group: string, name: string, value: string): DaemonOption {
  return { group, name, value };
}

/**
 * What the drop-in says, for the driver's version: `api_resources` came with 1.4.0 (driver 1.4.0, conf.py). The network
 * driver has to be said since 1.4.0 hands it on to the chart, and Magnum's own default is one that the chart lacks.
 */
export function daemonOptions(config: Config): readonly DaemonOption[] {
  const knowsApiResources = isAtLeast(config["driver-version"], "1.4.0");
  return [
    option("capi_helm", "kubeconfig_file", paths.kubeconfig),
    option("capi_helm", "helm_chart_repo", config["chart-repository"]),
    option("capi_helm", "helm_chart_name", config["chart-name"]),
    option("capi_helm", "default_helm_chart_version", config["chart-version"]),
    ...(knowsApiResources ? [option("capi_helm", "api_resources", config["api-resources"])] : []),
    ...settingsAsOptions(config["capi-helm-options"], config["driver-version"]),
    option("cluster_template", "kubernetes_default_network_driver", config["default-network-driver"]),
    option("cluster_template", "kubernetes_allowed_network_drivers", "calico,cilium"),
    ...(config["openstack-ca"] === "" ? [] : [option("drivers", "openstack_ca_file", paths.openstackCa)]),
  ];
}

/**
 * A value as oslo.config reads it back: it replaces `$name` and `$$`, strips blanks and then one pair of quotes
 * (oslo.config 9.4, cfg.py and iniparser.py).
 */
function asWritten(value: string): string {
  const escaped = value.replaceAll("$", "$$$$");
  const stripped = value !== value.trim() || /^(["']).*\1$|^["']$/.test(value);
  return stripped ? `"${escaped}"` : escaped;
}

/** The drop-in's bytes. */
export function renderDropIn(options: readonly DaemonOption[]): string {
  const groups = [...new Set(options.map(({ group }) => group))];
  const sections = groups.map((group) => {
    const lines = options
      .filter((it) => it.group === group)
      .map(({ name, value }) => `${name} = ${asWritten(value)}`.trimEnd());
    return [`[${group}]`, ...lines].join("\n");
  });
  return fill(template, { sections: sections.join("\n\n") });
}

/** The options that a drop-in's text sets, as state: for a plan to say which of them differ. */
export function describeDropIn(text: string): State {
  const sections = Object.entries(parse(text)).filter(([, section]) => typeof section === "object");
  return Object.fromEntries(
    sections.flatMap(([group, section]) =>
      Object.entries(section as Record<string, unknown>).map(([name, value]) => [
        `${group}.${name}`,
        String(value),
      ]),
    ),
  );
}
