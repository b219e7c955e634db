import type { Client } from "./client.ts";

/** The objects of one workload cluster, as magnum's driver names them. */
export interface Workload {
  /** Of Magnum's project: `magnum-` and the project. Default `magnum-p1`. */
  readonly namespace?: string;
  /** Of the Helm release. Default `demo-abc`. */
  readonly name?: string;
  /** Default: one, `default-worker`. */
  readonly nodeGroups?: readonly string[];
  /** Version of Cluster API's kinds in which the objects are written; default v1beta1. */
  readonly version?: "v1beta1" | "v1beta2";
  /** Version of OpenStackCluster in which it is written; default v1beta1. */
  readonly openstack?: string;
  /** Whether its Cluster is left alone by the controller, so that its status stays as it is written. Default false. */
  readonly paused?: boolean;
}

/** An object, and the status that its controller would give it. */
export interface Stored {
  /** Of the kind in its namespace: `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL`. */
  readonly path: string;
  readonly object: { readonly metadata: { readonly name: string } };
  readonly status: unknown;
}

/** The plural names of what `healthyObjects` makes; the addons are left out by `postObjects` where a server lacks them. */
type Plural =
  | "clusters"
  | "kubeadmcontrolplanes"
  | "machinedeployments"
  | "openstackclusters"
  | "helmreleases"
  | "manifests";

const time = "2026-06-09T10:00:00Z";

function yes(...types: readonly string[]): unknown[] {
  return types.map((type) => ({ type, status: "True", lastTransitionTime: time }));
}

/** Conditions as from v1beta2 on: of some, all is well when they are false. */
function told(trueOnes: readonly string[], falseOnes: readonly string[]): unknown[] {
  const condition = (type: string, status: string, reason: string) => {
    return { type, status, reason, message: "", lastTransitionTime: time, observedGeneration: 1 };
  };
  return [
    ...trueOnes.map((it) => condition(it, "True", it)),
    ...falseOnes.map((it) => condition(it, "False", `Not${it}`)),
  ];
}

const negatives = ["RollingOut", "ScalingUp", "ScalingDown", "Remediating", "Deleting", "Paused"];

const infrastructure = "infrastructure.cluster.x-k8s.io";
const controlPlane = "controlplane.cluster.x-k8s.io";
const bootstrap = "bootstrap.cluster.x-k8s.io";

/** A reference as a version writes it: with the version of what it names, or with its group alone. */
function reference(version: string, group: string, kind: string, name: string, of = version): unknown {
  return version === "v1beta2"
    ? { apiGroup: group, kind, name }
    : { apiVersion: `${group}/${of}`, kind, name };
}

/** The objects of a cluster that is up and healthy (Cluster API 1.11, OpenStack provider 0.14). */
export function healthyObjects(workload: Workload = {}): Readonly<Record<Plural, readonly Stored[]>> {
  const { nodeGroups = ["default-worker"] } = workload;
  return {
    clusters: [healthyCluster(workload)],
    kubeadmcontrolplanes: [healthyControlPlane(workload)],
    machinedeployments: nodeGroups.map((group) => healthyDeployment(workload, group)),
    openstackclusters: [healthyOpenstackCluster(workload)],
    helmreleases: [deployedAddon(workload, "HelmRelease", "cni-calico")],
    manifests: [deployedAddon(workload, "Manifests", "cloud-config")],
  };
}

function stored(
  { namespace = "magnum-p1" }: Workload,
  [group, version, kind]: readonly [string, string, string],
  name: string,
  {
    spec,
    status,
    labels = {},
  }: { spec: unknown; status: unknown; labels?: Readonly<Record<string, string>> },
): Stored {
  const plural = kind === "Manifests" ? "manifests" : `${kind.toLowerCase()}s`;
  return {
    path: `/apis/${group}/${version}/namespaces/${namespace}/${plural}`,
    object: {
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { name, namespace, labels },
      spec,
    } as Stored["object"],
    status,
  };
}

function healthyCluster(workload: Workload): Stored {
  const { name = "demo-abc", version = "v1beta1", openstack, paused = false } = workload;
  const spec = {
    ...(paused ? { paused } : {}),
    controlPlaneEndpoint: { host: "10.12.7.50", port: 6443 },
    controlPlaneRef: reference(version, controlPlane, "KubeadmControlPlane", `${name}-control-plane`),
    infrastructureRef: reference(version, infrastructure, "OpenStackCluster", name, openstack),
  };
  const first = {
    phase: "Provisioned",
    infrastructureReady: true,
    controlPlaneReady: true,
    conditions: yes("Ready", "ControlPlaneInitialized", "ControlPlaneReady", "InfrastructureReady"),
  };
  const positives = [
    ...["Available", "RemoteConnectionProbe", "InfrastructureReady", "ControlPlaneInitialized"],
    ...["ControlPlaneAvailable", "WorkersAvailable"],
  ];
  const second = {
    phase: "Provisioned",
    initialization: { infrastructureProvisioned: true, controlPlaneInitialized: true },
    controlPlane: {
      desiredReplicas: 1,
      replicas: 1,
      readyReplicas: 1,
      availableReplicas: 1,
      upToDateReplicas: 1,
    },
    conditions: told(positives, negatives),
    deprecated: { v1beta1: { conditions: first.conditions } },
  };
  const status = version === "v1beta2" ? second : first;
  return stored(workload, ["cluster.x-k8s.io", version, "Cluster"], name, { spec, status });
}

function healthyControlPlane(workload: Workload): Stored {
  const { name = "demo-abc", version = "v1beta1", openstack } = workload;
  const template = `${name}-control-plane-template`;
  const machine = {
    infrastructureRef: reference(version, infrastructure, "OpenStackMachineTemplate", template, openstack),
  };
  const spec = {
    replicas: 1,
    version: "v1.32.4",
    machineTemplate: version === "v1beta2" ? { spec: machine } : machine,
    kubeadmConfigSpec: { initConfiguration: { nodeRegistration: { name: "node" } } },
  };
  const conditions = [
    ...["Ready", "Available", "CertificatesAvailable", "ControlPlaneComponentsHealthy"],
    ...["EtcdClusterHealthy", "MachinesCreated", "MachinesReady", "Resized"],
  ];
  const counted = { replicas: 1, readyReplicas: 1, version: "v1.32.4" };
  const old = { updatedReplicas: 1, unavailableReplicas: 0 };
  const first = { ...counted, ...old, initialized: true, ready: true, conditions: yes(...conditions) };
  const second = {
    ...counted,
    availableReplicas: 1,
    upToDateReplicas: 1,
    initialization: { controlPlaneInitialized: true },
    conditions: told(["Available", "Initialized", "EtcdClusterHealthy", "MachinesReady"], negatives),
    deprecated: { v1beta1: { ...old, readyReplicas: 1, conditions: yes(...conditions) } },
  };
  const status = version === "v1beta2" ? second : first;
  const kind = [controlPlane, version, "KubeadmControlPlane"] as const;
  return stored(workload, kind, `${name}-control-plane`, { spec, status });
}

function healthyDeployment(workload: Workload, group: string): Stored {
  const { name = "demo-abc", version = "v1beta1", openstack } = workload;
  const own = `${name}-${group}`;
  const labels = {
    "capi.stackhpc.com/cluster": name,
    "capi.stackhpc.com/component": "worker",
    "capi.stackhpc.com/node-group": group,
  };
  const machine = {
    clusterName: name,
    version: "v1.32.4",
    bootstrap: { configRef: reference(version, bootstrap, "KubeadmConfigTemplate", own) },
    infrastructureRef: reference(version, infrastructure, "OpenStackMachineTemplate", own, openstack),
  };
  const spec = {
    clusterName: name,
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: machine },
  };
  const counted = { phase: "Running", replicas: 1, readyReplicas: 1, availableReplicas: 1 };
  const old = { updatedReplicas: 1, unavailableReplicas: 0 };
  const conditions = yes("Ready", "Available", "MachineSetReady");
  const first = { ...counted, ...old, conditions };
  const second = {
    ...counted,
    upToDateReplicas: 1,
    conditions: told(["Available", "MachinesReady"], negatives),
    deprecated: { v1beta1: { ...old, readyReplicas: 1, availableReplicas: 1, conditions } },
  };
  const status = version === "v1beta2" ? second : first;
  const kind = ["cluster.x-k8s.io", version, "MachineDeployment"] as const;
  return stored(workload, kind, own, { spec, status, labels });
}

/** Up to v1beta1 it says `ready`; from v1beta2 on it does not. */
function healthyOpenstackCluster(workload: Workload): Stored {
  const { name = "demo-abc", openstack = "v1beta1" } = workload;
  const spec = { controlPlaneEndpoint: { host: "10.12.7.50", port: 6443 } };
  const first = {
    ready: true,
    initialization: { provisioned: true },
    network: { id: "n1", name: "k8s-net" },
    conditions: yes("Ready"),
  };
  const second = {
    initialization: { provisioned: true },
    conditions: told(["Ready", "NetworkReady", "APIEndpointReady"], []),
  };
  const status = openstack === "v1beta2" ? second : first;
  return stored(workload, [infrastructure, openstack, "OpenStackCluster"], name, { spec, status });
}

function deployedAddon(workload: Workload, kind: "HelmRelease" | "Manifests", addon: string): Stored {
  const { name = "demo-abc" } = workload;
  const labels = { "addons.stackhpc.com/cluster": name };
  const spec = { clusterName: name };
  const status = { phase: "Deployed" };
  const own = `${name}-${addon}`;
  return stored(workload, ["addons.stackhpc.com", "v1alpha1", kind], own, { spec, status, labels });
}

/** Makes a namespace, if it isn't there. Throws when the server refuses it. */
export async function makeNamespace(client: Client, name: string): Promise<void> {
  const { status, text } = await client.request("POST", "/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name },
  });
  if (status !== 201 && status !== 409)
    throw new Error(`namespace ${name} was answered with ${status}: ${text}`);
}

/** Puts objects on a server, with their status. Throws when it refuses one, or does not serve its kind and version. */
export async function postObjects(client: Client, objects: readonly Stored[]): Promise<void> {
  await Promise.all(
    objects.map(async ({ path, object, status }) => {
      await client.demand("POST", path, object);
      const contentType = "application/merge-patch+json";
      await client.demand("PATCH", `${path}/${object.metadata.name}/status`, { status }, { contentType });
    }),
  );
}

/** Puts a whole healthy cluster on a server that serves all its kinds in the versions that are named. */
export async function postHealthyCluster(client: Client, workload: Workload = {}): Promise<void> {
  await makeNamespace(client, workload.namespace ?? "magnum-p1");
  await postObjects(client, Object.values(healthyObjects(workload)).flat());
}
