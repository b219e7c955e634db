import { sh } from "../look.ts";
import { kubeconfig } from "../site.ts";
import type { FaultSite } from "./fault-site.ts";

/** Where a unit is when an operation begins. */
export type Start = "deployed" | "grafted" | "grafted-1.3.0";

/** Something that a unit does and that may be cut off anywhere. */
export interface Operation {
  readonly start: Start;
  /** The hook that does it. */
  readonly hook: string;
  /** Puts the unit there where its start alone does not. */
  prepare?(site: FaultSite): Promise<unknown>;
  /** Does what makes Juju run the hook, and runs it. */
  begin(site: FaultSite): Promise<unknown>;
  /** True where the unit is as before afterwards, without the graft. */
  readonly removes?: true;
}

export const paths = {
  dropIn: "/etc/magnum/magnum.conf.d/00-capi-helm.conf",
  block: "/etc/default/magnum-conductor",
  kubeconfig: "/etc/magnum/kubeconfig",
  helm: "/usr/local/bin/helm",
  state: "/var/lib/magnum-capi-helm",
} as const;

const drift = `
sed -i 's/^default_helm_chart_version.*/default_helm_chart_version = 0.10.1/' ${paths.dropIn}
: > ${paths.block}
echo broken > ${paths.kubeconfig}
rm /usr/local/lib/python3.*/dist-packages/magnum_capi_helm/driver.py
`;

/** Every operation that writes, by name. */
export const operations: Readonly<Record<string, Operation>> = {
  install: {
    start: "deployed",
    hook: "config-changed",
    begin: ({ unit, secret }) => unit.configure({ kubeconfig: secret }),
  },
  chart: {
    start: "grafted",
    hook: "config-changed",
    begin: ({ unit }) => unit.configure({ "chart-version": "0.24.1" }),
  },
  "driver-down": {
    start: "grafted",
    hook: "config-changed",
    begin: ({ unit }) => unit.configure({ "driver-version": "1.3.0" }),
  },
  "driver-up": {
    start: "grafted-1.3.0",
    hook: "config-changed",
    begin: ({ unit }) => unit.configure({ "driver-version": undefined }),
  },
  kubeconfig: {
    start: "grafted",
    hook: "secret-changed",
    begin: ({ unit, secret }) => unit.updateSecret(secret, { kubeconfig: kubeconfig("another-token") }),
  },
  heal: {
    start: "grafted",
    hook: "update-status",
    prepare: ({ conductor }) => sh(conductor, drift),
    begin: ({ unit }) => unit.runHook("update-status"),
  },
  remove: {
    start: "grafted",
    hook: "stop",
    begin: ({ unit }) => unit.remove(),
    removes: true,
  },
};
