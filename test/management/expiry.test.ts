import { describe, expect, test } from "vitest";
import { memoryHost } from "../../src/host/memory-host.ts";
import { expiries, kubeconfigGate } from "../../src/management/expiry.ts";
import type { Management } from "../../src/management/kubeconfig.ts";
import { judge } from "../../src/reconcile/gate.ts";
import { authority } from "../support/certificates.ts";

const now = new Date("2026-06-15T12:00:00Z");
const in30 = new Date("2026-07-15T12:00:00Z");
const ca = authority("management", new Date("2036-01-01T00:00:00Z"));

function management(more: Partial<Management>): Management {
  return { server: new URL("https://192.0.2.10:6443"), differences: [], ...more };
}

/** A token as an API server issues one, with these claims. */
function jwt(claims: object): string {
  const part = (it: object) => Buffer.from(JSON.stringify(it)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part(claims)}.c2lnbmF0dXJl`;
}

const sub = "system:serviceaccount:magnum:capi";
const seconds = (date: Date) => date.getTime() / 1_000;
const tokenUntil = (date: Date) => management({ token: jwt({ sub, exp: seconds(date) }) });

describe("what ends of a kubeconfig", () => {
  test("is its authority and its client certificate, with whose they are", () => {
    const certificate = ca.issue({ subject: "/O=system:masters/O=ops/CN=admin", until: in30 });
    expect(expiries(management({ ca: ca.cert, certificate }), now)).toEqual([
      { what: "client certificate", who: "admin of system:masters, ops", until: in30, daysLeft: 30 },
      {
        what: "certificate authority",
        who: "management",
        until: new Date("2036-01-01T00:00:00Z"),
        daysLeft: 3486,
      },
    ]);
  });

  test("is its token, if that says so", () => {
    expect(expiries(tokenUntil(in30), now)).toEqual([{ what: "token", who: sub, until: in30, daysLeft: 30 }]);
  });

  test.each([
    ["of a service account for ever", jwt({ sub })],
    ["that is none of JSON", "abc"],
    ["that is broken", "a.b.c"],
    ["whose end is no time", jwt({ exp: "tomorrow" })],
    ["whose end is beyond all times", jwt({ exp: 1e300 })],
    ["that is a list", `a.${Buffer.from("[1]").toString("base64url")}.c`],
  ])("is nothing of a token %s", (_, token) => {
    expect(expiries(management({ token }), now)).toEqual([]);
  });

  test("is nothing of a token that the driver does not send", () => {
    const certificate = ca.issue({ subject: "/CN=magnum", until: in30 });
    const { token = "" } = tokenUntil(now);
    expect(expiries(management({ certificate, token }), now).map(({ what }) => what)).toEqual([
      "client certificate",
    ]);
  });

  test("is the last of several authorities", () => {
    const older = authority("older", new Date("2026-06-01T00:00:00Z"));
    const both = management({ ca: older.cert + ca.cert });
    expect(expiries(both, now).map(({ who }) => who)).toEqual(["management"]);
  });
});

describe("the gate on the kubeconfig", () => {
  async function judged(it: Management, at: Date, warningDays = 30) {
    const host = { ...memoryHost(), now: () => at };
    const [result] = await judge(host, [kubeconfigGate(it, warningDays)]);
    return result;
  }
  const daysBefore = (count: number) => new Date(in30.getTime() - count * 86_400_000);
  const renew = "renew the kubeconfig";

  test("is open well before, and says who it is until when, and what helm reads otherwise", async () => {
    const differences = ["no certificate authority: the public ones count"];
    expect(await judged({ ...tokenUntil(in30), differences }, daysBefore(30))).toEqual({
      id: "kubeconfig-valid",
      title: "the kubeconfig's certificates and token are valid",
      state: "open",
      detail: `token (${sub}) until 2026-07-15; no certificate authority: the public ones count`,
    });
    expect(await judged(management({ token: "abc" }), now)).toMatchObject({ detail: "nothing of it ends" });
  });

  test.each([
    [29.5, "note", "the kubeconfig's token ends in 29 days, on 2026-07-15", renew],
    [7, "note", "the kubeconfig's token ends in 7 days, on 2026-07-15", renew],
    [6.9, "note", "only 6 days left: the kubeconfig's token ends on 2026-07-15", "renew it now"],
    [1.5, "note", "only 1 day left: the kubeconfig's token ends on 2026-07-15", "renew it now"],
    [0.1, "note", "less than a day left: the kubeconfig's token ends on 2026-07-15", "renew it now"],
    [-0.001, "operator", "the kubeconfig's token ended on 2026-07-15", renew],
    [-400, "operator", "the kubeconfig's token ended on 2026-07-15", renew],
  ])("%d days before the end is closed for: %s", async (days, cure, reason, remedy) => {
    const state = await judged(tokenUntil(in30), daysBefore(days));
    expect(state).toMatchObject({ state: "closed", cure, reason, remedy });
  });

  test("begins when it is told to", async () => {
    expect(await judged(tokenUntil(in30), daysBefore(90), 91)).toMatchObject({
      state: "closed",
      cure: "note",
    });
    expect(await judged(tokenUntil(in30), daysBefore(2), 1)).toMatchObject({ state: "open" });
  });

  test("tells of what ends first, in a line that fits", async () => {
    const short = authority("short", new Date("2026-06-20T00:00:00Z"));
    const certificate = short.issue({ subject: "/CN=magnum", until: in30 });
    const state = await judged(management({ ca: short.cert, certificate }), now);
    const { reason, remedy } = { reason: "", remedy: "", ...state };
    expect(reason).toBe("only 4 days left: the kubeconfig's certificate authority ends on 2026-06-20");
    expect(`${reason}; next: ${remedy}`.length).toBeLessThanOrEqual(100);
  });
});
