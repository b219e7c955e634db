import { expect, test } from "vitest";
import { HostFault } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { closed, open } from "../../src/reconcile/gate.ts";
import { repairQuick, withRepaired } from "../../src/reconcile/quick.ts";
import type { Resource } from "../../src/reconcile/resource.ts";

/** A resource that is off until it is applied, and writes down what is done with it. */
function subject(id: `t:${string}`, done: string[], more: Partial<Resource> = {}): Resource {
  let on = false;
  return {
    id,
    desired: { on: true },
    quick: true,
    observe: async () => {
      done.push(`look ${id}`);
      return { on };
    },
    apply: async () => {
      done.push(`apply ${id}`);
      on = true;
    },
    ...more,
  };
}

const gate = (state: ReturnType<typeof open>) => ({ id: "g", title: "g", check: async () => state });

test("only what is quick is looked at and repaired, what has to fetch something last", async () => {
  const done: string[] = [];
  const told: string[] = [];
  const resources = [
    subject("t:slow", done, { quick: undefined as never }),
    subject("t:fetched", done, { preflight: [gate(open())] }),
    subject("t:file", done),
  ];
  const made = await repairQuick(memoryHost(), resources, (progress) => void told.push(progress.step));
  expect(made.map(({ id }) => id)).toEqual(["t:file", "t:fetched"]);
  expect(done.filter((it) => it.startsWith("apply"))).toEqual(["apply t:file", "apply t:fetched"]);
  expect(done.join()).not.toContain("slow");
  expect(told).toEqual(["planned", "applying", "planned", "applying"]);
  expect(await repairQuick(memoryHost(), resources, () => {})).toEqual([]);
});

test.each([
  ["gates", gate(closed("time", "r", ""))],
  ["preflight", gate(closed("operator", "r", ""))],
])("what is held back by %s is left as it is, and the next is repaired", async (key, shut) => {
  const done: string[] = [];
  const resources = [subject("t:held", done, { [key]: [shut] }), subject("t:file", done)];
  const made = await repairQuick(memoryHost(), resources, () => {});
  expect(made.map(({ id }) => id)).toEqual(["t:file"]);
  expect(done).not.toContain("apply t:held");
});

test("what fails or does not hold is not told as repaired; what is our defect is thrown", async () => {
  const failing = (error: Error) => ({ apply: () => Promise.reject(error) });
  const resources = [
    subject("t:fails", [], failing(new HostFault("EROFS"))),
    subject("t:idle", [], { apply: async () => {} }),
    subject("t:file", []),
  ];
  expect((await repairQuick(memoryHost(), resources, () => {})).map(({ id }) => id)).toEqual(["t:file"]);
  const broken = [subject("t:broken", [], failing(new TypeError("defect")))];
  await expect(repairQuick(memoryHost(), broken, () => {})).rejects.toThrow("defect");
});

test("a report tells what was repaired before it, once, and what differs again as it is", () => {
  const change = { id: "t:a", action: "update", drift: [] } as const;
  const again = { ...change, action: "create" } as const;
  const outcomes = [
    { id: "t:a", outcome: "unchanged" },
    { id: "t:b", outcome: "unchanged" },
  ] as const;
  expect(withRepaired({ mode: "apply", outcomes, gates: [] }, [change]).outcomes).toEqual([
    { id: "t:a", outcome: "changed", change },
    { id: "t:b", outcome: "unchanged" },
  ]);
  const drifted = {
    mode: "apply",
    outcomes: [{ id: "t:a", outcome: "drifted", change: again }],
    gates: [],
  } as const;
  expect(withRepaired(drifted, [change])).toEqual(drifted);
});
