import type { Wanted } from "./api-resources.ts";
import type { Served } from "./discovery.ts";
import { faulty, fine, type Judgement, notInstalled } from "./kind-verdict.ts";
import { type ChartKind, chartKinds, isKnownChart } from "./kinds.ts";
import { isAtLeast } from "./version.ts";

function judgeMissing({ group, plural, kind, version }: ChartKind, served: Served, chart: string): Judgement {
  if (!served.hasGroup(group)) return notInstalled(group);
  const versions = served.servedVersions(group, plural, kind);
  if (versions.length === 0) return notInstalled(group, `${plural}.${group}`);
  const reason = `chart ${chart} writes ${kind} ${version}, which is not served`;
  const isOlder = version === "v1alpha7" && versions.includes("v1beta1");
  return faulty("broken", reason, isOlder ? "chart-version 0.11.0 or newer" : `serve ${version} of it`);
}

/**
 * Judges whether what a chart writes is served: helm creates nothing and changes nothing of a cluster else. Only the
 * chart openstack-cluster is known. Pure.
 */
export function judgeChart(served: Served, { chartName, chartVersion }: Wanted): Judgement {
  if (!isKnownChart(chartName)) return fine;
  const missing = chartKinds(chartVersion).find(
    ({ group, plural, kind, version }) => !served.servedVersions(group, plural, kind).includes(version),
  );
  return missing === undefined ? fine : judgeMissing(missing, served, chartVersion);
}

/** The last release of the chart that was looked at. */
const newestChart = "0.27.0";

/** What of the driver's options matters to a chart. */
export interface ChartOptions {
  /** `api_master_lb_allowed_cidrs`; empty for none. */
  readonly allowedCidrs: string;
}

/**
 * What a chart makes of the driver's options that nobody would expect, each as a sentence. The driver writes
 * `apiServer.allowedCidrs`: charts from 0.24.0 on read `allowedCIDRs`, those before hand on a name that the OpenStack
 * provider does not know at v1beta1; the API's load balancer is open to all then. Pure.
 */
export function chartNotes(
  { chartName, chartVersion }: Pick<Wanted, "chartName" | "chartVersion">,
  { allowedCidrs }: ChartOptions,
): readonly string[] {
  if (!isKnownChart(chartName) || allowedCidrs === "" || !isAtLeast(chartVersion, "0.11.0")) return [];
  const isSeen = isAtLeast(newestChart, chartVersion);
  return [
    isSeen
      ? `chart ${chartVersion} ignores api_master_lb_allowed_cidrs: the API is open to all`
      : `chart ${chartVersion} may ignore api_master_lb_allowed_cidrs, as ${newestChart} does`,
  ];
}
