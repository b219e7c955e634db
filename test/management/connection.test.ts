import { describe, expect, test } from "vitest";
import type { HttpsRequest, HttpsResult, HttpsServer } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { connect } from "../../src/management/connection.ts";
import type { Management } from "../../src/management/kubeconfig.ts";

const plain: Management = {
  server: new URL("https://capi.example.com:6443"),
  ca: "the authority",
  token: "tok3n",
  differences: [],
};

function answered(
  body: unknown,
  more: { status?: number; headers?: Record<string, string> } = {},
): HttpsResult {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { ok: true, status: 200, headers: { "content-type": "application/json" }, body: text, ...more };
}

type Reply = (request: HttpsRequest, count: number) => HttpsResult | Promise<HttpsResult>;

/** A connection to a server that answers in this way, with all that it was asked. */
function connected(reply: Reply, management = plain) {
  const requests: HttpsRequest[] = [];
  const servers: HttpsServer[] = [];
  const host = memoryHost({
    https: (server, request) => {
      servers.push(server);
      requests.push(request);
      return reply(request, requests.length);
    },
  });
  const began = host.now().getTime();
  const proxies = { https: "http://proxy:3128", direct: [] };
  const elapsed = () => (host.now().getTime() - began) / 1_000;
  return { api: connect(host, management, proxies), requests, servers, elapsed };
}

describe("a connection to the management cluster", () => {
  test("asks as the driver does, with a limit for each request", async () => {
    const { api, requests, servers } = connected(() => answered({ a: 1 }));
    expect(await api.get("/version")).toEqual({
      status: 200,
      contentType: "application/json",
      body: { a: 1 },
    });
    await api.get("/apis", { accept: "application/json;g=apidiscovery.k8s.io" });
    await api.post("/apis/x", { b: 2 });
    const common = { authorization: "Bearer tok3n", "user-agent": "magnum-capi-helm" };
    const limits = { timeoutMs: 10_000, maxBytes: 16_777_216 };
    const json = "application/json";
    expect(requests).toEqual([
      { method: "GET", path: "/version", headers: { ...common, accept: json }, ...limits },
      {
        method: "GET",
        path: "/apis",
        headers: { ...common, accept: "application/json;g=apidiscovery.k8s.io" },
        ...limits,
      },
      {
        method: "POST",
        path: "/apis/x",
        headers: { ...common, accept: json, "content-type": json },
        body: '{"b":2}',
        ...limits,
      },
    ]);
    const proxies = { https: "http://proxy:3128", direct: [] };
    expect(servers[0]).toEqual({ url: plain.server, ca: "the authority", proxies });
  });

  test("shows a certificate instead of a token, where there are both", async () => {
    const certificate = { cert: "the certificate", key: "the key" };
    const { api, requests, servers } = connected(() => answered({}), { ...plain, certificate });
    await api.get("/version");
    expect(servers[0]).toMatchObject({ certificate });
    expect(JSON.stringify(requests)).not.toContain("tok3n");
  });

  test.each([
    ["404", answered({ kind: "Status" }, { status: 404 }), { status: 404, body: { kind: "Status" } }],
    ["what is no JSON", answered("<html>"), { status: 200, body: undefined }],
    ["nothing", answered(""), { status: 200, body: undefined }],
    ["a 503 that names no time", answered({}, { status: 503 }), { status: 503 }],
  ])("hands %s on", async (_, result, expected) => {
    expect(await connected(() => result).api.get("/x")).toMatchObject(expected);
  });

  test("tells the first warning of the server", async () => {
    const warning = '299 - "cluster.x-k8s.io/v1beta1 Cluster is \\"deprecated\\"", 299 - "more"';
    const { api } = connected(() => answered({}, { headers: { warning } }));
    expect(await api.get("/x")).toEqual({
      status: 200,
      contentType: "",
      warning: 'cluster.x-k8s.io/v1beta1 Cluster is "deprecated"',
      body: {},
    });
  });

  test("makes at most four requests at once, and counts them", async () => {
    let busy = 0;
    let most = 0;
    const { api } = connected(async () => {
      busy += 1;
      most = Math.max(most, busy);
      await new Promise((resolve) => setTimeout(resolve, 2));
      busy -= 1;
      return answered("12345678");
    });
    await Promise.all(Array.from({ length: 11 }, (_, index) => api.get(`/${index}`)));
    expect([most, api.spent()]).toEqual([4, { requests: 11, bytes: 88 }]);
  });
});

describe("a server that asks for patience", () => {
  const later = (status: number, after: string) =>
    answered({}, { status, headers: { "retry-after": after } });

  test.each([429, 503])("with %i is asked again when it says", async (status) => {
    const { api, elapsed } = connected((_, count) => (count < 3 ? later(status, "4") : answered({ a: 1 })));
    expect(await api.get("/x")).toMatchObject({ status: 200 });
    expect([elapsed(), api.spent().requests]).toEqual([8, 3]);
  });

  test("by a date is asked again then", async () => {
    const { api, elapsed } = connected((_, count) =>
      count === 1 ? later(503, new Date(Date.now() + 6_000).toUTCString()) : answered({}),
    );
    expect(await api.get("/x")).toMatchObject({ status: 200 });
    expect(elapsed()).toBeGreaterThan(4);
    expect(elapsed()).toBeLessThan(7);
  });

  test("gets 20 s for all requests together", async () => {
    const { api, elapsed, requests } = connected(() => later(429, "3"));
    expect(await api.get("/x")).toMatchObject({ status: 429 });
    expect([elapsed(), requests.length]).toEqual([18, 7]);
    expect(await api.get("/x")).toMatchObject({ status: 429 });
    expect([elapsed(), requests.length]).toEqual([18, 8]);
  });

  test.each(["60", "soon", "-1"])("for %s does not get it", async (after) => {
    const { api, requests } = connected(() => later(503, after));
    expect(await api.get("/x")).toMatchObject({ status: 503 });
    expect(requests).toHaveLength(1);
  });

  test("of no time at all is not asked without a pause", async () => {
    const { api, requests } = connected(() => later(429, "0"));
    await api.get("/x");
    expect(requests).toHaveLength(21);
  });
});

describe("a request without an answer is a fault with who has to act:", () => {
  const failed = (phase: "name" | "tcp" | "proxy" | "tls" | "http", reason: string, more: object = {}) =>
    ({ ok: false, phase, reason, timedOut: false, ...more }) as HttpsResult;
  const place = "capi.example.com:6443";
  const late = { timedOut: true };

  test.each([
    [
      failed("name", "its name has no address"),
      "tcp",
      "time",
      `no connection to ${place} (its name has no address)`,
    ],
    [failed("tcp", "refused"), "tcp", "time", `no connection to ${place} (refused)`],
    [
      failed("tcp", "no answer within 5 s", late),
      "tcp",
      "time",
      `no connection to ${place} (no answer within 5 s)`,
    ],
    [
      failed("proxy", "the proxy http://p:1: it answers HTTP 403"),
      "tcp",
      "operator",
      /^no connection to .*HTTP 403/,
    ],
    [failed("proxy", "the proxy http://p:1: refused"), "tcp", "time", /^no connection to .*refused/],
    [
      failed("tls", "x", { tls: "untrusted" }),
      "tls",
      "operator",
      `the CA of the kubeconfig does not vouch for ${place}`,
    ],
    [
      failed("tls", "x", { tls: "name" }),
      "tls",
      "operator",
      `the certificate of ${place} is for other names`,
    ],
    [
      failed("tls", "its certificate has expired", { tls: "expired" }),
      "tls",
      "operator",
      `${place}: its certificate has expired`,
    ],
    [
      failed("tls", "it refuses the client's certificate", { tls: "client" }),
      "tls",
      "operator",
      `${place}: it refuses the client's certificate`,
    ],
    [failed("tls", "it speaks no TLS", { tls: "no TLS" }), "tls", "operator", `${place}: it speaks no TLS`],
    [
      failed("tls", "it ends the connection", { tls: "closed" }),
      "tls",
      "time",
      `${place}: it ends the connection`,
    ],
    [failed("tls", "no answer within 5 s to the TLS handshake", late), "tls", "time", /^capi.*handshake$/],
    [failed("tls", "no agreement on TLS (X)"), "tls", "operator", `${place}: no agreement on TLS (X)`],
    [failed("http", "no answer within 10 s", late), "http", "time", `${place}: no answer within 10 s`],
    [failed("http", "the connection ended early"), "http", "time", `${place}: the connection ended early`],
    [answered("", { status: 302 }), "http", "operator", `${place} sends us elsewhere (302)`],
  ] as const)("%o", async (result, fault, cure, reason) => {
    const told = typeof reason === "string" ? reason : expect.stringMatching(reason);
    const got = await connected(() => result).api.get("/x");
    expect(got).toEqual({ fault, cure, reason: told, remedy: expect.stringMatching(/.../) });
    const words = { reason: "", remedy: "", ...got };
    expect(`${words.reason}; next: ${words.remedy}`.replace(/ \(.*\)/, "").length).toBeLessThanOrEqual(100);
  });

  test("without an authority in the kubeconfig, what is missing is that", async () => {
    const { ca: _, ...bare } = plain;
    const { api } = connected(() => failed("tls", "x", { tls: "untrusted" }), bare);
    expect(await api.get("/x")).toMatchObject({
      reason: `no public authority vouches for ${place}`,
      remedy: "add certificate-authority-data",
    });
  });

  test("nothing of the credential is in any of them", async () => {
    const { api } = connected(() => failed("http", "the connection ended early"));
    expect(JSON.stringify(await api.get("/x"))).not.toContain("tok3n");
  });
});
