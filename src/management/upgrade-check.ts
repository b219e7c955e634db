import type { Wanted } from "./api-resources.ts";
import { type ChartOptions, chartNotes } from "./chart-contract.ts";
import { type Served, type ServedResource, servedOf } from "./discovery.ts";
import type { Readings } from "./kind-verdict.ts";
import { chartKinds, driverKinds } from "./kinds.ts";
import { clusterApiVersions, openstackVersions, stackOf } from "./releases.ts";
import { type UpgradeNote, upgradeNotes } from "./upgrade-notes.ts";
import { judge, type Survey, type Verdict } from "./verdict.ts";

/** What is planned; what is left out stays as it is. Versions of three numbers. */
export interface Planned {
  readonly driver?: string | undefined;
  readonly chart?: string | undefined;
  /** Of Cluster API. */
  readonly capi?: string | undefined;
}

/** What is in force, and what was found on the management cluster, where it answers. */
export interface Present {
  readonly wanted: Wanted;
  readonly helmVersion: string;
  readonly options: ChartOptions;
  readonly found?: Survey | undefined;
}

/** One thing that a plan comes to. `isToday`: it is so already. */
export interface Consequence {
  readonly effect: "breaks" | "degrades" | "note";
  /** A kind as `api_resources` spells it, or `chart`, `driver`, `helm`, `cluster-api`, `cluster`. */
  readonly of: string;
  readonly reason: string;
  readonly remedy: string;
  readonly isToday: boolean;
}

/** What a plan comes to. */
export interface UpgradeCheck {
  /** Whether something breaks or degrades. */
  readonly breaks: boolean;
  /** Whether the management cluster was asked; else tables alone have the word. */
  readonly isLive: boolean;
  readonly driver: string;
  readonly chart: string;
  /** Of Cluster API; absent where it stays as it is, or is not known. */
  readonly capi?: string;
  readonly consequences: readonly Consequence[];
}

/** Cluster API's own groups: a release of it decides what they serve, but for addons, which it shares. */
const clusterApiGroups: readonly string[] = [
  "cluster.x-k8s.io",
  "controlplane.cluster.x-k8s.io",
  "bootstrap.cluster.x-k8s.io",
];

const allKinds = [...driverKinds, ...chartKinds("0.11.0")];

/** The kinds of groups at these versions. */
function kindsAt(groups: readonly string[], versions: readonly string[]): readonly ServedResource[] {
  return allKinds
    .filter(({ group }) => groups.includes(group))
    .flatMap(({ group, plural, kind }) => versions.map((version) => ({ group, version, plural, kind })));
}

/** What a cluster serves that has what the chart was made with, but for Cluster API of another release. */
function byTables(chartVersion: string, capi: string | undefined): Served {
  const stack = stackOf(chartVersion);
  return servedOf([
    ...kindsAt(clusterApiGroups, clusterApiVersions(capi ?? stack.clusterApi)),
    ...kindsAt(["infrastructure.cluster.x-k8s.io"], openstackVersions(stack.openstackProvider)),
    ...kindsAt(["addons.stackhpc.com"], ["v1alpha1"]),
  ]);
}

/** What a cluster serves, but for Cluster API of another release. */
function withClusterApi(served: Served, capi: string | undefined): Served {
  if (capi === undefined) return served;
  const renewed = servedOf(kindsAt(clusterApiGroups, clusterApiVersions(capi)));
  return {
    ...served,
    servedVersions: (group, plural, kind) =>
      (clusterApiGroups.includes(group) ? renewed : served).servedVersions(group, plural, kind),
    hasGroup: (group) => renewed.hasGroup(group) || served.hasGroup(group),
  };
}

/** What was read stays true of what is not touched. */
function untouched(readings: Readings, capi: string | undefined): Readings {
  if (capi === undefined) return readings;
  return new Map([...readings].filter(([key]) => !clusterApiGroups.includes(key.split("/")[0] ?? "")));
}

const effects = { broken: "breaks", degraded: "degrades", ready: "note" } as const;

function consequencesOf(after: Verdict, today: Verdict | undefined): readonly Consequence[] {
  const named = (verdict: Verdict | undefined) =>
    verdict === undefined
      ? []
      : [...verdict.kinds.map((it) => ({ of: it.kind, ...it })), { of: "chart", ...verdict.chart }];
  const now = named(today);
  return named(after)
    .filter(({ state }) => state !== "ready")
    .map(({ of, state, reason, remedy }) => ({
      effect: effects[state],
      of,
      reason,
      remedy,
      isToday: now.some((it) => it.of === of && it.state === state && it.reason === reason),
    }));
}

/** That another value of `api_resources` goes to the daemons, which restarts them. */
function restartNote(before: string | undefined, after: Verdict): readonly UpgradeNote[] {
  if (before === undefined || before === after.apiResources) return [];
  return [{ of: "driver", reason: `api_resources becomes ${after.apiResources}: both services restart` }];
}

/**
 * What comes of another driver, chart or release of Cluster API: judged by the same table as the cluster of today, of
 * which only what is planned is taken to be otherwise. Without an answer of the cluster, as if it had what the chart was
 * made with. Pure.
 */
export function upgradeCheck(present: Present, planned: Planned): UpgradeCheck {
  const { wanted: before, found } = present;
  const wanted: Wanted = {
    ...before,
    driverVersion: planned.driver ?? before.driverVersion,
    chartVersion: planned.chart ?? before.chartVersion,
  };
  const served =
    found === undefined
      ? byTables(before.chartVersion, planned.capi)
      : withClusterApi(found.served, planned.capi);
  const after = judge(served, untouched(found?.readings ?? new Map(), planned.capi), wanted);
  const notes = [
    ...after.notes.map((reason) => ({ of: "cluster", reason })),
    ...restartNote(found?.verdict.apiResources, after),
    ...chartNotes(wanted, present.options).map((reason) => ({ of: "chart", reason })),
    ...upgradeNotes({ before, wanted, planned, helmVersion: present.helmVersion, served: found?.served }),
  ];
  const consequences = [
    ...consequencesOf(after, found?.verdict),
    ...notes.map((it): Consequence => ({ effect: "note", remedy: "", isToday: false, ...it })),
  ];
  return {
    breaks: consequences.some(({ effect }) => effect !== "note"),
    isLive: found !== undefined,
    driver: wanted.driverVersion,
    chart: wanted.chartVersion,
    ...(planned.capi === undefined ? {} : { capi: planned.capi }),
    consequences,
  };
}
