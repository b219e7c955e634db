import type { Wanted } from "./api-resources.ts";
import type { Served } from "./discovery.ts";
import { isKnownChart, readsApiResources } from "./kinds.ts";
import {
  clusterApiVersions,
  helmSkewOf,
  isKnownClusterApi,
  kubernetesOf,
  minorOf,
  stackOf,
} from "./releases.ts";
import { isAtLeast } from "./version.ts";

/** What is to be known of a plan, of which no kind says anything. */
export interface UpgradeNote {
  readonly of: string;
  readonly reason: string;
  readonly remedy?: string;
  /** A note, unless it is more. */
  readonly effect?: "breaks";
}

/** A plan with what it starts from. */
interface Upgrade {
  readonly before: Wanted;
  readonly wanted: Wanted;
  readonly planned: { readonly capi?: string | undefined; readonly chart?: string | undefined };
  readonly helmVersion: string;
  /** Of the management cluster, where it was asked. */
  readonly served: Served | undefined;
}

function driverNotes({ before, wanted }: Upgrade): readonly UpgradeNote[] {
  const { driverVersion: version } = wanted;
  const of = "driver";
  const [was, is] = [readsApiResources(before.driverVersion), readsApiResources(version)];
  return [
    ...(isAtLeast(version, "1.5.0")
      ? [{ of, reason: `driver ${version} is not known here: judged as 1.4.0` }]
      : []),
    ...(was && !is
      ? [{ of, reason: `driver ${version} reads no api_resources and no [capi_helm_cluster_labels]` }]
      : []),
    ...(is && !was
      ? [
          {
            of,
            reason: `driver ${version} hands a template's network driver to the chart: flannel gives no network`,
            remedy: "look for templates with flannel before clusters of theirs are resized",
          },
        ]
      : []),
  ];
}

function made({ clusterApi, openstackProvider, addonProvider, imageController }: ReturnType<typeof stackOf>) {
  const images = imageController === undefined ? "" : `, ORC ${imageController}`;
  return `Cluster API ${clusterApi}, OpenStack provider ${openstackProvider}, addon provider ${addonProvider}${images}`;
}

const minorVersion = (version: string) => version.split(".", 2).join(".");

function chartNotesOf({ wanted, planned }: Upgrade): readonly UpgradeNote[] {
  if (!isKnownChart(wanted.chartName)) return [];
  const of = "chart";
  const { chartVersion: chart } = wanted;
  const stack = stackOf(chart);
  const isSame = isAtLeast(stack.from, chart) && isAtLeast(chart, stack.from);
  const since = isSame ? "" : ` (known of ${stack.from})`;
  const { capi } = planned;
  const isAhead = capi !== undefined && isAtLeast(minorVersion(capi), minorVersion(stack.clusterApi));
  const isBeyond = isAhead && minorVersion(capi) !== minorVersion(stack.clusterApi);
  return [
    ...(planned.chart === undefined
      ? []
      : [{ of, reason: `chart ${chart} was made with ${made(stack)}${since}` }]),
    ...(isBeyond
      ? [
          {
            of,
            reason: `chart ${chart} was tried with Cluster API ${stack.clusterApi}${since}, not with ${capi}`,
          },
        ]
      : []),
  ];
}

/** Whether a release goes back below the one that began to store objects as v1beta2. */
function goesBack(capi: string, served: Served | undefined): boolean {
  const now = served?.servedVersions("cluster.x-k8s.io", "clusters", "Cluster") ?? [];
  return now.includes("v1beta2") && !clusterApiVersions(capi).includes("v1beta2");
}

/** Whether it is the first that stores objects as v1beta2, as far as known. */
function goesOver(capi: string, served: Served | undefined): boolean {
  const now = served?.servedVersions("cluster.x-k8s.io", "clusters", "Cluster") ?? [];
  return !now.includes("v1beta2") && clusterApiVersions(capi).includes("v1beta2");
}

function clusterApiNotes({ planned: { capi }, served }: Upgrade): readonly UpgradeNote[] {
  if (capi === undefined) return [];
  const of = "cluster-api";
  const minor = minorOf(served?.gitVersion ?? "");
  const range = kubernetesOf(capi);
  const isOutside = minor !== undefined && range !== undefined && (minor < range[0] || minor > range[1]);
  return [
    ...(isKnownClusterApi(capi) ? [] : [{ of, reason: `Cluster API ${capi} is taken as announced` }]),
    ...(isOutside
      ? [
          {
            of,
            reason: `Cluster API ${capi} is for Kubernetes 1.${range[0]} to 1.${range[1]}, not for 1.${minor}`,
          },
        ]
      : []),
    ...(goesBack(capi, served)
      ? [
          {
            of,
            effect: "breaks" as const,
            reason: `objects are stored as v1beta2, which Cluster API ${capi} can't read`,
            remedy: "stay at Cluster API 1.11 or newer",
          },
        ]
      : []),
    ...(goesOver(capi, served)
      ? [{ of, reason: "objects get stored as v1beta2: the addon provider has to be 0.10.0 or newer" }]
      : []),
    ...(clusterApiVersions(capi).includes("v1beta1")
      ? []
      : [{ of, reason: `Cluster API ${capi} ends with OpenStack providers before 0.15 as well` }]),
  ];
}

function helmNotes({ helmVersion, served }: Upgrade): readonly UpgradeNote[] {
  const skew = helmSkewOf(helmVersion, served?.gitVersion);
  return skew === undefined ? [] : [{ of: "helm", reason: skew, remedy: "another helm-version" }];
}

/** All that is to be known of a plan besides what works and what does not. Pure. */
export function upgradeNotes(upgrade: Upgrade): readonly UpgradeNote[] {
  return [driverNotes, chartNotesOf, clusterApiNotes, helmNotes].flatMap((notes) => notes(upgrade));
}
