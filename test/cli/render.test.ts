import { describe, expect, test } from "vitest";
import { paint, renderGates, renderProgress, renderRefusals, renderReport } from "../../src/cli/render.ts";
import type { GateResult } from "../../src/reconcile/gate.ts";
import type { Report } from "../../src/reconcile/report.ts";
import type { Change } from "../../src/reconcile/resource.ts";

const plain = paint(false);

/** Escape codes as a person can read them. */
const readable = (text: string) => text.replaceAll("\u001b", "ESC");

const update: Change = {
  id: "file:/etc/x.conf",
  action: "update",
  drift: [
    { key: "sha256", observed: "a".repeat(64), desired: "b".repeat(64) },
    { key: "mode", observed: "0600", desired: "0644" },
  ],
};
const create: Change = {
  id: "pip-package:driver",
  action: "create",
  drift: [{ key: "version", observed: undefined, desired: "1.4.0" }],
};
const gates: readonly GateResult[] = [
  { id: "show-args", title: "the daemon would be started right", state: "open" },
  { id: "helm", title: "helm is found", state: "open", detail: "/usr/local/bin/helm" },
  {
    id: "fetched",
    title: "the driver is fetched",
    state: "closed",
    cure: "time",
    reason: "the mirror is down",
    remedy: "wait",
  },
  {
    id: "options",
    title: "our values",
    state: "closed",
    cure: "operator",
    reason: "another wins",
    remedy: "take it out",
  },
  {
    id: "paused",
    title: "not masked",
    state: "closed",
    cure: "note",
    reason: "it is masked",
    remedy: "resume",
  },
  { id: "trust", title: "the trustee logs in", state: "not checked", reason: "not built yet" },
];
const plan: Report = {
  mode: "plan",
  outcomes: [
    { id: update.id, outcome: "drifted", change: update },
    { id: "t:fine", outcome: "unchanged" },
    { id: create.id, outcome: "drifted", change: create },
  ],
  gates: [],
};

describe("a plan as text", () => {
  test("says what differs, old and new", () => {
    expect(renderReport(plan, plain)).toMatchInlineSnapshot(`
      "2 resources to change:
        update file:/etc/x.conf
          sha256: sha256:aaaaaaaaaaaa -> sha256:bbbbbbbbbbbb
          mode: 0600 -> 0644
        create pip-package:driver
          version: absent -> 1.4.0
      "
    `);
  });

  test("is in colour on a terminal", () => {
    expect(readable(renderReport(plan, paint(true)))).toMatchInlineSnapshot(`
      "2 resources to change:
        ESC[1mupdate file:/etc/x.confESC[0m
          sha256: ESC[31msha256:aaaaaaaaaaaaESC[0m -> ESC[32msha256:bbbbbbbbbbbbESC[0m
          mode: ESC[31m0600ESC[0m -> ESC[32m0644ESC[0m
        ESC[1mcreate pip-package:driverESC[0m
          version: ESC[31mabsentESC[0m -> ESC[32m1.4.0ESC[0m
      "
    `);
  });

  test("says when nothing differs", () => {
    expect(renderReport({ ...plan, outcomes: [{ id: "t:fine", outcome: "unchanged" }] }, plain)).toBe(
      "nothing differs\n",
    );
  });

  test("speaks of one resource as one", () => {
    expect(renderReport({ ...plan, outcomes: plan.outcomes.slice(0, 2) }, plain)).toMatch(
      /^1 resource to change:\n/,
    );
  });
});

describe("an apply as text", () => {
  test("says what became of each resource, and the gates", () => {
    const failed = { id: "t:b", action: "update", drift: [] } as const;
    const report: Report = {
      mode: "apply",
      outcomes: [
        { id: create.id, outcome: "changed", change: create },
        { id: "t:a", outcome: "held", change: { ...failed, id: "t:a" }, gates: gates.slice(2, 4) },
        {
          id: "t:b",
          outcome: "failed",
          change: failed,
          reason: "disk full",
          remedy: "free space",
          cure: "operator",
        },
        { id: "t:c", outcome: "skipped", change: { ...failed, id: "t:c" }, because: "t:b failed" },
      ],
      gates: gates.slice(0, 1),
    };
    expect(renderReport(report, plain)).toMatchInlineSnapshot(`
      "4 resources changed or held:
        create pip-package:driver
          version: absent -> 1.4.0
        update t:a
          held: the mirror is down; held: another wins
        update t:b
          failed: disk full; next: free space
        update t:c
          skipped: t:b failed
      gates:
        open         show-args: the daemon would be started right
      "
    `);
  });
});

describe("gates as text", () => {
  test("are a table with the reason, the next step and whose it is", () => {
    expect(renderGates(gates, plain)).toMatchInlineSnapshot(`
      "  open         show-args: the daemon would be started right
        open         helm: helm is found (/usr/local/bin/helm)
        CLOSED       fetched: the driver is fetched
                     the mirror is down; next: wait (for time to cure)
        CLOSED       options: our values
                     another wins; next: take it out (for the operator)
        CLOSED       paused: not masked
                     it is masked; next: resume (a note)
        not checked  trust: the trustee logs in (not built yet)"
    `);
  });

  test("are in colour on a terminal", () => {
    expect(
      readable(renderGates([...gates.slice(1, 3), ...gates.slice(5)], paint(true))),
    ).toMatchInlineSnapshot(`
      "  ESC[32mopen       ESC[0m  helm: helm is found ESC[2m(/usr/local/bin/helm)ESC[0m
        ESC[31mCLOSED     ESC[0m  fetched: the driver is fetched
                     the mirror is down; next: wait (for time to cure)
        ESC[2mnot checkedESC[0m  trust: the trustee logs in ESC[2m(not built yet)ESC[0m"
    `);
  });
});

test("refusals name option, value and what is accepted, a line each", () => {
  const text = renderRefusals([
    { option: "chart-version", value: "", accepted: "an exact version" },
    { option: "helm-url", value: "ftp://x", accepted: "a URL" },
  ]);
  expect(text).toBe("chart-version: empty; accepted: an exact version\nhelm-url: ftp://x; accepted: a URL\n");
});

test("progress is told where somebody would wait", () => {
  expect(renderProgress({ step: "applying", change: create })).toBe("create pip-package:driver\n");
  expect(renderProgress({ step: "judging", when: "before", gates: ["a", "b"] })).toBe(
    "fetching and checking, before anything is written\n",
  );
  expect(renderProgress({ step: "judging", when: "after", gates: ["a", "b"] })).toBe(
    "judging 2 gates (after a restart it takes 12 s)\n",
  );
  expect(renderProgress({ step: "planned", changes: [] })).toBeUndefined();
});
