import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { planAll, planChange } from "../../src/reconcile/plan.ts";
import type { Change, Resource, ResourceId, State } from "../../src/reconcile/resource.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

function wanting(desired: State | "absent", more: Partial<Resource> = {}): Resource {
  return { id: "toy:one", desired, observe: async () => "absent", apply: async () => {}, ...more };
}

const states = fc.dictionary(
  fc.constantFrom("a", "b", "c", "mode", "sha256"),
  fc.oneof(fc.constantFrom("x", "y", ""), fc.integer({ min: 0, max: 2 }), fc.boolean()),
);
const maybe = fc.oneof({ weight: 5, arbitrary: states }, fc.constant("absent" as const));

/** What a machine looks like when exactly the drift was repaired. */
function repaired(observed: State | "absent", change: Change): State | "absent" {
  if (change.action === "delete") return "absent";
  const before = observed === "absent" ? {} : observed;
  const entries = change.drift.flatMap(({ key, desired }) => (desired === undefined ? [] : [[key, desired]]));
  return { ...before, ...Object.fromEntries(entries) };
}

describe("the plan for one resource", () => {
  test("is empty when what is desired is there, whatever else is", () => {
    fc.assert(
      fc.property(states, states, (desired, more) => {
        expect(planChange(wanting(desired), { ...more, ...desired })).toBeUndefined();
      }),
    );
    expect(planChange(wanting("absent"), "absent")).toBeUndefined();
  });

  test("repaired as its drift says, leaves nothing to plan", () => {
    fc.assert(
      fc.property(maybe, maybe, (desired, observed) => {
        const resource = wanting(desired);
        const change = planChange(resource, observed);
        const after = change === undefined ? observed : repaired(observed, change);
        expect(planChange(resource, after)).toBeUndefined();
      }),
    );
  });

  test("names the keys that differ, with old and new, and no other", () => {
    fc.assert(
      fc.property(states, states, (desired, observed) => {
        const drift = planChange(wanting(desired), observed)?.drift ?? [];
        const differing = Object.keys(desired).filter((key) => desired[key] !== observed[key]);
        expect(drift.map(({ key }) => key)).toEqual(differing);
        for (const it of drift) {
          expect([it.observed, it.desired]).toEqual([observed[it.key], desired[it.key]]);
        }
      }),
    );
  });

  test("tells a create from an update from a delete", () => {
    expect(planChange(wanting({ mode: "0644" }), "absent")).toEqual({
      id: "toy:one",
      action: "create",
      drift: [{ key: "mode", observed: undefined, desired: "0644" }],
    });
    expect(planChange(wanting({ mode: "0644", a: 1 }), { mode: "0600", a: 1, more: true })).toEqual({
      id: "toy:one",
      action: "update",
      drift: [{ key: "mode", observed: "0600", desired: "0644" }],
    });
    expect(planChange(wanting("absent"), { mode: "0600" })).toEqual({
      id: "toy:one",
      action: "delete",
      drift: [{ key: "mode", observed: "0600", desired: undefined }],
    });
  });

  test("takes a number and its text for different", () => {
    expect(planChange(wanting({ a: 1 }), { a: "1" })?.drift).toEqual([
      { key: "a", observed: "1", desired: 1 },
    ]);
  });

  test("creates even what has no keys", () => {
    expect(planChange(wanting({}), "absent")).toEqual({ id: "toy:one", action: "create", drift: [] });
  });
});

describe("the plan for all resources", () => {
  const named = (id: ResourceId, ...follows: ResourceId[]) => wanting({ a: 1 }, { id, follows });
  const planned = (resources: readonly Resource[], observed: readonly (State | "absent")[]) =>
    planAll(resources, observed).map(({ id }) => id);

  test("keeps their order and leaves out what is in line", () => {
    const resources = [named("t:z"), named("t:a"), named("t:m")];
    expect(planned(resources, ["absent", { a: 1 }, { a: 2 }])).toEqual(["t:z", "t:m"]);
  });

  test("has what follows from a change, and says from which", () => {
    const resources = [named("t:driver"), named("t:helm"), named("t:service", "t:driver", "t:helm")];
    expect(planAll(resources, ["absent", { a: 1 }, { a: 1 }])[1]).toEqual({
      id: "t:service",
      action: "update",
      drift: [{ key: "inputs", observed: "current", desired: "current after t:driver" }],
    });
  });

  test("has what follows from what follows", () => {
    const resources = [named("t:a"), named("t:b", "t:a"), named("t:c", "t:b")];
    expect(planned(resources, ["absent", { a: 1 }, { a: 1 }])).toEqual(["t:a", "t:b", "t:c"]);
  });

  test("is empty when nothing changes, follow what may", () => {
    expect(planned([named("t:a"), named("t:b", "t:a")], [{ a: 1 }, { a: 1 }])).toEqual([]);
  });

  test("shows the resource's own drift where it has some, not that it follows", () => {
    const changes = planAll([named("t:a"), named("t:b", "t:a")], ["absent", { a: 2 }]);
    expect(changes[1]?.drift).toEqual([{ key: "a", observed: 2, desired: 1 }]);
  });

  test("takes what was not observed for absent", () => {
    expect(planAll([named("t:a")], [])[0]?.action).toBe("create");
  });
});
