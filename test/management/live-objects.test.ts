import { describe, expect, test } from "vitest";
import { clusterTotal, countOwned } from "../../src/management/live-objects.ts";
import { clustersApi } from "../support/management/clusters-api.ts";

const times = (count: number, namespace: string) => Array.from({ length: count }, () => namespace);

describe("the number of all clusters", () => {
  test.each([0, 1, 2, 5_000])("of %i takes two requests, of one object", async (count) => {
    const api = clustersApi({ namespaces: times(count, "magnum-a") });
    expect(await clusterTotal(api)).toBe(count);
    expect(api.asked).toEqual(["/apis/cluster.x-k8s.io", "/apis/cluster.x-k8s.io/v1beta2/clusters?limit=1"]);
  });

  test("is none where there is no Cluster API", async () => {
    expect(await clusterTotal(clustersApi({ namespaces: [], versions: [] }))).toBe(0);
  });
});

describe("the clusters of this conductor", () => {
  test("are those in namespaces of its prefix, by namespace", async () => {
    const api = clustersApi({
      namespaces: ["magnum-b", "magnum-a", "magnum-b", "magnumother-c", "default", "magnum"],
    });
    expect(await countOwned(api, "magnum")).toEqual({
      count: 3,
      namespaces: { "magnum-a": 1, "magnum-b": 2 },
      more: false,
    });
  });

  test("are counted by metadata alone, five hundred a request", async () => {
    const api = clustersApi({ namespaces: [...times(700, "magnum-a"), ...times(301, "magnum-b")] });
    expect(await countOwned(api, "magnum")).toMatchObject({ count: 1_001, more: false });
    expect(api.asked.slice(1)).toEqual([
      "/apis/cluster.x-k8s.io/v1beta2/clusters?limit=500",
      "/apis/cluster.x-k8s.io/v1beta2/clusters?limit=500&continue=500",
      "/apis/cluster.x-k8s.io/v1beta2/clusters?limit=500&continue=1000",
    ]);
    expect(api.accepted.slice(1).every((it) => it.includes("as=PartialObjectMetadataList"))).toBe(true);
  });

  test("are counted up to a bound", async () => {
    const api = clustersApi({ namespaces: times(20_001, "magnum-a") });
    expect(await countOwned(api, "magnum")).toMatchObject({ count: 20_000, more: true });
    expect(api.asked).toHaveLength(41);
  });

  test("are none where there is no Cluster API", async () => {
    expect(await countOwned(clustersApi({ namespaces: [], versions: [] }), "magnum")).toEqual({
      count: 0,
      namespaces: {},
      more: false,
    });
  });

  test.each([
    ["v1beta2", { v1beta2: 500 }],
    ["v1beta1", { v1beta1: 500 }],
  ])("are counted also where %s can't be converted", async (_, broken) => {
    const api = clustersApi({ namespaces: ["magnum-a"], broken });
    expect(await countOwned(api, "magnum")).toMatchObject({ count: 1 });
  });

  test.each([
    [403, "operator", "capi-graft rbac"],
    [500, "time", "is its webhook up?"],
  ])("are not known where no version can be read: %d", async (status, cure, remedy) => {
    const api = clustersApi({ namespaces: ["magnum-a"], broken: { v1beta1: status, v1beta2: status } });
    const fault = {
      fault: "http",
      cure,
      reason: `its clusters can't be listed: HTTP ${status}`,
      remedy,
    };
    expect(await countOwned(api, "magnum")).toEqual(fault);
    expect(await clusterTotal(api)).toEqual(fault);
  });

  test("are not known where the server goes away on the second page", async () => {
    const real = clustersApi({ namespaces: times(501, "magnum-a") });
    const fault = { fault: "tcp", cure: "time", reason: "gone", remedy: "wait" } as const;
    const api = {
      ...real,
      get: async (path: string) => (path.includes("continue") ? fault : await real.get(path)),
    };
    expect(await countOwned(api, "magnum")).toEqual(fault);
  });
});
