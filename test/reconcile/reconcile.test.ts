import { describe, expect, test } from "vitest";
import { HostFault } from "../../src/host/host.ts";
import { closed, type Gate, open } from "../../src/reconcile/gate.ts";
import { allGates, type Progress, reconcile } from "../../src/reconcile/reconcile.ts";
import type { Outcome } from "../../src/reconcile/report.ts";
import { toyMachine } from "../support/toy-machine.ts";

const outcomes = (report: { readonly outcomes: readonly Outcome[] }) =>
  report.outcomes.map(({ id, outcome }) => `${id} ${outcome}`);

describe("notes", () => {
  const note = (state: "open" | "closed"): Gate => ({
    id: `note-${state}`,
    title: state,
    check: async () => (state === "open" ? open() : closed("note", "left by hand", "rm it")),
  });
  const ids = (gates: readonly { readonly id: string }[]) => gates.map(({ id }) => id);

  test("that are closed are in a plan where something differs; all are where nothing does, and after an apply", async () => {
    const { host, toy, gate } = toyMachine({ "t:a": { a: 1 } });
    const desired = {
      resources: [toy("t:a", { a: 2 })],
      exitGates: [gate("last")],
      notes: [note("open"), note("closed")],
    };
    expect(ids((await reconcile(host, desired, "plan")).gates)).toEqual(["note-closed"]);
    expect(ids((await reconcile(host, desired, "apply")).gates)).toEqual([
      "last",
      "note-open",
      "note-closed",
    ]);
    expect(ids((await reconcile(host, desired, "plan")).gates)).toEqual(["last", "note-open", "note-closed"]);
    expect(ids(allGates(desired))).toEqual(["last", "note-open", "note-closed"]);
  });
});

describe("a plan", () => {
  test("says what differs and changes nothing", async () => {
    const { host, toy, gate, events, applied, now } = toyMachine({ "t:b": { a: 2 } });
    const resources = [
      toy("t:a", { a: 1 }, { preflight: [gate("before")], gates: [gate("just-before")] }),
      toy("t:b", { a: 2 }),
    ];
    const report = await reconcile(host, { resources, exitGates: [gate("exit")] }, "plan");
    expect(outcomes(report)).toEqual(["t:a drifted", "t:b unchanged"]);
    expect(report).toMatchObject({ mode: "plan", gates: [] });
    expect(applied()).toEqual([]);
    expect(events.filter((event) => event.startsWith("judge"))).toEqual([]);
    expect([...now.keys()]).toEqual(["t:b"]);
  });

  test("that finds nothing to do judges what must hold at the end", async () => {
    const { host, toy, gate } = toyMachine({ "t:a": { a: 1 } });
    const exitGates = [gate("exit", closed("operator", "no", "do"))];
    const report = await reconcile(host, { resources: [toy("t:a", { a: 1 })], exitGates }, "plan");
    expect(outcomes(report)).toEqual(["t:a unchanged"]);
    expect(report.gates).toMatchObject([{ id: "exit", state: "closed" }]);
  });

  test("shows a resource that follows from another one as drifted", async () => {
    const { host, toy } = toyMachine({ "t:b": { b: 1 } });
    const resources = [toy("t:a", { a: 1 }), toy("t:b", { b: 1 }, { follows: ["t:a"] })];
    expect(outcomes(await reconcile(host, { resources, exitGates: [] }, "plan"))).toEqual([
      "t:a drifted",
      "t:b drifted",
    ]);
  });
});

describe("an apply", () => {
  test("changes what differs, in order, and then judges what must hold at the end", async () => {
    const { host, toy, gate, events, now } = toyMachine({ "t:b": { a: 1 }, "t:gone": { a: 1 } });
    const resources = [
      toy("t:z", { a: 1 }),
      toy("t:b", { a: 1 }),
      toy("t:a", { a: 1 }),
      toy("t:gone", "absent"),
    ];
    const report = await reconcile(host, { resources, exitGates: [gate("exit")] }, "apply");
    expect(outcomes(report)).toEqual(["t:z changed", "t:b unchanged", "t:a changed", "t:gone changed"]);
    expect(events.filter((event) => !event.startsWith("observe"))).toEqual([
      "apply t:z",
      "apply t:a",
      "apply t:gone",
      "judge exit",
    ]);
    expect([...now.keys()].sort()).toEqual(["t:a", "t:b", "t:z"]);
  });

  test("a second time finds nothing to do, applies nothing, and still judges the end", async () => {
    const { host, toy, gate, applied } = toyMachine();
    const desired = { resources: [toy("t:a", { a: 1 })], exitGates: [gate("exit")] };
    await reconcile(host, desired, "apply");
    const report = await reconcile(host, desired, "apply");
    expect(outcomes(report)).toEqual(["t:a unchanged"]);
    expect(report.gates).toMatchObject([{ id: "exit", state: "open" }]);
    expect(applied()).toEqual(["apply t:a"]);
  });

  test("looks again after an apply, and does not believe one that did not hold", async () => {
    const { host, toy, gate, now } = toyMachine({ "t:a": { a: 1, b: "was" } });
    const broken = toy(
      "t:a",
      { a: 2, b: "is" },
      { apply: async () => void now.set("t:a", { a: 2, b: "was" }) },
    );
    const report = await reconcile(host, { resources: [broken], exitGates: [gate("exit")] }, "apply");
    expect(report).toEqual({
      mode: "apply",
      outcomes: [
        {
          id: "t:a",
          outcome: "failed",
          change: { id: "t:a", action: "update", drift: [{ key: "b", observed: "was", desired: "is" }] },
          reason: "t:a was applied and did not hold: b is was",
          remedy: "find out what else writes it",
          cure: "operator",
        },
      ],
      gates: [],
    });
  });

  test("tells the parts of the change to the resource and to whoever watches, before it is applied", async () => {
    const { host, toy, events } = toyMachine({ "t:a": { a: 1 } });
    const progress: (Progress & { readonly at: number })[] = [];
    await reconcile(
      host,
      { resources: [toy("t:a", { a: 2 })], exitGates: [] },
      "apply",
      (it) => void progress.push({ ...it, at: events.length }),
    );
    const change = { id: "t:a", action: "update", drift: [{ key: "a", observed: 1, desired: 2 }] };
    expect(progress.map(({ step }) => step)).toEqual(["planned", "applying"]);
    expect(progress[0]).toMatchObject({ changes: [change] });
    expect(progress[1]).toMatchObject({ change });
    expect(events.indexOf("apply t:a")).toBe(progress[1]?.at);
  });

  test("tells whoever watches what a gate waits for, before a resource is applied and at the end", async () => {
    const { host, toy } = toyMachine({ "t:a": { a: 1 } });
    const gate = (id: string): Gate => ({
      id,
      title: id,
      check: async (_host, say) => {
        say?.(`waiting for ${id}`);
        return open();
      },
    });
    const texts: string[] = [];
    await reconcile(
      host,
      { resources: [toy("t:a", { a: 2 }, { gates: [gate("helm")] })], exitGates: [gate("rest")] },
      "apply",
      (it) => void (it.step === "waiting" && texts.push(it.text)),
    );
    expect(texts).toEqual(["waiting for helm", "waiting for rest"]);
  });

  test("sees what an earlier resource did, not what was there at the beginning", async () => {
    const { host, toy, now, applied } = toyMachine({ "t:b": { a: 1 } });
    const both = toy(
      "t:a",
      { a: 1 },
      {
        apply: async () => {
          now.set("t:a", { a: 1 });
          now.set("t:b", { a: "spoilt" });
        },
      },
    );
    const report = await reconcile(host, { resources: [both, toy("t:b", { a: 1 })], exitGates: [] }, "apply");
    expect(outcomes(report)).toEqual(["t:a changed", "t:b changed"]);
    expect(applied()).toEqual(["apply t:a", "apply t:b"]);
  });
});

describe("a resource that fails with a note", () => {
  test("stops nothing after it, and is told", async () => {
    const { host, toy, gate, applied } = toyMachine();
    const fails = toy(
      "t:a",
      { a: 1 },
      {
        apply: async () => {
          throw new HostFault("no watch", { cure: "note", remedy: "look" });
        },
      },
    );
    const desired = { resources: [fails, toy("t:b", { b: 1 })], exitGates: [gate("exit")] };
    const report = await reconcile(host, desired, "apply");
    expect(outcomes(report)).toEqual(["t:a failed", "t:b changed"]);
    expect(applied()).toEqual(["apply t:a", "apply t:b"]);
    expect(report.gates.map(({ id }) => id)).toEqual(["exit"]);
  });
});

describe("the end of an apply", () => {
  test("waits for the services to be at rest, then looks at all of it once more, and judges the rest", async () => {
    const { host, toy, gate, events } = toyMachine({ "t:b": { a: 1 } });
    const desired = {
      resources: [toy("t:a", { a: 1 }), toy("t:b", { a: 1 })],
      settleGates: [gate("stable")],
      exitGates: [gate("exit")],
    };
    const settled = async () => void events.push("settled");
    const report = await reconcile(host, desired, "apply", () => {}, { settled });
    expect(report.gates.map(({ id }) => id)).toEqual(["stable", "exit"]);
    const end = events.slice(events.indexOf("apply t:a") + 1);
    expect(end.slice(0, end.indexOf("judge stable"))).toEqual(["observe t:a", "observe t:b"]);
    const last = end.slice(end.indexOf("judge stable"));
    expect(last.slice(0, 2)).toEqual(["judge stable", "settled"]);
    expect(last.slice(2).toSorted()).toEqual(["judge exit", "observe t:a", "observe t:b"]);
  });

  test("finds what was undone meanwhile, changed by us or not", async () => {
    const { host, toy, gate, now } = toyMachine({ "t:b": { a: 1 } });
    const stable = gate("stable", async () => {
      now.set("t:a", { a: "undone" });
      now.set("t:b", { a: "undone" });
      return { state: "open" };
    });
    const resources = [toy("t:a", { a: 1 }), toy("t:b", { a: 1 }), toy("t:c", { a: 1 })];
    const report = await reconcile(host, { resources, settleGates: [stable], exitGates: [] }, "apply");
    expect(outcomes(report)).toEqual(["t:a drifted", "t:b drifted", "t:c changed"]);
    expect(report.outcomes[0]).toMatchObject({
      change: { drift: [{ key: "a", observed: "undone", desired: 1 }] },
    });
  });

  test("leaves what is held as held", async () => {
    const { host, toy, gate } = toyMachine();
    const no = gate("not-paused", closed("note", "paused", "resume"));
    const resources = [toy("t:a", { a: 1 }, { gates: [no] })];
    const report = await reconcile(host, { resources, exitGates: [] }, "apply");
    expect(outcomes(report)).toEqual(["t:a held"]);
  });

  test("is not reached by a plan, by a run that is refused, nor by one that fails", async () => {
    const { host, toy, gate, now } = toyMachine();
    const no = gate("fetched", closed("time", "no", "wait"));
    const idle = toy("t:a", { a: 1 }, { apply: async () => void now.delete("t:a") });
    let count = 0;
    const settled = async () => {
      count += 1;
    };
    const walk = async (mode: "plan" | "apply", resource: typeof idle) =>
      await reconcile(host, { resources: [resource], exitGates: [] }, mode, () => {}, { settled });
    await walk("plan", toy("t:a", { a: 1 }));
    await walk("apply", toy("t:a", { a: 1 }, { preflight: [no] }));
    await walk("apply", idle);
    expect(count).toBe(0);
    await walk("apply", toy("t:a", { a: 1 }));
    expect(count).toBe(1);
  });

  test("is in a plan that finds nothing to do as well: all of its gates", async () => {
    const { host, toy, gate } = toyMachine({ "t:a": { a: 1 } });
    const desired = {
      resources: [toy("t:a", { a: 1 })],
      settleGates: [gate("stable")],
      exitGates: [gate("exit")],
    };
    expect((await reconcile(host, desired, "plan")).gates.map(({ id }) => id)).toEqual(["stable", "exit"]);
    expect(allGates(desired).map(({ id }) => id)).toEqual(["stable", "exit"]);
    expect(allGates({ resources: [], exitGates: [gate("exit")] })).toHaveLength(1);
  });
});

describe("a closed preflight gate", () => {
  test("refuses the whole run: nothing is applied, and what differs is skipped", async () => {
    const { host, toy, gate, applied } = toyMachine({ "t:c": { a: 1 } });
    const no = gate("fetched", closed("time", "the mirror is down", "wait"));
    const resources = [
      toy("t:a", { a: 1 }),
      toy("t:b", { a: 1 }, { preflight: [gate("fine"), no] }),
      toy("t:c", { a: 1 }),
    ];
    const report = await reconcile(host, { resources, exitGates: [gate("exit")] }, "apply");
    expect(outcomes(report)).toEqual(["t:a skipped", "t:b skipped", "t:c unchanged"]);
    expect(report.outcomes[0]).toMatchObject({ because: "nothing is written while fetched is closed" });
    expect(report.gates.map(({ id, state }) => `${id} ${state}`)).toEqual(["fine open", "fetched closed"]);
    expect(applied()).toEqual([]);
  });

  test("is not even judged for a resource that is in line", async () => {
    const { host, toy, gate, events } = toyMachine({ "t:b": { a: 1 } });
    const no = gate("fetched", closed("time", "the mirror is down", "wait"));
    const resources = [toy("t:a", { a: 1 }), toy("t:b", { a: 1 }, { preflight: [no] })];
    const report = await reconcile(host, { resources, exitGates: [] }, "apply");
    expect(outcomes(report)).toEqual(["t:a changed", "t:b unchanged"]);
    expect(events).not.toContain("judge fetched");
  });
});

describe("before the first write", () => {
  async function walked(policy: "change" | "heal", preflight: Gate["check"] = async () => open()) {
    const { host, toy, events } = toyMachine();
    const told = (name: string) => async () => void events.push(name);
    const resource = toy(
      "t:a",
      { a: 1 },
      { preflight: [{ id: "before", title: "before", check: preflight }] },
    );
    const proof: Gate = {
      id: "proof",
      title: "proof",
      check: async () => {
        events.push("prove");
        return open();
      },
    };
    const desired = { resources: [resource], exitGates: [], stage: async () => [proof] };
    const walk = { policy, look: told("look"), begin: told("begin") };
    await reconcile(host, desired, "apply", undefined, walk);
    return events.filter((it) => !it.startsWith("observe"));
  }

  test("of a change it is proved, and looked at how things are", async () => {
    const [first, second, ...rest] = await walked("change");
    expect([first, second].toSorted()).toEqual(["look", "prove"]);
    expect(rest).toEqual(["begin", "apply t:a"]);
  });

  test("of a change that may not begin nobody looks", async () => {
    expect(await walked("change", async () => closed("time", "no", "wait"))).toEqual([]);
  });

  test("of a repair nobody looks", async () => {
    expect(await walked("heal")).toEqual(["begin", "apply t:a"]);
  });
});

describe("a closed gate of a resource", () => {
  test("holds that one alone back, and the end is judged", async () => {
    const { host, toy, gate, applied } = toyMachine();
    const no = gate("not-paused", closed("note", "paused", "resume"));
    const resources = [
      toy("t:a", { a: 1 }),
      toy("t:b", { a: 1 }, { gates: [gate("fine"), no] }),
      toy("t:c", { a: 1 }),
    ];
    const report = await reconcile(host, { resources, exitGates: [gate("exit")] }, "apply");
    expect(outcomes(report)).toEqual(["t:a changed", "t:b held", "t:c changed"]);
    expect(report.outcomes[1]).toMatchObject({ gates: [{ id: "not-paused", state: "closed" }] });
    expect(report.gates).toMatchObject([{ id: "exit" }]);
    expect(applied()).toEqual(["apply t:a", "apply t:c"]);
  });

  test("is judged when the resources before it are in place", async () => {
    const { host, toy, gate, events } = toyMachine();
    const resources = [toy("t:a", { a: 1 }), toy("t:b", { a: 1 }, { gates: [gate("ready")] })];
    await reconcile(host, { resources, exitGates: [] }, "apply");
    expect(events.filter((event) => !event.startsWith("observe"))).toEqual([
      "apply t:a",
      "judge ready",
      "apply t:b",
    ]);
  });

  test("is not judged for a resource that is in line", async () => {
    const { host, toy, gate } = toyMachine({ "t:b": { a: 1 } });
    const no = gate("ready", closed("operator", "no", "do"));
    const resources = [toy("t:a", { a: 1 }), toy("t:b", { a: 1 }, { gates: [no] })];
    const report = await reconcile(host, { resources, exitGates: [] }, "apply");
    expect(outcomes(report)).toEqual(["t:a changed", "t:b unchanged"]);
  });
});

describe("a fault of the machine", () => {
  const full = () =>
    Promise.reject(new HostFault("failed to write /x: ENOSPC", { cure: "time", remedy: "free space" }));

  test("in an apply stops the resources after it and is data in the report", async () => {
    const { host, toy, gate, applied } = toyMachine({ "t:c": { a: 1 } });
    const resources = [
      toy("t:a", { a: 1 }),
      toy("t:b", { a: 1 }, { apply: full }),
      toy("t:c", { a: 1 }),
      toy("t:d", { a: 1 }),
    ];
    const report = await reconcile(host, { resources, exitGates: [gate("exit")] }, "apply");
    expect(outcomes(report)).toEqual(["t:a changed", "t:b failed", "t:c unchanged", "t:d skipped"]);
    expect(report.outcomes[1]).toMatchObject({
      reason: "failed to write /x: ENOSPC",
      remedy: "free space",
      cure: "time",
    });
    expect(report.outcomes[3]).toMatchObject({ because: "t:b failed" });
    expect(report.gates).toEqual([]);
    expect(applied()).toEqual(["apply t:a", "apply t:b"]);
  });

  test("in a preflight gate refuses the run", async () => {
    const { host, toy, gate, applied } = toyMachine();
    const resources = [toy("t:a", { a: 1 }, { preflight: [gate("fetched", full)] })];
    const report = await reconcile(host, { resources, exitGates: [] }, "apply");
    expect(outcomes(report)).toEqual(["t:a skipped"]);
    expect(report.gates).toMatchObject([
      { id: "fetched", state: "closed", cure: "time", remedy: "free space" },
    ]);
    expect(applied()).toEqual([]);
  });

  test("is told from a defect of this program, which is thrown on", async () => {
    const { host, toy, applied } = toyMachine();
    const defect = new TypeError("not a function");
    const resources = [toy("t:a", { a: 1 }, { apply: () => Promise.reject(defect) }), toy("t:b", { a: 1 })];
    await expect(reconcile(host, { resources, exitGates: [] }, "apply")).rejects.toBe(defect);
    expect(applied()).toEqual(["apply t:a"]);
  });
});
