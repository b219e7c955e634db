import { describe, expect, test } from "vitest";
import {
  clusterApiVersions,
  helmSkewOf,
  kubernetesOf,
  minorOf,
  openstackVersions,
  stackOf,
} from "../../src/management/releases.ts";

test.each([
  ["1.8.0", ["v1beta1"]],
  ["1.10.8", ["v1beta1"]],
  ["1.11.0", ["v1beta2", "v1beta1"]],
  ["1.15.2", ["v1beta2", "v1beta1"]],
  ["1.16.0", ["v1beta2"]],
  ["2.0.0", ["v1beta2"]],
])("Cluster API %s serves %j", (release, versions) => {
  expect(clusterApiVersions(release)).toEqual(versions);
});

test.each([
  ["0.9.0", ["v1alpha7", "v1alpha6"]],
  ["0.10.4", ["v1beta1", "v1alpha7", "v1alpha6"]],
  ["0.11.3", ["v1beta1", "v1alpha7"]],
  ["0.14.6", ["v1beta1"]],
  ["0.15.0", ["v1beta2", "v1beta1"]],
])("the OpenStack provider %s serves %j", (release, versions) => {
  expect(openstackVersions(release)).toEqual(versions);
});

test.each([
  ["1.10.8", undefined],
  ["1.11.3", [30, 34]],
  ["1.13.2", [32, 36]],
  ["1.14.2", undefined],
])("Cluster API %s runs on Kubernetes 1.%j", (release, range) => {
  expect(kubernetesOf(release)).toEqual(range);
});

test.each([
  ["0.10.1", "1.8.1"],
  ["0.15.0", "1.8.1"],
  ["0.23.0", "1.10.4"],
  ["0.25.1", "1.13.2"],
  ["0.30.0", "1.13.3"],
])("chart %s was made with Cluster API %s", (chart, clusterApi) => {
  expect(stackOf(chart).clusterApi).toBe(clusterApi);
});

describe("helm", () => {
  test.each([
    ["v1.33.4", 33],
    ["v1.32.7+k3s1", 32],
    ["1.30", 30],
    ["v2.0.0", undefined],
    ["", undefined],
  ])("%s has the minor version %s", (gitVersion, minor) => {
    expect(minorOf(gitVersion)).toBe(minor);
  });

  test.each([
    ["v1.32.4", undefined],
    ["v1.29.0", undefined],
    ["v1.28.9", "helm 3.17.3 is for Kubernetes 1.29 to 1.32, not for v1.28.9"],
    ["v1.33.4", "helm 3.17.3 is for Kubernetes 1.29 to 1.32, not for v1.33.4"],
    [undefined, undefined],
  ])("3.17.3 with Kubernetes %s", (gitVersion, said) => {
    expect(helmSkewOf("3.17.3", gitVersion)).toBe(said);
  });

  test("of one that is not known nothing is said", () => {
    expect(helmSkewOf("3.99.0", "v1.33.4")).toBeUndefined();
  });
});
