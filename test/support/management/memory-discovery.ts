import type { MemoryKind } from "./memory-cluster.ts";

const verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/** Kubernetes' own order: what is stable first, then beta, then alpha, the newest of each first. */
function byPreference(one: string, other: string): number {
  const key = (version: string) => {
    const [, major = "0", stage = "", minor = "0"] = /^v(\d+)(alpha|beta)?(\d+)?$/.exec(version) ?? [];
    return [stage === "" ? 2 : stage === "beta" ? 1 : 0, Number(major), Number(minor)] as const;
  };
  const [left, right] = [key(one), key(other)];
  const at = [0, 1, 2].find((index) => left[index] !== right[index]) ?? 0;
  return (right[at] ?? 0) - (left[at] ?? 0);
}

const groupsOf = (kinds: readonly MemoryKind[]) => [
  ...new Set(kinds.map(({ group }) => group).filter((it) => it !== "")),
];
const of = (kinds: readonly MemoryKind[], group: string) => kinds.filter((it) => it.group === group);

function versionsOf(kinds: readonly MemoryKind[], group: string): readonly string[] {
  const versions = of(kinds, group).flatMap((it) => it.versions);
  return [...new Set(versions)].toSorted(byPreference);
}

function apiGroup(kinds: readonly MemoryKind[], group: string) {
  const versions = versionsOf(kinds, group).map((version) => ({
    groupVersion: `${group}/${version}`,
    version,
  }));
  return { name: group, versions, preferredVersion: versions[0] };
}

/** `/apis/GROUP`; `undefined` where there is no such group. */
export function groupPage(kinds: readonly MemoryKind[], group: string): object | undefined {
  if (of(kinds, group).length === 0) return undefined;
  return { kind: "APIGroup", apiVersion: "v1", ...apiGroup(kinds, group) };
}

/** `/apis` as every Kubernetes answers it. */
export function groupList(kinds: readonly MemoryKind[]): object {
  return {
    kind: "APIGroupList",
    apiVersion: "v1",
    groups: groupsOf(kinds).map((it) => apiGroup(kinds, it)),
  };
}

/** `/apis/GROUP/VERSION`; `undefined` where nothing of that group is served at it. */
export function versionPage(
  kinds: readonly MemoryKind[],
  group: string,
  version: string,
): object | undefined {
  const served = of(kinds, group).filter((it) => it.versions.includes(version));
  if (served.length === 0) return undefined;
  const resources = served.flatMap(({ plural, kind, namespaced = true }) => [
    { name: plural, singularName: kind.toLowerCase(), namespaced, kind, verbs },
    { name: `${plural}/status`, singularName: "", namespaced, kind, verbs: ["get", "patch", "update"] },
  ]);
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: group === "" ? version : `${group}/${version}`,
    resources,
  };
}

/** `/apis` in the form that has everything. `stale`: groups with version that are said to be so. */
export function aggregatedList(
  kinds: readonly MemoryKind[],
  form: "v2" | "v2beta1",
  stale: readonly string[],
): object {
  const items = groupsOf(kinds).map((group) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: versionsOf(kinds, group).map((version) => ({
      version,
      resources: of(kinds, group)
        .filter((it) => it.versions.includes(version))
        .map(({ plural, kind, namespaced = true }) => ({
          resource: plural,
          responseKind: { group, version, kind },
          scope: namespaced ? "Namespaced" : "Cluster",
          singularResource: kind.toLowerCase(),
          verbs,
          subresources: [{ subresource: "status", responseKind: { group, version, kind }, verbs: ["get"] }],
        })),
      freshness: stale.includes(`${group}/${version}`) ? "Stale" : "Current",
    })),
  }));
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${form}`,
    metadata: {},
    items,
  };
}
