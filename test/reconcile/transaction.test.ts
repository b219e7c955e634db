import { describe, expect, test } from "vitest";
import { memoryHost } from "../../src/host/memory-host.ts";
import { type GateResult, type GateState, closed as gateClosed } from "../../src/reconcile/gate.ts";
import type { Outcome } from "../../src/reconcile/report.ts";
import type { Change, ResourceId } from "../../src/reconcile/resource.ts";
import { type Entry, journal, whyNotHeld } from "../../src/reconcile/transaction.ts";

const gate = (id: string, state: GateState): GateResult => ({ id, title: id, ...state });
const shut = (id: string, cure: "operator" | "time" | "note" = "operator") =>
  gate(id, gateClosed(cure, `${id} is closed`, `open ${id}`));
const change = (id: ResourceId): Change => ({
  id,
  action: "update",
  drift: [{ key: "size", observed: 1, desired: 2 }],
});
const done = (id: ResourceId): Outcome => ({ id, outcome: "changed", change: change(id) });
const drifted = (id: ResourceId): Outcome => ({ id, outcome: "drifted", change: change(id) });
const held = (id: ResourceId, ...gates: readonly GateResult[]): Outcome => ({
  id,
  outcome: "held",
  change: change(id),
  gates,
});
const failed = (id: ResourceId): Outcome => ({
  id,
  outcome: "failed",
  change: change(id),
  reason: "disk full",
  remedy: "free space",
  cure: "operator",
});
const deliberate = (id: string) => id.endsWith("-not-stopped");

function why(
  outcomes: readonly Outcome[],
  gates: readonly GateResult[] = [],
  before: readonly string[] = [],
) {
  const report = { mode: "apply", outcomes, gates } as const;
  const isElsewhere = (id: string) => id.startsWith("other-machine-");
  return whyNotHeld(report, { closedBefore: new Set(before), isDeliberate: deliberate, isElsewhere });
}

describe("why a change did not hold", () => {
  test("is nothing where all is changed and every gate is open or a note", () => {
    const gates = [
      gate("a", { state: "open" }),
      shut("b", "note"),
      gate("c", { state: "not checked", reason: "x" }),
    ];
    expect(why([done("file:/x"), { id: "file:/y", outcome: "unchanged" }], gates)).toBeUndefined();
  });

  test("is no resource that failed with a note", () => {
    expect(why([{ ...failed("unit:x"), cure: "note" } as Outcome])).toBeUndefined();
  });

  test("is no gate about another machine, which no way back would open", () => {
    expect(
      why([done("file:/x")], [shut("other-machine-tcp", "time"), shut("other-machine-tls")]),
    ).toBeUndefined();
    expect(why([done("file:/x")], [shut("other-machine-tcp"), shut("b")])).toMatchObject({ source: "b" });
  });

  test("is the resource that failed, before any gate", () => {
    expect(why([done("file:/x"), failed("file:/y")], [shut("a")])).toEqual({
      source: "file:/y",
      reason: "disk full",
      remedy: "free space",
      cure: "operator",
    });
  });

  test.each(["operator", "time"] as const)("is a closed gate that is for %s", (cure) => {
    expect(why([done("file:/x")], [shut("a", cure)])).toMatchObject({ source: "a", cure });
  });

  test("is no gate that was closed before the change", () => {
    expect(why([done("file:/x")], [shut("a"), shut("b")], ["a"])).toMatchObject({ source: "b" });
    expect(why([done("file:/x")], [shut("a")], ["a"])).toBeUndefined();
  });

  test("is a file that something else undid, before the gates that follow from it", () => {
    expect(why([drifted("file:/x")], [shut("a")])).toMatchObject({
      source: "file:/x",
      reason: "it was undone by something else (size)",
    });
  });

  test("is the gate of a service that went down, or the service where no gate says more", () => {
    expect(why([drifted("service:x")], [shut("x-stable")])).toMatchObject({ source: "x-stable" });
    expect(why([drifted("service:x")])).toMatchObject({ source: "service:x" });
  });

  test("is no service that an operator keeps down, nor what is closed because of that", () => {
    const stopped = held("service:x", shut("x-not-stopped"));
    expect(why([done("file:/x"), stopped], [shut("x-stable")])).toBeUndefined();
    expect(why([done("file:/x"), stopped], [shut("y-stable")])).toMatchObject({ source: "y-stable" });
  });

  test("is what else holds a service back", () => {
    const both = held("service:x", shut("x-not-stopped"), shut("driver"));
    expect(why([both])).toMatchObject({ source: "driver", reason: "driver is closed" });
  });
});

describe("the journal of a change", () => {
  const entry: Entry<string> = {
    phase: "switching",
    startedAt: "2026-01-01T00:00:00Z",
    wish: "b",
    running: ["x"],
  };

  test("is for root alone, and gives back what was written last", async () => {
    const host = memoryHost();
    const it = journal<string>("/state/transaction");
    expect(await it.read(host)).toBeUndefined();
    await it.write(host, entry);
    await it.write(host, { ...entry, phase: "committing", before: "a" });
    expect(await it.read(host)).toEqual({ ...entry, phase: "committing", before: "a" });
    expect(await host.fs.stat("/state/transaction")).toMatchObject({ mode: "0700", uid: 0 });
    expect(await host.fs.stat("/state/transaction/journal.json")).toMatchObject({ mode: "0600", uid: 0 });
  });

  test("that is damaged is told by its path, without a word of what it holds", async () => {
    const host = memoryHost({ files: { "/state/journal.json": '{"wish": t0ken-in-it' } });
    const read = journal("/state").read(host);
    await expect(read).rejects.toThrow("/state/journal.json is damaged: it can't be read");
    await expect(read).rejects.toHaveProperty("remedy", "move it away");
    await expect(read).rejects.not.toHaveProperty("stack", expect.stringContaining("t0ken"));
  });

  test("ends with its entry first: copies that a kill leaves are nobody's", async () => {
    const host = memoryHost();
    const it = journal<string>("/state/transaction");
    await it.write(host, entry);
    await host.fs.write("/state/transaction/copy", "x", { mode: "0600", uid: 0, gid: 0 });
    const removeTree = () => Promise.reject(new Error("killed"));
    await expect(it.end({ ...host, fs: { ...host.fs, removeTree } })).rejects.toThrow("killed");
    expect(await it.read(host)).toBeUndefined();
    await it.end(host);
    expect(await host.fs.stat("/state/transaction")).toBeUndefined();
  });
});
