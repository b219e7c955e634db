import { describe, expect, test } from "vitest";
import type { Wanted } from "../../src/management/api-resources.ts";
import { type Planned, type Present, upgradeCheck } from "../../src/management/upgrade-check.ts";
import { survey } from "../../src/management/verdict.ts";
import { memoryApi } from "../support/management/memory-api.ts";
import { addonKinds, clusterApiKinds, openstackKinds } from "../support/management/memory-cluster.ts";
import type { MemoryWorld } from "../support/management/memory-world.ts";

const wanted: Wanted = {
  driverVersion: "1.4.0",
  chartVersion: "0.25.1",
  chartName: "openstack-cluster",
  apiResources: "auto",
};

const alone: Present = { wanted, helmVersion: "3.17.3", options: { allowedCidrs: "" } };

/** What is in force on a cluster that answers. */
async function live(world: Partial<MemoryWorld> = {}, more: Partial<Wanted> = {}): Promise<Present> {
  const now = { ...wanted, ...more };
  const found = await survey(memoryApi({ version: "v1.32.4", ...world }).api, now);
  if ("fault" in found) throw new Error(found.reason);
  return { ...alone, wanted: now, found };
}

const told = (present: Present, planned: Planned) =>
  upgradeCheck(present, planned).consequences.map(
    ({ effect, of, reason, isToday }) => `${isToday ? "already " : ""}${effect} ${of}: ${reason}`,
  );

const old = { kinds: [...clusterApiKinds(["v1beta1"]), ...openstackKinds(), ...addonKinds()] };

describe("on a cluster that answers", () => {
  test("nothing planned comes to nothing", async () => {
    expect(upgradeCheck(await live(), {})).toEqual({
      breaks: false,
      isLive: true,
      driver: "1.4.0",
      chart: "0.25.1",
      consequences: [],
    });
  });

  test("what is broken already is told as such, and still breaks", async () => {
    const present = await live({ kinds: [...clusterApiKinds(), ...openstackKinds()] });
    expect(told(present, {})).toEqual([
      "already breaks Manifests: addons.stackhpc.com is not served",
      "already breaks HelmRelease: addons.stackhpc.com is not served",
      "already breaks chart: addons.stackhpc.com is not served",
    ]);
    expect(upgradeCheck(present, {}).breaks).toBe(true);
  });

  test("Cluster API 1.16 breaks the driver and the chart", async () => {
    const check = upgradeCheck(await live(), { capi: "1.16.0" });
    expect(check).toMatchObject({ breaks: true, isLive: true, capi: "1.16.0" });
    expect(told(await live(), { capi: "1.16.0" })).toEqual([
      "breaks Cluster: Cluster v1beta1 is not served: a delete would lose credentials",
      "degrades MachineDeployment: MachineDeployment is read as v1beta2: no cluster gets HEALTHY",
      "breaks K8sControlPlane: K8sControlPlane v1beta1 is not served: no cluster completes",
      "breaks chart: chart 0.25.1 writes Cluster v1beta1, which is not served",
      'note driver: api_resources becomes {"MachineDeployment":{"api_version":"cluster.x-k8s.io/v1beta2"},"Machine":{"api_version":"cluster.x-k8s.io/v1beta2"}}: both services restart',
      "note chart: chart 0.25.1 was tried with Cluster API 1.13.2, not with 1.16.0",
      "note cluster-api: Cluster API 1.16.0 is taken as announced",
      "note cluster-api: Cluster API 1.16.0 ends with OpenStack providers before 0.15 as well",
    ]);
  });

  test("Cluster API 1.13 instead of 1.10 breaks nothing", async () => {
    const present = await live(old);
    expect(told(present, { capi: "1.13.2" })).toEqual([
      "note cluster-api: objects get stored as v1beta2: the addon provider has to be 0.10.0 or newer",
    ]);
    expect(upgradeCheck(present, { capi: "1.13.2" }).breaks).toBe(false);
  });

  test("there is no way back below Cluster API 1.11", async () => {
    expect(told(await live(), { capi: "1.10.8" })).toEqual([
      "breaks cluster-api: objects are stored as v1beta2, which Cluster API 1.10.8 can't read",
    ]);
  });

  test("Kubernetes has to be one that Cluster API is for", async () => {
    const present = await live({ ...old, version: "v1.30.1" });
    expect(told(present, { capi: "1.13.2" })).toContain(
      "note cluster-api: Cluster API 1.13.2 is for Kubernetes 1.32 to 1.36, not for 1.30",
    );
  });

  test("helm has to be one for that Kubernetes, planned or not", async () => {
    expect(told(await live({ version: "v1.33.4" }), {})).toEqual([
      "note helm: helm 3.17.3 is for Kubernetes 1.29 to 1.32, not for v1.33.4",
    ]);
  });

  test("driver 1.3.0 degrades without v1alpha6", async () => {
    expect(told(await live(), { driver: "1.3.0" })).toEqual([
      "degrades OpenstackCluster: OpenstackCluster v1alpha6 is not served: no cluster gets HEALTHY",
      "note driver: driver 1.3.0 reads no api_resources and no [capi_helm_cluster_labels]",
    ]);
  });

  test("driver 1.4.0 instead of 1.3.0 cures that, and has a trap of its own", async () => {
    expect(told(await live({}, { driverVersion: "1.3.0" }), { driver: "1.4.0" })).toEqual([
      "note driver: driver 1.4.0 hands a template's network driver to the chart: flannel gives no network",
    ]);
  });

  test("a driver that is not known is judged as the last that is", async () => {
    expect(told(await live(), { driver: "1.6.0" })).toEqual([
      "note driver: driver 1.6.0 is not known here: judged as 1.4.0",
    ]);
  });

  test("chart 0.10.1 breaks with a provider of today", async () => {
    expect(told(await live(), { chart: "0.10.1" })).toEqual([
      "breaks chart: chart 0.10.1 writes OpenStackCluster v1alpha7, which is not served",
      "note chart: chart 0.10.1 was made with Cluster API 1.8.1, OpenStack provider 0.10.4, addon provider 0.6.1",
    ]);
  });

  test("a newer chart says what it was made with", async () => {
    expect(told(await live(), { chart: "0.27.0" })).toEqual([
      "note chart: chart 0.27.0 was made with Cluster API 1.13.3, OpenStack provider 0.14.6, addon provider 0.12.1, ORC 2.6.0",
    ]);
    expect(told(await live(), { chart: "0.29.0" })[0]).toMatch(/ORC 2\.6\.0 \(known of 0\.27\.0\)$/);
  });

  test("what a chart ignores is told where it is used", async () => {
    const present = { ...(await live()), options: { allowedCidrs: "10.0.0.0/8" } };
    expect(told(present, { chart: "0.27.0" })).toContain(
      "note chart: chart 0.27.0 ignores api_master_lb_allowed_cidrs: the API is open to all",
    );
  });

  test("a webhook that is down today says nothing of another release, but breaks where that stays", async () => {
    const object = { kind: "Cluster", metadata: { name: "one", namespace: "magnum-a" } };
    const present = await live({ objects: [object], broken: ["clusters/v1beta1"] });
    expect(told(present, { chart: "0.25.1" })[0]).toMatch(/^already breaks Cluster: .* can't be read/);
    expect(upgradeCheck(present, { capi: "1.12.0" }).breaks).toBe(false);
  });

  test("other groups stay as they are, whatever Cluster API is planned", async () => {
    const kinds = [...clusterApiKinds(), ...openstackKinds(["v1alpha7"]), ...addonKinds()];
    const present = await live({ kinds }, { chartVersion: "0.10.1" });
    expect(upgradeCheck(present, { capi: "1.12.0" }).breaks).toBe(false);
    expect(upgradeCheck(present, { capi: "1.12.0", chart: "0.25.1" }).breaks).toBe(true);
  });
});

describe("by tables alone", () => {
  test("it is said that nobody was asked", () => {
    expect(upgradeCheck(alone, {})).toMatchObject({ isLive: false, breaks: false, consequences: [] });
  });

  test.each<[string, Planned, boolean]>([
    ["Cluster API 1.15", { capi: "1.15.0" }, false],
    ["Cluster API 1.16", { capi: "1.16.0" }, true],
    ["driver 1.3.0", { driver: "1.3.0" }, true],
    ["a newer chart", { chart: "0.27.0" }, false],
    ["an older chart", { chart: "0.16.0" }, false],
    ["the driver's default chart", { chart: "0.10.1" }, true],
  ])("%s", (_, planned, breaks) => {
    expect(upgradeCheck(alone, planned)).toMatchObject({ isLive: false, breaks });
  });

  test("the cluster is taken to have what the chart in force was made with", () => {
    const present = { ...alone, wanted: { ...wanted, chartVersion: "0.10.1" } };
    expect(upgradeCheck(present, { driver: "1.3.0" }).breaks).toBe(false);
    expect(upgradeCheck(present, { chart: "0.25.1" }).breaks).toBe(false);
  });

  test("no service is said to restart: what they have now is not known", () => {
    expect(told(alone, { capi: "1.16.0" }).filter((it) => it.includes("restart"))).toEqual([]);
  });
});

test("everything comes to the release candidate that is asked for", () => {
  expect(upgradeCheck(alone, { capi: "1.16.0-rc.1", driver: "1.3.0", chart: "0.27.0" })).toMatchObject({
    driver: "1.3.0",
    chart: "0.27.0",
    capi: "1.16.0-rc.1",
  });
});
