import type { ApiResources } from "../../src/management/api-resources.ts";
import type { Fitness } from "../../src/management/kinds.ts";

/** A management cluster, what is wanted of it, and what is to be found. */
export interface Case {
  readonly title: string;
  /** Versions that are served, by plural; of the others all that there are. None: the kind is not there. */
  readonly served?: Readonly<Record<string, readonly string[]>>;
  readonly driver?: "1.3.0";
  readonly chart?: string;
  /** What the operator says; `auto` unless given. */
  readonly told?: ApiResources;
  /** Whether a HelmChartProxy has the cluster's label. */
  readonly proxied?: true;
  /** Kinds with faults: `Cluster broken`. */
  readonly faults: readonly string[];
  readonly chartState: Fitness;
  /** Kinds that the driver is told of, with their versions. */
  readonly apiResources?: Readonly<Record<string, string>>;
  /** What the real driver comes to, where that is not the worst of the kinds, and why. */
  readonly driverState?: readonly [Fitness, why: string];
}

const only = (...plurals: readonly string[]) =>
  Object.fromEntries(plurals.map((plural) => [plural, ["v1beta2"]]));

/** Of the OpenStack provider's two kinds that matter. */
const provider = (...versions: readonly string[]) => ({
  openstackclusters: versions,
  openstackmachinetemplates: versions,
});

const core = [
  ...["clusters", "machinedeployments", "machines", "machinehealthchecks"],
  ...["kubeadmcontrolplanes", "kubeadmconfigtemplates"],
];

const machine = (version: string): ApiResources => ({
  Machine: { api_version: `cluster.x-k8s.io/${version}` },
});

/** On one server that can serve all of it: Cluster API 1.11, the OpenStack provider from v1alpha6 to v1beta2. */
export const cases: readonly Case[] = [
  {
    title: "everything, as of provider 0.15",
    served: provider("v1beta1", "v1beta2"),
    faults: [],
    chartState: "ready",
  },
  {
    title: "provider v1alpha7 only, chart 0.10.1",
    served: provider("v1alpha7"),
    chart: "0.10.1",
    faults: [],
    chartState: "ready",
    apiResources: { OpenstackCluster: "v1alpha7" },
  },
  {
    title: "provider v1alpha7 only, chart 0.25.1",
    served: provider("v1alpha7"),
    faults: [],
    chartState: "broken",
    apiResources: { OpenstackCluster: "v1alpha7" },
  },
  {
    title: "provider v1alpha6 only, chart 0.10.1",
    served: provider("v1alpha6"),
    chart: "0.10.1",
    faults: [],
    chartState: "broken",
    apiResources: { OpenstackCluster: "v1alpha6" },
  },
  {
    title: "driver 1.3.0, provider v1alpha6 to v1beta1",
    served: provider("v1alpha6", "v1alpha7", "v1beta1"),
    driver: "1.3.0",
    faults: [],
    chartState: "ready",
  },
  {
    title: "driver 1.3.0, provider v1beta1 only",
    served: provider("v1beta1"),
    driver: "1.3.0",
    faults: ["OpenstackCluster degraded"],
    chartState: "ready",
  },
  {
    title: "Cluster v1beta2 only",
    served: only("clusters"),
    faults: ["Cluster broken"],
    chartState: "broken",
  },
  {
    title: "Cluster v1beta2 only, told so",
    served: only("clusters"),
    told: { Cluster: { api_version: "cluster.x-k8s.io/v1beta2" } },
    faults: ["Cluster broken"],
    chartState: "broken",
    apiResources: { Cluster: "v1beta2" },
  },
  {
    title: "KubeadmControlPlane v1beta2 only",
    served: only("kubeadmcontrolplanes"),
    faults: ["K8sControlPlane broken"],
    chartState: "broken",
  },
  {
    title: "KubeadmControlPlane v1beta2 only, told so",
    served: only("kubeadmcontrolplanes"),
    told: { K8sControlPlane: { api_version: "controlplane.cluster.x-k8s.io/v1beta2" } },
    faults: ["K8sControlPlane broken"],
    chartState: "broken",
    apiResources: { K8sControlPlane: "v1beta2" },
  },
  {
    title: "MachineDeployment v1beta2 only",
    served: only("machinedeployments"),
    faults: ["MachineDeployment degraded"],
    chartState: "broken",
    apiResources: { MachineDeployment: "v1beta2" },
  },
  {
    title: "MachineDeployment v1beta2 only, told nothing",
    served: only("machinedeployments"),
    told: {},
    faults: ["MachineDeployment broken"],
    chartState: "broken",
  },
  {
    title: "OpenStackCluster v1beta2 only",
    served: only("openstackclusters"),
    faults: ["OpenstackCluster degraded"],
    chartState: "broken",
    apiResources: { OpenstackCluster: "v1beta2" },
  },
  {
    title: "Machine v1beta2 only",
    served: only("machines"),
    faults: [],
    chartState: "ready",
    apiResources: { Machine: "v1beta2" },
  },
  {
    title: "Machine v1beta2 only, told nothing",
    served: only("machines"),
    told: {},
    faults: ["Machine degraded"],
    chartState: "ready",
  },
  {
    title: "Machine told v1beta2, v1beta1 served as well",
    told: machine("v1beta2"),
    faults: [],
    chartState: "ready",
    apiResources: { Machine: "v1beta2" },
  },
  {
    title: "v1beta2 only of everything, as of Cluster API 1.16",
    served: only(...core, "openstackclusters", "openstackmachinetemplates"),
    faults: [
      "Cluster broken",
      "OpenstackCluster degraded",
      "MachineDeployment degraded",
      "K8sControlPlane broken",
    ],
    chartState: "broken",
    apiResources: { OpenstackCluster: "v1beta2", MachineDeployment: "v1beta2", Machine: "v1beta2" },
  },
  {
    title: "no addon provider",
    served: { helmreleases: [], manifests: [] },
    faults: ["Manifests broken", "HelmRelease broken"],
    chartState: "broken",
  },
  {
    title: "no HelmRelease in a group that is served",
    served: { helmreleases: [] },
    faults: ["HelmRelease broken"],
    chartState: "broken",
  },
  {
    title: "no OpenStackCluster in a group that is served",
    served: { openstackclusters: [] },
    faults: ["OpenstackCluster broken"],
    chartState: "broken",
    driverState: ["degraded", "it reads on without it, but nothing can be created"],
  },
  {
    title: "no MachineHealthCheck in a group that is served",
    served: { machinehealthchecks: [] },
    faults: [],
    chartState: "broken",
  },
  {
    title: "no HelmChartProxy in a group that is served",
    served: { helmchartproxies: [] },
    faults: [],
    chartState: "ready",
  },
  {
    title: "a HelmChartProxy with a cluster's label",
    proxied: true,
    faults: ["HelmChartProxy degraded"],
    chartState: "ready",
    driverState: ["broken", "that cluster alone never completes"],
  },
];
