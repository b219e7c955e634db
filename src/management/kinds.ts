import { isAtLeast } from "./version.ts";

/** One kind of the management cluster, at the version that somebody uses. */
interface Kind {
  readonly group: string;
  readonly plural: string;
  /** As the API server spells it. */
  readonly kind: string;
}

/** How well something works: as it should, with a fault that stays, or not at all. */
export type Fitness = "ready" | "degraded" | "broken";

/** A kind that the driver reads, and what it makes of each version (driver 1.4.0, kubernetes.py and driver.py). */
export interface DriverKind extends Kind {
  /** As the driver spells it in `api_resources`. */
  readonly name: string;
  /** What the driver reads unless it is told otherwise. */
  readonly byDefault: string;
  /** Versions of which it reads what it needs, the best first. */
  readonly safe: readonly string[];
  /** What reading v1beta2 comes to, where nothing safe is served; absent for a kind that has no such version. */
  readonly asV1beta2?: Fitness;
  /** What comes of a version that is not served, which the driver can't tell from an object that is gone. */
  readonly unserved: Fitness;
}

const v1beta1 = { byDefault: "v1beta1", safe: ["v1beta1"] } as const;
const v1alpha1 = { byDefault: "v1alpha1", safe: ["v1alpha1"] } as const;

/** The group of the kinds of Cluster API's core. */
const core = "cluster.x-k8s.io";

/** The group of the OpenStack provider's kinds. */
const infrastructure = "infrastructure.cluster.x-k8s.io";
const controlPlane = "controlplane.cluster.x-k8s.io";
const addons = "addons.stackhpc.com";

/** Every kind of `api_resources`. */
export const driverKinds: readonly DriverKind[] = [
  {
    name: "Cluster",
    group: core,
    plural: "clusters",
    kind: "Cluster",
    ...v1beta1,
    asV1beta2: "broken",
    unserved: "broken",
  },
  {
    name: "OpenstackCluster",
    group: infrastructure,
    plural: "openstackclusters",
    kind: "OpenStackCluster",
    byDefault: "v1beta1",
    // All three have status.ready, which is what the driver looks at.
    safe: ["v1beta1", "v1alpha7", "v1alpha6"],
    asV1beta2: "degraded",
    unserved: "degraded",
  },
  {
    name: "MachineDeployment",
    group: core,
    plural: "machinedeployments",
    kind: "MachineDeployment",
    ...v1beta1,
    asV1beta2: "degraded",
    unserved: "broken",
  },
  {
    name: "K8sControlPlane",
    group: controlPlane,
    plural: "kubeadmcontrolplanes",
    kind: "KubeadmControlPlane",
    ...v1beta1,
    asV1beta2: "broken",
    unserved: "broken",
  },
  {
    name: "Machine",
    group: core,
    plural: "machines",
    kind: "Machine",
    byDefault: "v1beta1",
    // Only whether there are any matters.
    safe: ["v1beta1", "v1beta2"],
    asV1beta2: "ready",
    unserved: "degraded",
  },
  {
    name: "Manifests",
    group: addons,
    plural: "manifests",
    kind: "Manifests",
    ...v1alpha1,
    unserved: "broken",
  },
  {
    name: "HelmRelease",
    group: addons,
    plural: "helmreleases",
    kind: "HelmRelease",
    ...v1alpha1,
    unserved: "broken",
  },
  {
    name: "HelmChartProxy",
    group: "addons.cluster.x-k8s.io",
    plural: "helmchartproxies",
    kind: "HelmChartProxy",
    ...v1alpha1,
    unserved: "ready",
  },
];

/** Kinds that the driver knows in `api_resources`, spelt as it spells them, with the group of each. */
export const apiKinds: Readonly<Record<string, string>> = Object.fromEntries(
  driverKinds.map(({ name, group }) => [name, group]),
);

/** Kinds whose v1beta2 form driver 1.4.0 can't judge: a cluster would never be HEALTHY, or never COMPLETE. */
export const neverV1beta2: ReadonlySet<string> = new Set(
  driverKinds.flatMap(({ name, asV1beta2 = "ready" }) => (asV1beta2 === "ready" ? [] : [name])),
);

/** Whether a driver reads `api_resources`: from 1.4.0 on. */
export function readsApiResources(driverVersion: string): boolean {
  return isAtLeast(driverVersion, "1.4.0");
}

/**
 * What a version of the driver reads. Before 1.4.0 all of it is fixed, OpenStackCluster at v1alpha6, and HelmChartProxy
 * is not read (driver 1.3.0, kubernetes.py).
 */
export function kindsOf(driverVersion: string): readonly DriverKind[] {
  if (readsApiResources(driverVersion)) return driverKinds;
  return driverKinds
    .filter(({ name }) => name !== "HelmChartProxy")
    .map(({ asV1beta2: _, ...it }) => {
      const fixed = it.name === "OpenstackCluster" ? "v1alpha6" : it.byDefault;
      return { ...it, byDefault: fixed, safe: [fixed] };
    });
}

/** A kind with the version that the chart writes. */
export interface ChartKind extends Kind {
  readonly version: string;
}

/** What the chart writes from which version on, the newest first (chart's templates at each tag). */
const infrastructureOf = [
  { from: "0.11.0", version: "v1beta1" },
  { from: "0.0.0", version: "v1alpha7" },
] as const;

/** Whether it is the chart whose kinds are known, by its name, oci:// reference or path. */
export function isKnownChart(chartName: string): boolean {
  const last = chartName.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return last.replace(/(-\d+\.\d+\.\d+.*)?\.tgz$/, "") === "openstack-cluster";
}

/** Cluster API's kinds and the addon provider's that a version of the chart openstack-cluster writes. */
export function chartKinds(chartVersion: string): readonly ChartKind[] {
  const provider = infrastructureOf.find(({ from }) => isAtLeast(chartVersion, from));
  const version = provider?.version ?? "v1beta1";
  return [
    { group: core, plural: "clusters", kind: "Cluster", version: "v1beta1" },
    { group: core, plural: "machinedeployments", kind: "MachineDeployment", version: "v1beta1" },
    { group: core, plural: "machinehealthchecks", kind: "MachineHealthCheck", version: "v1beta1" },
    { group: controlPlane, plural: "kubeadmcontrolplanes", kind: "KubeadmControlPlane", version: "v1beta1" },
    {
      group: "bootstrap.cluster.x-k8s.io",
      plural: "kubeadmconfigtemplates",
      kind: "KubeadmConfigTemplate",
      version: "v1beta1",
    },
    { group: infrastructure, plural: "openstackclusters", kind: "OpenStackCluster", version },
    { group: infrastructure, plural: "openstackmachinetemplates", kind: "OpenStackMachineTemplate", version },
    { group: addons, plural: "helmreleases", kind: "HelmRelease", version: "v1alpha1" },
    { group: addons, plural: "manifests", kind: "Manifests", version: "v1alpha1" },
  ];
}

/** Every group that the driver or the chart has to do with. */
export const groupsThatMatter: readonly string[] = [
  ...new Set([...driverKinds, ...chartKinds("0.11.0")].map(({ group }) => group)),
];
