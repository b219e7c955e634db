import { describe, expect, test } from "vitest";
import type { Api, ApiFault } from "../../src/management/api.ts";
import { discover, type Served } from "../../src/management/discovery.ts";
import { memoryApi } from "../support/management/memory-api.ts";
import {
  addonKinds,
  clusterApiKinds,
  helmChartProxy,
  openstackKinds,
} from "../support/management/memory-cluster.ts";
import type { MemoryAnswer, MemoryWorld } from "../support/management/memory-world.ts";

async function served(options: Partial<MemoryWorld> = {}): Promise<Served> {
  const found = await discover(memoryApi(options).api);
  if ("fault" in found) throw new Error(found.reason);
  return found;
}

async function fault(api: Api): Promise<ApiFault | "none"> {
  const found = await discover(api);
  return "fault" in found ? found : "none";
}

const forms = ["v2", "v2beta1", "plain"] as const;
const core = "cluster.x-k8s.io";
const infrastructure = "infrastructure.cluster.x-k8s.io";

describe.each(forms)("what is served, told in the form %s", (discovery) => {
  test("is told for each kind, by plural and kind", async () => {
    const found = await served({ discovery });
    expect(found.servedVersions(core, "clusters", "Cluster")).toEqual(["v1beta2", "v1beta1"]);
    expect(found.servedVersions(infrastructure, "openstackclusters", "OpenStackCluster")).toEqual([
      "v1beta1",
    ]);
    expect(found.servedVersions(core, "clusters", "Other")).toEqual([]);
    expect(found.servedVersions(core, "clusters")).toEqual(["v1beta2", "v1beta1"]);
    expect(found.servedVersions(core, "cluster", "Cluster")).toEqual([]);
  });

  test("parts of a kind are no kinds", async () => {
    const found = await served({ discovery });
    expect(found.servedVersions(core, "clusters/status")).toEqual([]);
  });

  test("a version that a group serves for another kind is not one of this kind", async () => {
    const found = await served({
      discovery,
      kinds: [...clusterApiKinds(), ...openstackKinds(["v1alpha7"])],
    });
    const group = infrastructure;
    expect(found.servedVersions(group, "openstackclusters", "OpenStackCluster")).toEqual(["v1alpha7"]);
    expect(found.servedVersions(group, "openstackservers", "OpenStackServer")).toEqual(["v1alpha1"]);
    const proxies = "addons.cluster.x-k8s.io";
    expect(found.hasGroup(proxies)).toBe(true);
    expect(found.servedVersions(proxies, "helmchartproxies", "HelmChartProxy")).toEqual([]);
  });

  test("an optional kind is seen where it is there", async () => {
    const found = await served({ discovery, kinds: [helmChartProxy] });
    expect(found.servedVersions(helmChartProxy.group, "helmchartproxies", "HelmChartProxy")).toEqual([
      "v1alpha1",
    ]);
  });

  test("a group that is not there is no fault", async () => {
    const found = await served({ discovery, kinds: addonKinds() });
    expect(found.hasGroup(core)).toBe(false);
    expect(found.hasGroup("addons.stackhpc.com")).toBe(true);
  });

  test("other groups are none of our business", async () => {
    const found = await served({ discovery });
    expect(found.hasGroup("apps")).toBe(false);
    expect(found.servedVersions("apps", "deployments", "Deployment")).toEqual([]);
  });

  test("the version of Kubernetes comes with it", async () => {
    expect((await served({ discovery, version: "v1.32.4" })).gitVersion).toBe("v1.32.4");
  });
});

describe("the requests", () => {
  test("are two where one answer has everything", async () => {
    const { api, requests } = memoryApi();
    await discover(api);
    expect(requests).toEqual(["GET /version", "GET /apis"]);
  });

  test("are only of the groups that matter, else", async () => {
    const { api, requests } = memoryApi({ discovery: "plain" });
    await discover(api);
    expect(requests.slice(0, 2)).toEqual(["GET /version", "GET /apis"]);
    expect(requests.slice(2).toSorted()).toEqual([
      "GET /apis/addons.cluster.x-k8s.io",
      "GET /apis/addons.cluster.x-k8s.io/v1beta1",
      "GET /apis/addons.cluster.x-k8s.io/v1beta2",
      "GET /apis/addons.stackhpc.com",
      "GET /apis/addons.stackhpc.com/v1alpha1",
      "GET /apis/bootstrap.cluster.x-k8s.io",
      "GET /apis/bootstrap.cluster.x-k8s.io/v1beta1",
      "GET /apis/bootstrap.cluster.x-k8s.io/v1beta2",
      "GET /apis/cluster.x-k8s.io",
      "GET /apis/cluster.x-k8s.io/v1beta1",
      "GET /apis/cluster.x-k8s.io/v1beta2",
      "GET /apis/controlplane.cluster.x-k8s.io",
      "GET /apis/controlplane.cluster.x-k8s.io/v1beta1",
      "GET /apis/controlplane.cluster.x-k8s.io/v1beta2",
      "GET /apis/infrastructure.cluster.x-k8s.io",
      "GET /apis/infrastructure.cluster.x-k8s.io/v1alpha1",
      "GET /apis/infrastructure.cluster.x-k8s.io/v1beta1",
    ]);
  });
});

test("a stale version is noted", async () => {
  const found = await served({ stale: ["cluster.x-k8s.io/v1beta1"] });
  expect(found.stale).toEqual(["cluster.x-k8s.io/v1beta1"]);
});

/** A cluster that answers one path otherwise. */
const answering = (path: string, answer: MemoryAnswer, more: Partial<MemoryWorld> = {}) =>
  memoryApi({ ...more, instead: (_, asked) => (asked === path ? answer : undefined) });

describe("one answer with everything is not trusted blindly", () => {
  const type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

  test("its media type has to say what it is", async () => {
    const body = { kind: "APIGroupDiscoveryList", items: [] };
    const { api } = answering("/apis", { status: 200, body });
    const found = await discover(api);
    expect("fault" in found || found.hasGroup(core)).toBe(true);
  });

  test.each<[string, unknown]>([
    ["no JSON", "<html>"],
    ["a list", []],
    ["nothing", undefined],
    ["another kind", { kind: "APIGroupList", items: [] }],
  ])("%s: the groups are asked one by one", async (_, body) => {
    const { api } = answering("/apis", { status: 200, body, contentType: type });
    const found = await discover(api);
    expect("fault" in found || found.hasGroup(core)).toBe(true);
  });

  test("what does not fit in it is left out", async () => {
    const items = [
      null,
      { metadata: {} },
      { metadata: { name: core }, versions: [7, { version: "v1", resources: [{ resource: 3 }] }] },
      {
        metadata: { name: core },
        versions: [
          { version: "v1beta1", resources: [{ resource: "clusters", responseKind: { kind: "Cluster" } }] },
        ],
      },
    ];
    const body = { kind: "APIGroupDiscoveryList", items };
    const { api } = answering("/apis", { status: 200, body, contentType: type });
    const found = await discover(api);
    expect("fault" in found ? found : found.servedVersions(core, "clusters", "Cluster")).toEqual(["v1beta1"]);
  });

  test.each([
    ["too much of it", "http"],
    ["a connection that ends", "http"],
  ] as const)("%s: the groups are asked one by one", async (reason, kind) => {
    const { api } = memoryApi();
    const tooMuch: ApiFault = { fault: kind, cure: "operator", reason, remedy: "" };
    const found = await discover({
      ...api,
      get: async (path, options) => (path === "/apis" ? tooMuch : await api.get(path, options)),
    });
    expect("fault" in found || found.hasGroup(core)).toBe(true);
  });

  test("a server that can't give it is asked one by one", async () => {
    const { api } = answering("/apis", { status: 406, body: "" });
    const found = await discover(api);
    expect("fault" in found || found.hasGroup(core)).toBe(true);
  });
});

describe("without an answer", () => {
  const down: ApiFault = { fault: "tcp", cure: "operator", reason: "nobody there", remedy: "look" };

  test("the fault of the first request is told, and nothing else is asked", async () => {
    const asked: string[] = [];
    const get = async (path: string) => {
      asked.push(path);
      return down;
    };
    expect(await fault({ get, post: get })).toBe(down);
    expect(asked).toEqual(["/version"]);
  });

  test("one that stops answering half-way is a fault", async () => {
    const { api } = memoryApi({ discovery: "plain" });
    const broken = `/apis/${core}/v1beta1`;
    const found = await fault({
      ...api,
      get: async (path, options) => (path === broken ? down : await api.get(path, options)),
    });
    expect(found).toBe(down);
  });
});

describe("an answer that is none of a usable API server", () => {
  const wrong: [string, number, string, string][] = [
    ["/version", 401, "operator", "the API server refuses the kubeconfig's login"],
    ["/apis", 401, "operator", "the API server refuses the kubeconfig's login"],
    ["/apis", 403, "operator", "no right to read /apis"],
    ["/apis", 404, "operator", "/apis is answered with 404: no Kubernetes API"],
    ["/apis", 302, "operator", "/apis is answered with 302: no Kubernetes API"],
    ["/apis", 429, "time", "the API server answers /apis with 429"],
    ["/apis", 503, "time", "the API server answers /apis with 503"],
  ];
  test.each(wrong)("%s with %i", async (path, status, cure, reason) => {
    const { api } = answering(path, { status, body: {} });
    expect(await fault(api)).toMatchObject({ fault: "http", cure, reason });
  });

  test("a web server that answers everything alike", async () => {
    const { api } = memoryApi({
      instead: () => ({ status: 200, body: "<html></html>", contentType: "text/html" }),
    });
    expect(await fault(api)).toMatchObject({
      cure: "operator",
      reason: `/apis/${core} is answered with no discovery document`,
    });
  });

  test("of one version of a group", async () => {
    const path = `/apis/${core}/v1beta1`;
    const { api } = answering(path, { status: 200, body: { items: 7 } }, { discovery: "plain" });
    expect(await fault(api)).toMatchObject({ reason: `${path} is answered with no discovery document` });
  });

  test("a version page that is gone meanwhile is a version that is not served", async () => {
    const path = `/apis/${core}/v1beta1`;
    const found = await discover(answering(path, { status: 404, body: "" }, { discovery: "plain" }).api);
    expect("fault" in found ? found : found.servedVersions(core, "clusters")).toEqual(["v1beta2"]);
  });

  test("no word on its version is none", async () => {
    const found = await discover(answering("/version", { status: 403, body: {} }).api);
    expect("fault" in found ? found : found.gitVersion).toBeUndefined();
  });
});
