import { describe, expect, test } from "vitest";
import type { Ending } from "../../src/conductor/graft.ts";
import type { Hold } from "../../src/conductor/hold.ts";
import type { Cure } from "../../src/host/host.ts";
import { statusFor } from "../../src/juju/status.ts";
import type { GateResult } from "../../src/reconcile/gate.ts";
import type { Outcome } from "../../src/reconcile/report.ts";

type Reported = Extract<Ending, { readonly end: "report" }>;

function reported(outcomes: readonly Outcome[], gates: readonly GateResult[] = []): Reported {
  const config = { "driver-version": "1.4.0" } as Reported["config"];
  const parts = { config, unit: {} as Reported["unit"] };
  return { end: "report", report: { mode: "apply", outcomes, gates }, ...parts };
}

const change = { id: "t:a", action: "update", drift: [] } as const;
const fine: Outcome = { id: "t:fine", outcome: "unchanged" };
const changed: Outcome = { id: "t:a", outcome: "changed", change };
const failed = (cure: Cure, reason: string, remedy = ""): Outcome => ({
  id: "t:a",
  outcome: "failed",
  change,
  reason,
  remedy,
  cure,
});
const closed = (cure: Cure, id: string): GateResult => ({
  id,
  title: id,
  state: "closed",
  cure,
  reason: `${id} is closed`,
  remedy: `open ${id}`,
});
const refused = (value: string): Ending => ({
  end: "refused",
  refusals: [
    { option: "chart-version", value, accepted: "an exact version" },
    { option: "helm-url", value: "x", accepted: "a URL" },
  ],
});
const onlyLooked = (outcomes: readonly Outcome[], gates: readonly GateResult[] = []): Ending => ({
  ...reported(outcomes),
  report: { mode: "plan", outcomes, gates },
});
const hold: Hold = {
  kind: "reverted",
  at: "2026-01-01T00:00:00Z",
  wanted: { options: {}, kubeconfig: "" },
  source: "g",
  reason: "g is closed",
  remedy: "open g",
  cure: "operator",
};
const restart = "next: run the action restart-services";
const deferred = (name: string): Outcome => ({
  id: `service:${name}`,
  outcome: "held",
  change,
  gates: [closed("note", `${name}-restart-deferred`)],
});
const missing = "/etc/init.d/magnum-conductor is not there";

describe("the status of a unit", () => {
  test.each<[string, Ending, string, string]>([
    ["all is in line", reported([fine]), "active", "Unit is ready"],
    ["a restart is deferred", reported([fine, deferred("a")]), "active", `restart deferred: a; ${restart}`],
    [
      "restarts are deferred, beside other notes",
      {
        ...reported([deferred("a"), deferred("b")], [closed("note", "g")]),
        hold: { ...hold, kind: "rollback", cure: "note", reason: "rolled back" },
      },
      "active",
      `restart deferred: a, b; ${restart}`,
    ],
    [
      "a restart is deferred, and a gate is closed",
      reported([deferred("a")], [closed("operator", "o")]),
      "blocked",
      "o is closed; next: open o",
    ],
    [
      "a restart is deferred, and something else differs",
      reported([deferred("a"), { id: "t:a", outcome: "drifted", change }]),
      "waiting",
      "not in line yet: capi-graft plan says why",
    ],
    [
      "a restart is deferred, and self-heal is off",
      onlyLooked([fine, deferred("a")]),
      "active",
      `restart deferred: a; ${restart}`,
    ],
    ["all that differed was changed", reported([fine, changed]), "active", "Unit is ready"],
    ["another run is at work", { end: "busy" }, "waiting", "another run of capi-graft is at work"],
    [
      "Magnum is not there",
      { end: "no-conductor", missing },
      "waiting",
      `waiting for magnum-conductor to be installed: ${missing}`,
    ],
    [
      "an option is refused",
      refused("latest"),
      "blocked",
      "chart-version: latest; accepted: an exact version",
    ],
    ["an option is empty", refused(""), "blocked", "chart-version is empty; accepted: an exact version"],
    [
      "a resource failed",
      reported([failed("operator", "disk full", "free space")]),
      "blocked",
      "disk full; next: free space",
    ],
    [
      "time cures what failed",
      reported([failed("time", "mirror down", "wait")]),
      "waiting",
      "mirror down; next: wait",
    ],
    ["nobody knows a next step", reported([failed("operator", "broken")]), "blocked", "broken"],
    ["a gate is closed", reported([fine], [closed("operator", "g")]), "blocked", "g is closed; next: open g"],
    ["time opens a gate", reported([fine], [closed("time", "g")]), "waiting", "g is closed; next: open g"],
    ["a gate is only noted", reported([fine], [closed("note", "g")]), "active", "g is closed; next: open g"],
    [
      "several gates are closed, the worst",
      reported([fine], [closed("note", "n"), closed("time", "t"), closed("operator", "o")]),
      "blocked",
      "o is closed; next: open o",
    ],
    [
      "a resource is held",
      reported([{ id: "t:a", outcome: "held", change, gates: [closed("time", "g")] }]),
      "waiting",
      "g is closed; next: open g",
    ],
    [
      "something differs and nobody knows why",
      reported([{ id: "t:a", outcome: "drifted", change }]),
      "waiting",
      "not in line yet: capi-graft plan says why",
    ],
    [
      "something differs, and a gate is only noted",
      reported([{ id: "t:a", outcome: "drifted", change }], [closed("note", "g")]),
      "waiting",
      "not in line yet: capi-graft plan says why",
    ],
    [
      "self-heal is off and one thing drifted",
      onlyLooked([fine, { id: "file:/etc/x", outcome: "drifted", change }], [closed("note", "g")]),
      "blocked",
      "drifted, self-heal off: /etc/x; next: run the action apply",
    ],
    [
      "self-heal is off and several things drifted",
      onlyLooked(["t:a", "t:b", "t:c"].map((id) => ({ id: id as "t:a", outcome: "drifted", change }))),
      "blocked",
      "drifted, self-heal off: a and 2 more; next: run the action apply",
    ],
    ["self-heal is off and nothing drifted", onlyLooked([fine]), "active", "Unit is ready"],
    [
      "a change was taken back",
      { ...reported([failed("operator", "x")]), back: { mode: "apply", outcomes: [fine], gates: [] }, hold },
      "blocked",
      "reverted, g: g is closed; next: open g",
    ],
    [
      "a change was taken back because of what time cures",
      { ...reported([failed("time", "x")]), hold: { ...hold, cure: "time" } },
      "waiting",
      "reverted, g: g is closed; next: open g",
    ],
    [
      "a change that was taken back is not tried again, on a unit without an earlier one",
      { end: "held", hold },
      "blocked",
      "reverted, g: g is closed; next: open g",
    ],
    [
      "it was rolled back",
      { ...reported([fine]), hold: { ...hold, kind: "rollback", cure: "note", reason: "rolled back" } },
      "active",
      "rolled back; next: open g",
    ],
    [
      "it was rolled back and something is in the way",
      {
        ...reported([fine], [closed("operator", "o")]),
        hold: { ...hold, kind: "rollback", cure: "note", reason: "rolled back" },
      },
      "blocked",
      "o is closed; next: open o",
    ],
    [
      "a gate is not checked",
      reported([fine], [{ id: "g", title: "g", state: "not checked", reason: "later" }]),
      "active",
      "Unit is ready",
    ],
  ])("when %s", (_, ending, status, message) => {
    expect(statusFor(ending)).toEqual({ status, message });
  });

  test.each([
    ["1.3.0", "driver 1.3.0 is older than the default; next: set driver-version=1.4.0"],
    ["1.4.0", "Unit is ready"],
    ["1.10.0", "Unit is ready"],
  ])("names the driver %s as a holding state where it is older than the default", (version, message) => {
    const config = { "driver-version": version } as Reported["config"];
    expect(statusFor({ ...reported([fine]), config })).toEqual({ status: "active", message });
  });

  test("names a wheel to attach where the older driver came out of one", () => {
    const attached = { "driver-wheel": { version: "1.3.0" } };
    const config = { "driver-version": "1.3.0", attached } as unknown as Reported["config"];
    expect(statusFor({ ...reported([fine]), config }).message).toBe(
      "driver 1.3.0 is older than the default; next: attach a wheel of 1.4.0",
    );
  });

  test("has a rollback say that the driver is an older one", () => {
    const back: Hold = { ...hold, kind: "rollback", cure: "note", reason: "rolled back" };
    const config = { "driver-version": "1.3.0" } as Reported["config"];
    expect(statusFor({ ...reported([fine]), config, hold: back }).message).toBe("rolled back; next: open g");
  });
});

test("a change of which nothing was written names the gate that refused it", () => {
  const skipped: Outcome = { id: "t:a", outcome: "skipped", change, because: "a gate" };
  expect(statusFor(reported([skipped, fine], [closed("operator", "show-args")]))).toEqual({
    status: "blocked",
    message: "not changed, show-args: show-args is closed; next: open show-args",
  });
});
