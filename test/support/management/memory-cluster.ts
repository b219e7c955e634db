/** A kind that a cluster in memory serves, built in (group `""` and its like) or by a CRD. */
export interface MemoryKind {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
  /** What is served, the preferred first. */
  readonly versions: readonly string[];
  /** Those of them that answer with a warning. */
  readonly deprecated?: readonly string[];
  readonly namespaced?: boolean;
}

/** What is stored. It is given back at every version alike. */
export interface MemoryObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

const core = ["Cluster", "MachineDeployment", "Machine", "MachineHealthCheck", "MachineSet", "MachinePool"];

/** Kinds at the versions that a release of Cluster API serves; 1.11 unless told otherwise. */
export function clusterApiKinds(
  versions: readonly string[] = ["v1beta2", "v1beta1"],
  deprecated: readonly string[] = versions.includes("v1beta2") ? ["v1beta1"] : [],
): readonly MemoryKind[] {
  const kind = (group: string, name: string) => ({
    group,
    plural: `${name.toLowerCase()}s`,
    kind: name,
    versions,
    deprecated,
  });
  return [
    ...core.map((name) => kind("cluster.x-k8s.io", name)),
    kind("controlplane.cluster.x-k8s.io", "KubeadmControlPlane"),
    kind("bootstrap.cluster.x-k8s.io", "KubeadmConfigTemplate"),
    kind("addons.cluster.x-k8s.io", "ClusterResourceSet"),
  ];
}

/** Kinds of the OpenStack provider; at v1beta1 alone, as from 0.12 to 0.14, unless told otherwise. */
export function openstackKinds(versions: readonly string[] = ["v1beta1"]): readonly MemoryKind[] {
  const group = "infrastructure.cluster.x-k8s.io";
  return [
    { group, plural: "openstackclusters", kind: "OpenStackCluster", versions },
    { group, plural: "openstackmachinetemplates", kind: "OpenStackMachineTemplate", versions },
    { group, plural: "openstackservers", kind: "OpenStackServer", versions: ["v1alpha1"] },
  ];
}

/** Kinds of the addon provider. */
export function addonKinds(): readonly MemoryKind[] {
  const group = "addons.stackhpc.com";
  return [
    { group, plural: "helmreleases", kind: "HelmRelease", versions: ["v1alpha1"] },
    { group, plural: "manifests", kind: "Manifests", versions: ["v1alpha1"] },
  ];
}

/** The optional kind of Cluster API's own addon provider for Helm. */
export const helmChartProxy: MemoryKind = {
  group: "addons.cluster.x-k8s.io",
  plural: "helmchartproxies",
  kind: "HelmChartProxy",
  versions: ["v1alpha1"],
};

/** A cluster with all that the driver and the chart need. */
export function readyKinds(): readonly MemoryKind[] {
  return [...clusterApiKinds(), ...openstackKinds(), ...addonKinds()];
}

const rbac = "rbac.authorization.k8s.io";

/** Kinds that Kubernetes has built in, as far as the driver and helm use them. */
export const builtInKinds: readonly MemoryKind[] = [
  { group: "", plural: "namespaces", kind: "Namespace", versions: ["v1"], namespaced: false },
  { group: "", plural: "secrets", kind: "Secret", versions: ["v1"] },
  { group: "", plural: "serviceaccounts", kind: "ServiceAccount", versions: ["v1"] },
  { group: "apps", plural: "deployments", kind: "Deployment", versions: ["v1"] },
  { group: rbac, plural: "roles", kind: "Role", versions: ["v1"] },
  { group: rbac, plural: "rolebindings", kind: "RoleBinding", versions: ["v1"] },
];
