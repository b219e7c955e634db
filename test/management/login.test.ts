import { describe, expect, test } from "vitest";
import type { Api, ApiAnswer, ApiFault } from "../../src/management/api.ts";
import type { Management } from "../../src/management/kubeconfig.ts";
import { isAdmin, judgeConnection } from "../../src/management/login.ts";

const now = new Date("2026-06-15T12:00:00Z");
const json = "application/json";
const management: Management = {
  server: new URL("https://capi.example.com:6443"),
  token: "opaque",
  differences: [],
};
const status = (code: number, message = ""): ApiAnswer => ({
  status: code,
  contentType: json,
  body: { kind: "Status", apiVersion: "v1", code, message },
});
const version: ApiAnswer = { status: 200, contentType: json, body: { major: "1", gitVersion: "v1.33.4" } };
const review = (username: string, groups: readonly string[]): ApiAnswer => ({
  status: 201,
  contentType: json,
  body: { kind: "SelfSubjectReview", apiVersion: "v1", status: { userInfo: { username, groups } } },
});

type Answer = ApiAnswer | ApiFault;

/** A server that answers the three questions in this way. */
function api(answers: { version?: Answer; who?: Answer; may?: Answer }): Api & { asked: string[] } {
  const asked: string[] = [];
  const answer = (path: string) => {
    asked.push(path);
    if (path === "/version") return answers.version ?? version;
    if (path.endsWith("/selfsubjectreviews")) return answers.who ?? review("u", []);
    return answers.may ?? status(201);
  };
  return { asked, get: async (path) => answer(path), post: async (path) => answer(path) };
}

const notChecked = (reason: string) => ({ state: "not checked", reason });
const open = { state: "open" };

describe("the way to the management cluster", () => {
  test("stands, and ends at somebody", async () => {
    const user = "system:serviceaccount:magnum:capi";
    const server = api({ who: review(user, ["system:serviceaccounts", "system:authenticated"]) });
    const states = await judgeConnection(server, management, now);
    expect(states).toEqual({
      tcp: open,
      tls: open,
      login: { state: "open", detail: user },
      who: { user, groups: ["system:serviceaccounts", "system:authenticated"] },
    });
    expect(server.asked).toEqual(["/version", "/apis/authentication.k8s.io/v1/selfsubjectreviews"]);
    expect(states.who && isAdmin(states.who)).toBe(false);
  });

  test("may end at who may do everything", async () => {
    const who = review("kubernetes-admin", ["system:masters", "system:authenticated"]);
    const states = await judgeConnection(api({ who }), management, now);
    expect(states.login).toEqual({ state: "open", detail: "kubernetes-admin, who may do everything" });
    expect(states.who && isAdmin(states.who)).toBe(true);
  });

  test("stands also where a server does not tell who we are", async () => {
    const server = api({ who: status(404), may: status(201) });
    expect(await judgeConnection(server, management, now)).toEqual({ tcp: open, tls: open, login: open });
    expect(server.asked.at(-1)).toBe("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
  });

  test("and where we may not ask", async () => {
    const who = status(403, 'User "magnum" cannot create resource');
    expect(await judgeConnection(api({ version: status(403), who }), management, now)).toEqual({
      tcp: open,
      tls: open,
      login: open,
    });
  });

  test.each(["tcp", "tls", "http"] as const)(
    "that ends at %s says so there, and checks nothing beyond",
    async (fault) => {
      const at = { fault, cure: "time", reason: "why", remedy: "do" } as const;
      const closed = { state: "closed", cure: "time", reason: "why", remedy: "do" };
      const expected = {
        tcp: { tcp: closed, tls: notChecked("no connection"), login: notChecked("no connection") },
        tls: { tcp: open, tls: closed, login: notChecked("no trust") },
        http: { tcp: open, tls: open, login: closed },
      };
      expect(await judgeConnection(api({ version: at }), management, now)).toEqual(expected[fault]);
      expect(await judgeConnection(api({ who: at }), management, now)).toEqual(expected[fault]);
    },
  );
});

describe("a login is refused", () => {
  async function login(answers: Parameters<typeof api>[0], more: Partial<Management> = {}) {
    const states = await judgeConnection(api(answers), { ...management, ...more }, now);
    expect(states).toMatchObject({ tcp: open, tls: open });
    expect(states.who).toBeUndefined();
    return states.login;
  }
  const operator = (reason: string, remedy: string) => ({
    state: "closed",
    cure: "operator",
    reason,
    remedy,
  });
  const jwt = (exp: number) => `a.${Buffer.from(JSON.stringify({ exp })).toString("base64url")}.c`;
  const renew = "renew the kubeconfig";

  test.each([
    ["a token that nobody can read", "opaque", "it is revoked, or of another cluster"],
    ["a token that has not ended", jwt(now.getTime() / 1_000 + 60), "it is revoked, or of another cluster"],
    ["a token that has ended", jwt(Date.parse("2026-06-01") / 1_000), "it ended on 2026-06-01"],
  ])("with 401, and says why: %s", async (_, token, why) => {
    const refusal = operator(`login refused: token of the kubeconfig (${why})`, renew);
    expect(await login({ who: status(401) }, { token })).toEqual(refusal);
    expect(await login({ version: status(401) }, { token })).toEqual(refusal);
  });

  test("in the words of who stands before the API server", async () => {
    const body = { type: "error", status: "401", message: "must authenticate" };
    const answer = { status: 401, contentType: json, body };
    expect(await login({ version: answer })).toMatchObject({
      reason: expect.stringContaining("login refused"),
    });
  });

  test("for a certificate, which is what the driver shows", async () => {
    const certificate = { cert: "x", key: "y" };
    expect(await login({ who: status(401) }, { certificate })).toMatchObject({
      reason: expect.stringMatching(/^login refused: client certificate of the kubeconfig/),
    });
  });

  test.each([
    ["says so", review("system:anonymous", ["system:unauthenticated"])],
    [
      "may not even ask",
      status(403, 'selfsubjectreviews is forbidden: User "system:anonymous" cannot create'),
    ],
  ])("where the server sees nobody: it %s", async (_, who) => {
    const certificate = { cert: "x", key: "y" };
    expect(await login({ who }, { certificate })).toEqual(
      operator("the API server does not see the kubeconfig's client certificate", "no balancer may end TLS"),
    );
  });

  test.each([
    ["a page", { status: 200, contentType: "text/html; charset=utf-8", body: undefined }, "text/html, 200"],
    [
      "a page that asks for a login",
      { status: 401, contentType: "text/html", body: undefined },
      "text/html, 401",
    ],
    ["nothing", { status: 404, contentType: "", body: undefined }, "404"],
    ["another API", { status: 200, contentType: json, body: { kind: "compute" } }, "application/json, 200"],
    ["a list", { status: 200, contentType: json, body: [] }, "application/json, 200"],
    ["junk of 10 MB", { status: 200, contentType: "x\u0001y".repeat(99), body: undefined }, /^(xy)+$/],
  ])("by what is no API server of Kubernetes: %s", async (_, answer, told) => {
    const { reason, ...more } = { reason: "", ...(await login({ version: answer })) };
    const form = /^capi\.example\.com:6443 is no Kubernetes API server \((.{3,60})\)$/.exec(reason)?.[1];
    expect(form).toMatch(told);
    expect(more).toEqual({ state: "closed", cure: "operator", remedy: "look at the kubeconfig's server" });
  });

  test.each([429, 500, 502, 503])("for now, with %i", async (code) => {
    const busy = {
      state: "closed",
      cure: "time",
      reason: `capi.example.com:6443 answers ${code}`,
      remedy: "is the API server up?",
    };
    expect(await login({ version: { ...status(code), body: undefined } })).toEqual(busy);
    expect(await login({ who: status(code) })).toEqual(busy);
  });
});
