import { describe, expect, test } from "vitest";
import type { Wanted } from "../../src/management/api-resources.ts";
import { servedOf } from "../../src/management/discovery.ts";
import { judge, type Survey, survey, type Verdict, verdictState } from "../../src/management/verdict.ts";
import { memoryApi } from "../support/management/memory-api.ts";
import {
  addonKinds,
  clusterApiKinds,
  helmChartProxy,
  type MemoryKind,
  openstackKinds,
  readyKinds,
} from "../support/management/memory-cluster.ts";
import type { MemoryWorld } from "../support/management/memory-world.ts";

const wanted: Wanted = {
  driverVersion: "1.4.0",
  chartVersion: "0.25.1",
  chartName: "openstack-cluster",
  apiResources: "auto",
};

async function surveyed(world: Partial<MemoryWorld>, more: Partial<Wanted> = {}): Promise<Survey> {
  const found = await survey(memoryApi(world).api, { ...wanted, ...more });
  if ("fault" in found) throw new Error(found.reason);
  return found;
}

const judged = async (world: Partial<MemoryWorld>, more: Partial<Wanted> = {}) =>
  (await surveyed(world, more)).verdict;

/** Kind, version, state of all that is not ready; what is written; the whole. */
function summary({ state, kinds, chart, apiResources }: Verdict) {
  const faults = kinds
    .filter((it) => it.state !== "ready")
    .map((it) => `${it.kind} ${it.version} ${it.state}`);
  return { state, faults, chart: chart.state, apiResources };
}

/** The ready cluster, but that one kind has other versions, or is not there. */
const except = (name: string, versions: readonly string[]): readonly MemoryKind[] =>
  readyKinds().flatMap((it) =>
    it.kind !== name ? [it] : versions.length === 0 ? [] : [{ ...it, versions }],
  );

const told = (entries: Record<string, string>) =>
  JSON.stringify(
    Object.fromEntries(Object.entries(entries).map(([kind, it]) => [kind, { api_version: it }])),
  );

const infrastructure = "infrastructure.cluster.x-k8s.io";
const core = "cluster.x-k8s.io";
const good = { state: "ready", faults: [], chart: "ready", apiResources: "{}" };

describe("auto, with driver 1.4.0 and chart 0.25.1", () => {
  const table: [string, readonly MemoryKind[], object][] = [
    ["Cluster API 1.10", [...clusterApiKinds(["v1beta1"]), ...openstackKinds(), ...addonKinds()], good],
    ["Cluster API 1.11", readyKinds(), good],
    ["both versions of the OpenStack provider", except("OpenStackCluster", ["v1beta2", "v1beta1"]), good],
    ["HelmChartProxy served, none stored", [...readyKinds(), helmChartProxy], good],
    [
      "v1beta2 of everything, as from Cluster API 1.16 on",
      [...clusterApiKinds(["v1beta2"]), ...openstackKinds(["v1beta2"]), ...addonKinds()],
      {
        state: "broken",
        faults: [
          "Cluster v1beta1 broken",
          "OpenstackCluster v1beta2 degraded",
          "MachineDeployment v1beta2 degraded",
          "K8sControlPlane v1beta1 broken",
        ],
        chart: "broken",
        apiResources: told({
          OpenstackCluster: `${infrastructure}/v1beta2`,
          MachineDeployment: `${core}/v1beta2`,
          Machine: `${core}/v1beta2`,
        }),
      },
    ],
    [
      "v1beta2 of Cluster alone",
      except("Cluster", ["v1beta2"]),
      { state: "broken", faults: ["Cluster v1beta1 broken"], chart: "broken", apiResources: "{}" },
    ],
    [
      "v1beta2 of the control plane alone",
      except("KubeadmControlPlane", ["v1beta2"]),
      { state: "broken", faults: ["K8sControlPlane v1beta1 broken"], chart: "broken", apiResources: "{}" },
    ],
    [
      "v1beta2 of MachineDeployment alone: the driver could go on, the chart can't",
      except("MachineDeployment", ["v1beta2"]),
      {
        state: "broken",
        faults: ["MachineDeployment v1beta2 degraded"],
        chart: "broken",
        apiResources: told({ MachineDeployment: `${core}/v1beta2` }),
      },
    ],
    [
      "v1beta2 of OpenStackCluster alone",
      except("OpenStackCluster", ["v1beta2"]),
      {
        state: "broken",
        faults: ["OpenstackCluster v1beta2 degraded"],
        chart: "broken",
        apiResources: told({ OpenstackCluster: `${infrastructure}/v1beta2` }),
      },
    ],
    [
      "v1beta2 of Machine alone, which is as good",
      except("Machine", ["v1beta2"]),
      { ...good, apiResources: told({ Machine: `${core}/v1beta2` }) },
    ],
    [
      "v1beta2 of a kind that the chart alone writes",
      except("MachineHealthCheck", ["v1beta2"]),
      { state: "broken", faults: [], chart: "broken", apiResources: "{}" },
    ],
    [
      "v1alpha7 of the OpenStack provider: its state can be read, but the chart writes v1beta1",
      [...clusterApiKinds(), ...openstackKinds(["v1alpha7", "v1alpha6"]), ...addonKinds()],
      {
        state: "broken",
        faults: [],
        chart: "broken",
        apiResources: told({ OpenstackCluster: `${infrastructure}/v1alpha7` }),
      },
    ],
    [
      "no addon provider",
      [...clusterApiKinds(), ...openstackKinds()],
      {
        state: "broken",
        faults: ["Manifests v1alpha1 broken", "HelmRelease v1alpha1 broken"],
        chart: "broken",
        apiResources: "{}",
      },
    ],
    [
      "no OpenStackCluster in a group that is served",
      except("OpenStackCluster", []),
      { state: "broken", faults: ["OpenstackCluster v1beta1 broken"], chart: "broken", apiResources: "{}" },
    ],
    [
      "no Manifests in a group that is served",
      except("Manifests", []),
      { state: "broken", faults: ["Manifests v1alpha1 broken"], chart: "broken", apiResources: "{}" },
    ],
  ];
  test.each(table)("%s", async (_, kinds, expected) => {
    expect(summary(await judged({ kinds }))).toEqual(expected);
  });
});

describe("an older chart and an older OpenStack provider", () => {
  const old = [...clusterApiKinds(["v1beta1"]), ...openstackKinds(["v1alpha7", "v1alpha6"]), ...addonKinds()];
  const override = told({ OpenstackCluster: `${infrastructure}/v1alpha7` });

  test("go together, with the driver told", async () => {
    const verdict = await judged({ kinds: old }, { chartVersion: "0.10.1" });
    expect(summary(verdict)).toEqual({ ...good, apiResources: override });
    expect(verdictState(verdict)).toEqual({ state: "open", detail: "OpenstackCluster v1alpha7" });
  });

  test("the chart alone is refused, and the next one named", async () => {
    const { chart } = await judged({}, { chartVersion: "0.10.1" });
    expect(chart).toMatchObject({
      state: "broken",
      reason: "chart 0.10.1 writes OpenStackCluster v1alpha7, which is not served",
      remedy: "chart-version 0.11.0 or newer",
    });
  });

  test("of a chart that is not known nothing is said but that", async () => {
    const verdict = await judged({ kinds: old }, { chartName: "oci://registry.example/mine" });
    expect(summary(verdict)).toEqual({ ...good, apiResources: override });
    expect(verdict.notes).toEqual(["what the chart oci://registry.example/mine writes is not known"]);
  });
});

describe("driver 1.3.0", () => {
  const with130 = (kinds: readonly MemoryKind[]) =>
    judged({ kinds }, { driverVersion: "1.3.0", chartVersion: "0.25.1" });

  test("works where v1alpha6 is served", async () => {
    expect(summary(await with130(except("OpenStackCluster", ["v1beta1", "v1alpha7", "v1alpha6"])))).toEqual(
      good,
    );
  });

  test("is degraded where it is not: nothing can be told to it", async () => {
    const verdict = await with130(readyKinds());
    expect(summary(verdict)).toEqual({
      ...good,
      state: "degraded",
      faults: ["OpenstackCluster v1alpha6 degraded"],
    });
    expect(verdictState(verdict)).toEqual({
      state: "closed",
      cure: "note",
      reason: "OpenstackCluster v1alpha6 is not served: no cluster gets HEALTHY",
      remedy: "use driver 1.4.0",
    });
  });

  test("takes no api-resources, which is noted", async () => {
    const apiResources = { Machine: { api_version: `${core}/v1beta2` } };
    const verdict = await judged({}, { driverVersion: "1.3.0", apiResources });
    expect(verdict.apiResources).toBe("{}");
    expect(verdict.notes).toEqual(["driver 1.3.0 reads no api-resources"]);
  });
});

describe("what the operator says is judged by the same table", () => {
  const explicit = (
    entries: Record<string, { api_version?: string; plural_name?: string }>,
    kinds = readyKinds(),
  ) => judged({ kinds }, { apiResources: entries });

  test("a version that works stays as it is told, the driver's own too", async () => {
    const map = { Machine: { api_version: `${core}/v1beta2` }, Cluster: { api_version: `${core}/v1beta1` } };
    expect(summary(await explicit(map))).toEqual({ ...good, apiResources: JSON.stringify(map) });
  });

  const refused: [string, string, string][] = [
    ["Cluster", `${core}/v1beta2`, "broken: Cluster is read as v1beta2: no cluster completes"],
    [
      "Cluster",
      `${core}/v1alpha4`,
      "broken: Cluster v1alpha4 is not served: a delete would lose credentials",
    ],
    [
      "MachineDeployment",
      `${core}/v1beta2`,
      "degraded: MachineDeployment is read as v1beta2: no cluster gets HEALTHY",
    ],
    ["Machine", `${core}/v1`, "degraded: Machine v1 is not served: no nodegroup can be deleted"],
    [
      "HelmRelease",
      "addons.stackhpc.com/v1beta1",
      "broken: HelmRelease v1beta1 is not served: addons are not seen",
    ],
  ];
  test.each(refused)("%s at %s", async (kind, version, expected) => {
    const { kinds } = await explicit({ [kind]: { api_version: version } });
    const found = kinds.find((it) => it.kind === kind);
    expect(`${found?.state}: ${found?.reason}`).toBe(expected);
  });

  test("a version that nobody tried is degraded", async () => {
    const map = { OpenstackCluster: { api_version: `${infrastructure}/v1alpha5` } };
    const verdict = await explicit(map, except("OpenStackCluster", ["v1beta1", "v1alpha5"]));
    expect(summary(verdict)).toMatchObject({ faults: ["OpenstackCluster v1alpha5 degraded"] });
  });

  test("the remedy of what is told is not to tell it", async () => {
    const { kinds } = await explicit({ Machine: { api_version: `${core}/v1` } });
    expect(kinds.find(({ kind }) => kind === "Machine")?.remedy).toBe("api-resources=auto");
  });

  test("another plural of a control plane is looked for under that name", async () => {
    const other: MemoryKind = {
      group: "controlplane.cluster.x-k8s.io",
      plural: "kamajicontrolplanes",
      kind: "KamajiControlPlane",
      versions: ["v1beta1"],
    };
    const map = { K8sControlPlane: { plural_name: "kamajicontrolplanes" } };
    expect(summary(await explicit(map, [...readyKinds(), other]))).toMatchObject({
      state: "ready",
      faults: [],
    });
    const { kinds } = await explicit(map);
    expect(kinds.find(({ kind }) => kind === "K8sControlPlane")).toMatchObject({
      state: "broken",
      reason: "kamajicontrolplanes.controlplane.cluster.x-k8s.io is not served",
    });
  });
});

const objects = ["Cluster", "Machine", "OpenStackCluster"].map((kind) => ({
  kind,
  metadata: { name: "one", namespace: "magnum-a" },
}));

describe("served, but not readable", () => {
  test("a dead webhook breaks, waits for time, and moves no kind to another version", async () => {
    const verdict = await judged({ objects, broken: ["clusters/v1beta1", "machines/v1beta1"] });
    expect(summary(verdict)).toEqual({
      state: "broken",
      faults: ["Cluster v1beta1 broken", "Machine v1beta1 degraded"],
      chart: "ready",
      apiResources: "{}",
    });
    expect(verdictState(verdict)).toMatchObject({
      state: "closed",
      cure: "time",
      reason: expect.stringMatching(/^Cluster v1beta1 is served but can't be read \(500: conversion webhook/),
      remedy: "see its provider's controller",
    });
  });

  test("another safe version takes its place where that makes it work", async () => {
    expect(summary(await judged({ objects, broken: ["machines/v1beta1"] }))).toEqual({
      ...good,
      apiResources: told({ Machine: `${core}/v1beta2` }),
    });
    const kinds = except("OpenStackCluster", ["v1beta1", "v1alpha7", "v1alpha6"]);
    const broken = ["openstackclusters/v1beta1", "openstackclusters/v1alpha7"];
    expect(summary(await judged({ kinds, objects, broken }))).toEqual({
      ...good,
      apiResources: told({ OpenstackCluster: `${infrastructure}/v1alpha6` }),
    });
  });

  test("where no version can be read, the best stays", async () => {
    const broken = ["machines/v1beta1", "machines/v1beta2"];
    expect(summary(await judged({ objects, broken }))).toEqual({
      ...good,
      state: "degraded",
      faults: ["Machine v1beta1 degraded"],
    });
  });

  test("what the operator says is not changed for it", async () => {
    const apiResources = { Machine: { api_version: `${core}/v1beta1` } };
    const verdict = await judged({ objects, broken: ["machines/v1beta1"] }, { apiResources });
    expect(verdict).toMatchObject({ state: "degraded", apiResources: JSON.stringify(apiResources) });
  });

  test("what may not be listed is only noted", async () => {
    const rules = [{ apiGroups: ["*"], resources: ["machines"], verbs: ["*"] }];
    const verdict = await judged({ rules });
    expect(verdict.state).toBe("ready");
    expect(verdict.notes).toEqual([
      "no right to list, so not tried: Cluster, OpenstackCluster, MachineDeployment, K8sControlPlane, Manifests, HelmRelease",
    ]);
  });

  test("what is gone since discovery is not served", async () => {
    const verdict = await judged({
      instead: (_, path) => (path.includes("/clusters?") ? { status: 404, body: {} } : undefined),
    });
    expect(summary(verdict).faults).toEqual(["Cluster v1beta1 broken"]);
  });
});

describe("HelmChartProxy", () => {
  const proxy = (labels: Record<string, string>) => ({
    kinds: [...readyKinds(), helmChartProxy],
    objects: [{ kind: "HelmChartProxy", metadata: { name: "cni", namespace: "magnum-a", labels } }],
  });

  test("is none of our business without a cluster's label", async () => {
    expect(summary(await judged(proxy({ app: "cni" })))).toEqual(good);
  });

  test("keeps the cluster from completing whose label it has", async () => {
    const verdict = await judged(proxy({ "addons.stackhpc.com/cluster": "demo-abc" }));
    expect(summary(verdict).faults).toEqual(["HelmChartProxy v1alpha1 degraded"]);
    expect(verdictState(verdict)).toMatchObject({ state: "closed", cure: "note" });
  });
});

describe("the gate", () => {
  test("is open at the driver's own versions", async () => {
    expect(verdictState(await judged({}))).toEqual({ state: "open", detail: "at the driver's own versions" });
  });

  test("names the first of what is broken, and the others", async () => {
    const kinds = [...clusterApiKinds(["v1beta2"]), ...openstackKinds(), ...addonKinds()];
    expect(verdictState(await judged({ kinds }))).toEqual({
      state: "closed",
      cure: "operator",
      reason:
        "Cluster v1beta1 is not served: a delete would lose credentials (also K8sControlPlane, the chart)",
      remedy: "use Cluster API before 1.16",
    });
  });

  test("says what to install", async () => {
    expect(verdictState(await judged({ kinds: [...clusterApiKinds(), ...openstackKinds()] }))).toMatchObject({
      reason: expect.stringMatching(/^addons.stackhpc.com is not served/),
      remedy: "install the addon provider",
    });
    expect(verdictState(await judged({ kinds: [] }))).toMatchObject({
      reason: expect.stringMatching(/^cluster.x-k8s.io is not served/),
      remedy: "install Cluster API",
    });
  });

  test("reason and remedy of every kind fit a status, without what stands in brackets", async () => {
    const nothing = judge(servedOf([]), new Map(), wanted);
    const beta2 = [...clusterApiKinds(["v1beta2"]), ...openstackKinds(["v1beta2"])];
    const others = [
      await judged({ kinds: beta2 }),
      await judged({ kinds: beta2 }, { driverVersion: "1.3.0" }),
    ];
    const told = await judged(
      {},
      { apiResources: Object.fromEntries(nothing.kinds.map(({ kind }) => [kind, { api_version: "x/v9" }])) },
    );
    for (const verdict of [nothing, told, ...others]) {
      for (const { reason, remedy } of [...verdict.kinds, verdict.chart])
        expect(`${reason}; next: ${remedy}`.length, reason).toBeLessThanOrEqual(100);
    }
  });
});

describe("a survey", () => {
  test("reads each kind once, at the version that is chosen", async () => {
    const { api, requests } = memoryApi();
    await survey(api, wanted);
    expect(requests.slice(2).toSorted()).toEqual([
      "GET /apis/addons.stackhpc.com/v1alpha1/helmreleases?limit=1",
      "GET /apis/addons.stackhpc.com/v1alpha1/manifests?limit=1",
      "GET /apis/cluster.x-k8s.io/v1beta1/clusters?limit=1",
      "GET /apis/cluster.x-k8s.io/v1beta1/machinedeployments?limit=1",
      "GET /apis/cluster.x-k8s.io/v1beta1/machines?limit=1",
      "GET /apis/controlplane.cluster.x-k8s.io/v1beta1/kubeadmcontrolplanes?limit=1",
      "GET /apis/infrastructure.cluster.x-k8s.io/v1beta1/openstackclusters?limit=1",
    ]);
  });

  test("notes what discovery is not sure of", async () => {
    expect((await judged({ stale: ["cluster.x-k8s.io/v1beta1"] })).notes).toEqual([
      "the API server knows only what was served of cluster.x-k8s.io/v1beta1",
    ]);
  });

  test.each([
    ["/version", "the API server refuses the kubeconfig's login"],
    ["/apis/cluster.x-k8s.io/v1beta1/clusters?limit=1", "the API server refuses the kubeconfig's login"],
  ])("ends in the fault of a login that is refused at %s", async (path, reason) => {
    const { api } = memoryApi({
      instead: (_, asked) => (asked === path ? { status: 401, body: {} } : undefined),
    });
    expect(await survey(api, wanted)).toMatchObject({ fault: "http", reason });
  });
});
