import { describe, expect, test } from "vitest";
import type { Cure } from "../../src/host/host.ts";
import type { GateResult } from "../../src/reconcile/gate.ts";
import { changesOf, inLine, type Outcome, type Report, troubles } from "../../src/reconcile/report.ts";
import type { Change, ResourceId } from "../../src/reconcile/resource.ts";

const change = (id: ResourceId): Change => ({ id, action: "update", drift: [] });

const gateOf = (id: string, cure?: Cure): GateResult =>
  cure === undefined
    ? { id, title: id, state: "open" }
    : { id, title: id, state: "closed", cure, reason: `${id} is closed`, remedy: `open ${id}` };

const is = {
  unchanged: { id: "t:unchanged", outcome: "unchanged" },
  changed: { id: "t:changed", outcome: "changed", change: change("t:changed") },
  drifted: { id: "t:drifted", outcome: "drifted", change: change("t:drifted") },
  skipped: { id: "t:skipped", outcome: "skipped", change: change("t:skipped"), because: "t:failed failed" },
} as const satisfies Record<string, Outcome>;

const failed = (cure: Cure, id: ResourceId = "t:failed"): Outcome => ({
  id,
  outcome: "failed",
  change: change(id),
  reason: `${id} broke`,
  remedy: `mend ${id}`,
  cure,
});
const held = (...cures: Cure[]): Outcome => ({
  id: "t:held",
  outcome: "held",
  change: change("t:held"),
  gates: cures.map((cure) => gateOf(`${cure}-gate`, cure)),
});

const report = (outcomes: readonly Outcome[], gates: readonly GateResult[] = []): Report => ({
  mode: "apply",
  outcomes,
  gates,
});

describe("the troubles of a report", () => {
  test("are none when nothing failed, nothing is held and no gate is closed", () => {
    expect(troubles(report([is.unchanged, is.changed, is.drifted], [gateOf("fine")]))).toEqual([]);
  });

  test("come with whose turn it is, where they come from, why, and the next step", () => {
    expect(troubles(report([failed("operator")], [gateOf("slow", "time")]))).toEqual([
      { cure: "operator", source: "t:failed", reason: "t:failed broke", remedy: "mend t:failed" },
      { cure: "time", source: "slow", reason: "slow is closed", remedy: "open slow" },
    ]);
  });

  test("are ordered by who has to act, and else by where they are in the report", () => {
    const gates = [
      gateOf("n", "note"),
      gateOf("t", "time"),
      gateOf("o2", "operator"),
      gateOf("o3", "operator"),
    ];
    const found = troubles(report([held("note", "time"), failed("operator", "t:o1")], gates));
    expect(found.map(({ source }) => source)).toEqual([
      "t:o1",
      "o2",
      "o3",
      "time-gate",
      "t",
      "note-gate",
      "n",
    ]);
  });

  test("are listed once though a gate held a resource and is closed at the end", () => {
    expect(troubles(report([held("time")], [gateOf("time-gate", "time")]))).toHaveLength(1);
  });

  test("take a gate of several resources at its worst", () => {
    const fuse = (cure: Cure): Outcome => ({ ...held(), gates: [gateOf("fuse", cure)] }) as Outcome;
    expect(troubles(report([fuse("time"), fuse("operator")]))).toMatchObject([{ cure: "operator" }]);
  });
});

describe("a machine", () => {
  test.each([
    ["nothing to do", [is.unchanged], []],
    ["all that differed changed", [is.changed, is.unchanged], [gateOf("fine")]],
    ["a gate that is not checked", [], [{ id: "g", title: "g", state: "not checked", reason: "later" }]],
    ["a closed gate that is only noted", [is.unchanged], [gateOf("paused", "note")]],
    ["something held by what is only noted", [held("note")], []],
  ] as [string, Outcome[], GateResult[]][])("is in line with %s", (_, outcomes, gates) => {
    expect(inLine(report(outcomes, gates))).toBe(true);
  });

  test.each([
    ["a drift", [is.drifted], []],
    ["something failed", [failed("operator")], []],
    ["something failed that time cures", [failed("time")], []],
    ["something skipped", [is.skipped], []],
    ["something held for the operator", [held("operator")], []],
    ["something held by a note and by time", [held("note", "time")], []],
    ["a drift beside something held by a note", [held("note"), is.drifted], []],
    ["a gate closed for the operator", [is.changed], [gateOf("g", "operator")]],
    ["a gate closed until time cures it", [is.changed], [gateOf("g", "time")]],
  ] as [string, Outcome[], GateResult[]][])("is not in line with %s", (_, outcomes, gates) => {
    expect(inLine(report(outcomes, gates))).toBe(false);
  });
});

test("the changes of a report are those of every resource that differed, in order", () => {
  const all = [is.changed, is.unchanged, held("note"), failed("time"), is.skipped, is.drifted];
  expect(changesOf(report(all)).map(({ id }) => id)).toEqual([
    "t:changed",
    "t:held",
    "t:failed",
    "t:skipped",
    "t:drifted",
  ]);
});
