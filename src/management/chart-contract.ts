import type { Wanted } from "./api-resources.ts";
import type { Served } from "./discovery.ts";
import { faulty, fine, type Judgement, notInstalled } from "./kind-verdict.ts";
import { type ChartKind, chartKinds, isKnownChart } from "./kinds.ts";

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
