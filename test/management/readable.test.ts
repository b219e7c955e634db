import { expect, test } from "vitest";
import type { ApiFault } from "../../src/management/api.ts";
import { readEach, type Target } from "../../src/management/readable.ts";
import { memoryApi } from "../support/management/memory-api.ts";
import type { MemoryAnswer, MemoryWorld } from "../support/management/memory-world.ts";

const core = "cluster.x-k8s.io";
const clusters: Target = { group: core, version: "v1beta1", plural: "clusters" };
const machines: Target = { group: core, version: "v1beta2", plural: "machines" };
const cluster = { kind: "Cluster", metadata: { name: "one", namespace: "magnum-a", labels: { a: "b" } } };

const read = (options: Partial<MemoryWorld>, ...targets: Target[]) =>
  readEach(memoryApi(options).api, targets);
const answering = (answer: MemoryAnswer) => read({ instead: () => answer }, clusters);

test("each is read by a list of one, in the order asked", async () => {
  const { api, requests } = memoryApi({ objects: [cluster] });
  expect(await readEach(api, [machines, clusters])).toEqual([
    { state: "readable", isEmpty: true },
    {
      state: "readable",
      isEmpty: false,
      warning: "cluster.x-k8s.io/v1beta1 Cluster is deprecated; use cluster.x-k8s.io/v1beta2 Cluster",
    },
  ]);
  expect(requests).toEqual([
    "GET /apis/cluster.x-k8s.io/v1beta2/machines?limit=1",
    "GET /apis/cluster.x-k8s.io/v1beta1/clusters?limit=1",
  ]);
});

test("a dead conversion webhook shows at the version that has to be converted, and there alone", async () => {
  const dead = { objects: [cluster], broken: ["clusters/v1beta1"] };
  const [old, stored] = (await read(dead, clusters, { ...clusters, version: "v1beta2" })) as object[];
  expect(old).toMatchObject({
    state: "broken",
    message: expect.stringMatching(
      /^500: conversion webhook for cluster.x-k8s.io\/v1beta2, Kind=Cluster failed/,
    ),
  });
  expect(stored).toMatchObject({ state: "readable", isEmpty: false });
});

test("a dead webhook does not show where nothing is stored", async () => {
  expect(await read({ broken: ["clusters/v1beta1"] }, clusters)).toMatchObject([
    { state: "readable", isEmpty: true },
  ]);
});

test("what may not be listed is not broken", async () => {
  const rules = [{ apiGroups: [core], resources: ["machines"], verbs: ["list"] }];
  expect(await read({ rules }, clusters, machines)).toEqual([
    { state: "forbidden" },
    { state: "readable", isEmpty: true },
  ]);
});

test("a version that is not served is absent", async () => {
  expect(await read({}, { ...clusters, version: "v1alpha4" })).toEqual([{ state: "absent" }]);
});

test("labels choose", async () => {
  const world = { objects: [cluster] };
  expect(await read(world, { ...clusters, labels: "a" }, { ...clusters, labels: "a=c" })).toMatchObject([
    { isEmpty: false },
    { isEmpty: true },
  ]);
});

test.each<[string, MemoryAnswer, string]>([
  [
    "a long message, on one line",
    { status: 500, body: { message: "a\nb ".repeat(100) } },
    `500: ${"a b ".repeat(40)}...`,
  ],
  ["no message", { status: 504, body: "" }, "504"],
  ["too many requests", { status: 429, body: { message: "slow down" } }, "429: slow down"],
  ["no list", { status: 200, body: { kind: "Status" } }, "200 with no list"],
])("broken: %s", async (_, answer, message) => {
  expect(await answering(answer)).toEqual([{ state: "broken", message }]);
});

test("a login that ended meanwhile is a fault", async () => {
  expect(await answering({ status: 401, body: {} })).toMatchObject({
    fault: "http",
    cure: "operator",
    reason: "the API server refuses the kubeconfig's login",
  });
});

test.each(["http", "tcp", "tls"] as const)(
  "no answer for one of them, and how far it came: %s",
  async (kind) => {
    const { api } = memoryApi();
    const fault: ApiFault = { fault: kind, cure: "time", reason: "no answer within 10 s", remedy: "look" };
    const hanging = {
      ...api,
      get: async (path: string) => (path.includes("clusters") ? fault : await api.get(path)),
    };
    expect(await readEach(hanging, [machines, clusters])).toEqual(
      kind === "http"
        ? [
            { state: "readable", isEmpty: true },
            { state: "broken", message: "no answer within 10 s" },
          ]
        : fault,
    );
  },
);
