import { expect, test } from "vitest";
import type { Wanted } from "../../src/management/api-resources.ts";
import { lifecycleOf, lifecycleState } from "../../src/management/lifecycle.ts";
import { type Survey, survey } from "../../src/management/verdict.ts";
import { memoryApi } from "../support/management/memory-api.ts";
import {
  addonKinds,
  clusterApiKinds,
  type MemoryKind,
  openstackKinds,
  readyKinds,
} from "../support/management/memory-cluster.ts";

async function found(kinds: readonly MemoryKind[], more: Partial<Wanted> = {}): Promise<Survey> {
  const wanted: Wanted = {
    driverVersion: "1.4.0",
    chartVersion: "0.25.1",
    chartName: "openstack-cluster",
    apiResources: "auto",
    ...more,
  };
  const end = await survey(memoryApi({ kinds }).api, wanted);
  if ("fault" in end) throw new Error(end.reason);
  return end;
}

const older = [...clusterApiKinds(["v1beta1"]), ...openstackKinds(["v1alpha7", "v1alpha6"]), ...addonKinds()];

test("a deprecated version is no reason for a note: nothing newer works", async () => {
  const end = await found(readyKinds());
  expect(lifecycleOf(end)).toEqual({
    cluster: ["v1beta2", "v1beta1"],
    openstackCluster: ["v1beta1"],
    outlook: "v1beta1 is deprecated, not served from Cluster API 1.16 on",
    warnings: [
      "cluster.x-k8s.io/v1beta1 Cluster is deprecated; use cluster.x-k8s.io/v1beta2 Cluster",
      "cluster.x-k8s.io/v1beta1 MachineDeployment is deprecated; use cluster.x-k8s.io/v1beta2 MachineDeployment",
      "controlplane.cluster.x-k8s.io/v1beta1 KubeadmControlPlane is deprecated; use controlplane.cluster.x-k8s.io/v1beta2 KubeadmControlPlane",
      "cluster.x-k8s.io/v1beta1 Machine is deprecated; use cluster.x-k8s.io/v1beta2 Machine",
    ],
  });
  expect(lifecycleState(end)).toEqual({
    state: "open",
    detail: "v1beta1 is deprecated, not served from Cluster API 1.16 on",
  });
});

test("up to Cluster API 1.10 there is v1beta1 alone", async () => {
  const end = await found([...clusterApiKinds(["v1beta1"]), ...openstackKinds(), ...addonKinds()]);
  expect(lifecycleState(end)).toEqual({ state: "open", detail: "v1beta1 alone, as up to Cluster API 1.10" });
  expect(lifecycleOf(end).warnings).toEqual([]);
});

test("without v1beta1 the gate of the versions has the word", async () => {
  const end = await found([...clusterApiKinds(["v1beta2"]), ...openstackKinds(), ...addonKinds()]);
  expect(lifecycleState(end)).toEqual({ state: "open", detail: "v1beta1 is not served" });
});

test.each<[string, Partial<Wanted>, RegExp, string]>([
  ["v1alpha7", { chartVersion: "0.10.1" }, /v1alpha7 .* 0\.12$/, "a chart from 0.11.0 on"],
  ["v1alpha6", { chartVersion: "0.10.1", driverVersion: "1.3.0" }, /v1alpha6 .* 0\.11$/, "driver 1.4.0"],
])(
  "%s in use ends with a release of the OpenStack provider: a note, before that",
  async (_, more, reason, remedy) => {
    const state = lifecycleState(await found(older, more));
    expect(state).toEqual({ state: "closed", cure: "note", reason: expect.stringMatching(reason), remedy });
    if (state.state === "closed") expect(`${state.reason}; next: ${remedy}`.length).toBeLessThanOrEqual(100);
  },
);
