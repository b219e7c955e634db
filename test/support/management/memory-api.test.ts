import { describe, expect, test } from "vitest";
import { memoryHost } from "../../../src/host/memory-host.ts";
import { contractObjects, contractRules, managementContract, type Subject } from "./contract.ts";
import { magnumToken, memoryApi } from "./memory-api.ts";

const tokens = { magnum: magnumToken, nobody: "nobody's-token", stranger: "wrong", none: undefined };

const { https } = memoryApi({
  objects: contractObjects,
  rules: contractRules,
  users: {
    [tokens.magnum]: { name: "magnum", groups: ["system:authenticated"] },
    [tokens.nobody]: { name: "nobody", groups: ["system:authenticated"] },
  },
});

const client = memoryHost({ https }).https({ url: new URL("https://memory.example") });

const ask: Subject["ask"] = async (as, method, path, { accept = "application/json", body } = {}) => {
  const { [as]: token } = tokens;
  const answer = await client.request({
    method,
    path,
    headers: { Accept: accept, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    timeoutMs: 1_000,
    maxBytes: 1_000_000,
  });
  if (!answer.ok) throw new Error(answer.reason);
  const { "content-type": contentType = "", warning } = answer.headers;
  const isJson = contentType.startsWith("application/json");
  return {
    status: answer.status,
    contentType,
    warning,
    body: isJson ? JSON.parse(answer.body) : answer.body,
  };
};

describe("an API server in memory", () => {
  managementContract(async () => ({ ask }));
});

test("a certificate stands for a user, where one is told whose it is", async () => {
  const other = memoryApi({ certificateUser: (pem) => ({ name: pem, groups: [] }) });
  const url = new URL("https://memory.example");
  const shown = memoryHost({ https: other.https }).https({ url, certificate: { cert: "magnum", key: "" } });
  const request = {
    method: "GET",
    path: "/apis/cluster.x-k8s.io",
    headers: {},
    timeoutMs: 1,
    maxBytes: 1,
  } as const;
  expect(await shown.request(request)).toMatchObject({ ok: true, status: 200 });
});

test("a fault of a test's own goes before everything", async () => {
  const { api } = memoryApi({ instead: (_, path) => ({ status: 503, body: { asked: path } }) });
  expect(await api.get("/apis?x")).toMatchObject({ status: 503, body: { asked: "/apis?x" } });
});
