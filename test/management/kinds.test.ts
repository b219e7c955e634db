import { describe, expect, test } from "vitest";
import {
  apiKinds,
  chartKinds,
  driverKinds,
  groupsThatMatter,
  isKnownChart,
  kindsOf,
  neverV1beta2,
} from "../../src/management/kinds.ts";

const read = (driver: string) =>
  Object.fromEntries(kindsOf(driver).map(({ name, byDefault }) => [name, byDefault]));

describe("the kinds of the driver", () => {
  test("1.4.0 reads these, unless it is told otherwise", () => {
    expect(read("1.4.0")).toEqual({
      Cluster: "v1beta1",
      OpenstackCluster: "v1beta1",
      MachineDeployment: "v1beta1",
      K8sControlPlane: "v1beta1",
      Machine: "v1beta1",
      Manifests: "v1alpha1",
      HelmRelease: "v1alpha1",
      HelmChartProxy: "v1alpha1",
    });
    expect(read("1.5.0")).toEqual(read("1.4.0"));
  });

  test("1.3.0 reads OpenStackCluster at v1alpha6, no HelmChartProxy, and nothing can be told to it", () => {
    expect(read("1.3.0")).toEqual({
      Cluster: "v1beta1",
      OpenstackCluster: "v1alpha6",
      MachineDeployment: "v1beta1",
      K8sControlPlane: "v1beta1",
      Machine: "v1beta1",
      Manifests: "v1alpha1",
      HelmRelease: "v1alpha1",
    });
    for (const { byDefault, safe, asV1beta2 } of kindsOf("1.3.0")) {
      expect(safe).toEqual([byDefault]);
      expect(asV1beta2).toBeUndefined();
    }
  });

  test("what it reads by default is the best of what is safe", () => {
    for (const { byDefault, safe } of driverKinds) expect(safe[0]).toBe(byDefault);
  });

  test("four kinds are never read as v1beta2", () => {
    const four = ["Cluster", "OpenstackCluster", "MachineDeployment", "K8sControlPlane"];
    expect([...neverV1beta2]).toEqual(four);
  });

  test("the option's names have the groups of the kinds", () => {
    expect(apiKinds).toMatchObject({
      OpenstackCluster: "infrastructure.cluster.x-k8s.io",
      HelmChartProxy: "addons.cluster.x-k8s.io",
    });
    expect(Object.keys(apiKinds)).toHaveLength(8);
  });
});

describe("the kinds of the chart", () => {
  const written = (version: string) => chartKinds(version).map((it) => `${it.kind} ${it.version}`);

  test.each([
    ["0.10.1", "v1alpha7"],
    ["0.11.0", "v1beta1"],
    ["0.25.1", "v1beta1"],
    ["0.26.0-rc.1", "v1beta1"],
    ["1.0.0", "v1beta1"],
  ])("%s writes those of the OpenStack provider at %s", (version, infrastructure) => {
    expect(written(version)).toEqual([
      "Cluster v1beta1",
      "MachineDeployment v1beta1",
      "MachineHealthCheck v1beta1",
      "KubeadmControlPlane v1beta1",
      "KubeadmConfigTemplate v1beta1",
      `OpenStackCluster ${infrastructure}`,
      `OpenStackMachineTemplate ${infrastructure}`,
      "HelmRelease v1alpha1",
      "Manifests v1alpha1",
    ]);
  });

  test.each([
    ["openstack-cluster", true],
    ["oci://registry.example/charts/openstack-cluster", true],
    ["/srv/charts/openstack-cluster/", true],
    ["/srv/charts/openstack-cluster-0.25.1.tgz", true],
    ["my-openstack-cluster", false],
    ["/srv/charts/openstack-cluster-mine", false],
  ])("are known of %s: %s", (name, isKnown) => {
    expect(isKnownChart(name)).toBe(isKnown);
  });
});

test("the groups that matter are few", () => {
  expect(groupsThatMatter).toEqual([
    "cluster.x-k8s.io",
    "infrastructure.cluster.x-k8s.io",
    "controlplane.cluster.x-k8s.io",
    "addons.stackhpc.com",
    "addons.cluster.x-k8s.io",
    "bootstrap.cluster.x-k8s.io",
  ]);
});
