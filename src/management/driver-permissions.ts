/** One verb on one kind of object of the management cluster, and what it is needed for. */
export interface Permission {
  /** API group; empty for the core one. */
  readonly group: string;
  /** Plural, with a subresource after a slash: `machinedeployments/scale`. */
  readonly resource: string;
  readonly verb: string;
  readonly why: string;
  /** Who uses it: the driver and its helm, or only what this program looks at by itself. */
  readonly user: "driver" | "checks";
}

const capi = "cluster.x-k8s.io";
const controlPlane = "controlplane.cluster.x-k8s.io";
const bootstrap = "bootstrap.cluster.x-k8s.io";
const infrastructure = "infrastructure.cluster.x-k8s.io";
const capiAddons = "addons.cluster.x-k8s.io";
const addons = "addons.stackhpc.com";
const rbac = "rbac.authorization.k8s.io";

/** Group, resources, verbs, reason. Where several rows give the same verb, the first one's reason counts. */
type Row = readonly [group: string, resources: string, verbs: string, why: string];

/** What the driver asks of the API server by itself (driver 1.3.0 and 1.4.0, kubernetes.py and driver.py). */
const driverRows: readonly Row[] = [
  ["", "namespaces", "create", "first cluster of a project: its namespace"],
  ["", "namespaces", "patch", "creating a cluster: its namespace"],
  ["", "secrets", "create patch", "creating a cluster: its credentials and certificates"],
  ["", "secrets", "get", "deleting a cluster: its application credential"],
  ["", "secrets", "deletecollection", "deleting a cluster: its credentials and certificates"],
  [capi, "clusters machinedeployments", "get", "state and health of a cluster"],
  [controlPlane, "kubeadmcontrolplanes", "get", "state and health of a cluster"],
  [infrastructure, "openstackclusters", "get", "health of a cluster"],
  [capi, "machines", "list", "deleting a node group"],
  [addons, "helmreleases manifests", "list", "a cluster's creation: whether its addons are there"],
  // Asked also where nothing serves it: 403 is an error for the driver then, and 404 is none.
  [capiAddons, "helmchartproxies", "list", "a cluster's creation: whether its addons are there"],
];

/**
 * What helm 3 does for it: its releases are secrets; each object of the chart is read, then created, patched or
 * deleted. Those that the chart keeps (`helm.sh/resource-policy`) helm never deletes.
 */
const helmRows: readonly Row[] = [
  ["", "secrets", "list update delete", "helm: its releases"],
  ["", "serviceaccounts", "get create patch delete", "helm: the cluster's autoscaler"],
  ["apps", "deployments", "get create patch delete", "helm: the cluster's autoscaler"],
  [rbac, "roles rolebindings", "get create patch delete", "helm: the cluster's autoscaler"],
  [capi, "clusters", "create patch delete", "helm: the cluster itself"],
  [capi, "machinedeployments", "create patch delete", "helm: the cluster's node groups"],
  [capi, "machinehealthchecks", "get create patch delete", "helm: the cluster's auto-healing"],
  [controlPlane, "kubeadmcontrolplanes", "create patch", "helm: the cluster's control plane"],
  [bootstrap, "kubeadmconfigtemplates", "get create patch", "helm: the cluster's node groups"],
  [infrastructure, "openstackclusters", "create patch", "helm: the cluster's network"],
  [infrastructure, "openstackmachinetemplates", "get create patch", "helm: the cluster's machines"],
  [addons, "helmreleases manifests", "get create patch delete", "helm: the cluster's addons"],
];

/** What the chart's Role gives the autoscaler: nobody may give what he does not have. */
const grantedRows: readonly Row[] = [
  [capi, "machinedeployments", "list watch update", "helm: may be given to the cluster's autoscaler"],
  [capi, "machinedeployments/scale", "get patch update", "helm: may be given to the cluster's autoscaler"],
  [
    capi,
    "machines machinesets machinepools",
    "get list watch update",
    "helm: may be given to the cluster's autoscaler",
  ],
];

/** What this program looks at by itself: one object of each kind can be read, and which cluster this is. */
const checkRows: readonly Row[] = [
  ["", "namespaces", "get", "check: which management cluster it is"],
  [capi, "clusters machinedeployments machinehealthchecks machines", "list", "check: it can be read"],
  [controlPlane, "kubeadmcontrolplanes", "list", "check: it can be read"],
  [bootstrap, "kubeadmconfigtemplates", "list", "check: it can be read"],
  [infrastructure, "openstackclusters openstackmachinetemplates", "list", "check: it can be read"],
  [addons, "helmreleases manifests", "list", "check: it can be read"],
  [capiAddons, "helmchartproxies", "list", "check: it can be read"],
];

/** What tells one permission from another: `secrets create`, `clusters.cluster.x-k8s.io get`. */
export function keyOf({ group, resource, verb }: Omit<Permission, "why" | "user">): string {
  return `${group === "" ? resource : `${resource}.${group}`} ${verb}`;
}

function permissionsOf(rows: readonly Row[], user: Permission["user"]): readonly Permission[] {
  const all = rows.flatMap(([group, resources, verbs, why]) =>
    resources
      .split(" ")
      .flatMap((resource) => verbs.split(" ").map((verb) => ({ group, resource, verb, why, user }))),
  );
  // The last one of a name stays in a map: the first row's reason has to.
  return [...new Map(all.toReversed().map((it) => [keyOf(it), it])).values()].toReversed();
}

/** Every permission that driver 1.3.0, driver 1.4.0 and their helm 3 use for a cluster of the chart. */
export const driverPermissions = permissionsOf([...driverRows, ...helmRows, ...grantedRows], "driver");

/** What this program looks at by itself, across all namespaces; some of it the driver needs as well. */
export const checkPermissions = permissionsOf(checkRows, "checks");

const driverKeys = new Set(driverPermissions.map(keyOf));

/** All of it, each once: what the driver needs, then what only the checks do. */
export const allPermissions: readonly Permission[] = [
  ...driverPermissions,
  ...checkPermissions.filter((it) => !driverKeys.has(keyOf(it))),
];
