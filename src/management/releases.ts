import { isAtLeast } from "./version.ts";

type Rows<T> = readonly [T, ...T[]];

/** The newest row of a table that a version has reached; the oldest for what is older than all of them. */
function rowOf<T extends { readonly from: string }>(rows: Rows<T>, version: string): T {
  return rows.findLast(({ from }) => isAtLeast(version, from)) ?? rows[0];
}

/** What a release serves of its own kinds, and the minor versions of Kubernetes that it is for, where known. */
interface Release {
  readonly from: string;
  readonly versions: readonly string[];
  readonly kubernetes?: readonly [oldest: number, newest: number];
}

/**
 * What releases of Cluster API serve of its own kinds (its CRDs at each tag; of 1.16 as its upgrade guide of 1.14
 * announces it).
 */
const clusterApi: Rows<Release> = [
  { from: "0.0.0", versions: ["v1beta1"] },
  { from: "1.11.0", versions: ["v1beta2", "v1beta1"], kubernetes: [30, 34] },
  { from: "1.12.0", versions: ["v1beta2", "v1beta1"], kubernetes: [31, 36] },
  { from: "1.13.0", versions: ["v1beta2", "v1beta1"], kubernetes: [32, 36] },
  { from: "1.14.0", versions: ["v1beta2", "v1beta1"] },
  { from: "1.16.0", versions: ["v1beta2"] },
];

/** Whether a release of Cluster API was out when these tables were made; of others they say what is announced. */
export function isKnownClusterApi(release: string): boolean {
  return !isAtLeast(release, "1.15.0");
}

/** Versions of its own kinds that a release of Cluster API serves, the preferred first. */
export function clusterApiVersions(release: string): readonly string[] {
  return rowOf(clusterApi, release).versions;
}

/** The oldest and newest minor version of Kubernetes that a release of Cluster API runs on, where known. */
export function kubernetesOf(release: string): readonly [oldest: number, newest: number] | undefined {
  return rowOf(clusterApi, release).kubernetes;
}

/** What releases of the OpenStack provider serve of OpenStackCluster and OpenStackMachineTemplate (its CRDs). */
const openstackProvider: Rows<Release> = [
  { from: "0.0.0", versions: ["v1alpha7", "v1alpha6"] },
  { from: "0.10.0", versions: ["v1beta1", "v1alpha7", "v1alpha6"] },
  { from: "0.11.0", versions: ["v1beta1", "v1alpha7"] },
  { from: "0.12.0", versions: ["v1beta1"] },
  { from: "0.15.0", versions: ["v1beta2", "v1beta1"] },
];

/** Versions of its own kinds that a release of the OpenStack provider serves. */
export function openstackVersions(release: string): readonly string[] {
  return rowOf(openstackProvider, release).versions;
}

/** What a release of the chart was made and tried with. */
export interface Stack {
  /** The first chart of which this is known. */
  readonly from: string;
  readonly clusterApi: string;
  readonly openstackProvider: string;
  readonly addonProvider: string;
  /** The controller of OpenStack's images, which the OpenStack provider needs from 0.12 on. */
  readonly imageController?: string;
  readonly helm: string;
}

/** What the chart's repository declares of itself (dependencies.json at each tag). */
const charts: Rows<Stack> = [
  {
    from: "0.10.1",
    clusterApi: "1.8.1",
    openstackProvider: "0.10.4",
    addonProvider: "0.6.1",
    helm: "3.15.4",
  },
  {
    from: "0.16.0",
    clusterApi: "1.9.6",
    openstackProvider: "0.11.3",
    addonProvider: "0.8.1",
    helm: "3.17.3",
  },
  {
    from: "0.23.0",
    clusterApi: "1.10.4",
    openstackProvider: "0.11.3",
    addonProvider: "0.11.0",
    helm: "3.17.3",
  },
  {
    from: "0.24.0",
    clusterApi: "1.13.1",
    openstackProvider: "0.14.4",
    addonProvider: "0.11.0",
    imageController: "2.4.0",
    helm: "3.17.3",
  },
  {
    from: "0.25.1",
    clusterApi: "1.13.2",
    openstackProvider: "0.14.4",
    addonProvider: "0.12.0",
    imageController: "2.5.0",
    helm: "3.17.3",
  },
  {
    from: "0.27.0",
    clusterApi: "1.13.3",
    openstackProvider: "0.14.6",
    addonProvider: "0.12.1",
    imageController: "2.6.0",
    helm: "3.17.3",
  },
];

/** What a chart was made and tried with; of one that is not known, what the last known before it was. */
export function stackOf(chartVersion: string): Stack {
  return rowOf(charts, chartVersion);
}

/** The minor version of Kubernetes whose client a helm has (its go.mod); helm also works with the three before. */
const helmClients: Readonly<Record<string, number>> = {
  "3.15": 30,
  "3.16": 31,
  "3.17": 32,
  "3.18": 33,
  "3.19": 34,
  "3.20": 35,
  "3.21": 36,
};

/** How many minor versions of Kubernetes helm goes back (its version skew policy). */
const helmSkew = 3;

/** The minor version of Kubernetes 1, out of `v1.33.4`. */
export function minorOf(gitVersion: string): number | undefined {
  const [, minor] = /^v?1\.(\d{1,3})(\D|$)/.exec(gitVersion) ?? [];
  return minor === undefined ? undefined : Number(minor);
}

/** That a helm is not made for a Kubernetes, in words; `undefined` where it is, or where one of them is not known. */
export function helmSkewOf(helmVersion: string, gitVersion: string | undefined): string | undefined {
  const client = helmClients[helmVersion.split(".", 2).join(".")];
  const minor = minorOf(gitVersion ?? "");
  if (client === undefined || minor === undefined) return undefined;
  if (minor <= client && minor >= client - helmSkew) return undefined;
  return `helm ${helmVersion} is for Kubernetes 1.${client - helmSkew} to 1.${client}, not for ${gitVersion}`;
}
