import { expect, test } from "vitest";
import { renderHealLog } from "../../src/cli/heal-log.ts";
import { paint } from "../../src/cli/render.ts";
import type { HealRecord } from "../../src/conductor/heal-log.ts";

const plain = paint(false);

const upgrade: HealRecord = {
  at: "2026-03-01T12:00:07.250Z",
  kind: "heal",
  trigger: "watch",
  changes: [
    {
      id: "file:/etc/x.conf",
      action: "update",
      outcome: "changed",
      drift: [
        { key: "sha256", observed: "a".repeat(64), desired: "b".repeat(64) },
        { key: "mode", observed: "0600", desired: "0644" },
      ],
    },
    {
      id: "pip-package:driver",
      action: "create",
      outcome: "changed",
      drift: [{ key: "version", observed: undefined, desired: "1.4.0" }],
    },
  ],
  cause: { what: "package upgrade: x 1 -> 2", evidence: ["dpkg.log: upgrade x", "apt: apt-get upgrade"] },
  restarts: ["magnum-conductor", "magnum-api"],
  seconds: 17.349,
};

const held: HealRecord = {
  at: "2026-03-01T12:01:00Z",
  kind: "report",
  trigger: "hook update-status",
  changes: [
    { id: "file:/etc/y.conf", action: "delete", outcome: "held", drift: [] },
    { id: "file:/etc/z.conf", action: "create", outcome: "drifted", drift: [] },
  ],
  cause: { what: "unknown", evidence: [] },
  gate: { id: "self-heal-fuse", reason: "repaired 5 times" },
  restarts: [],
  seconds: 0,
};

test("a heal log as text", () => {
  expect(renderHealLog([upgrade, held], plain)).toMatchInlineSnapshot(`
    "2026-03-01 12:00:07 UTC  heal, watch, 17.3 s
      found     file:/etc/x.conf: sha256 sha256:aaaaaaaaaaaa, wanted sha256:bbbbbbbbbbbb; mode 0600, wanted 0644
                pip-package:driver: absent
      cause     package upgrade: x 1 -> 2
                dpkg.log: upgrade x
                apt: apt-get upgrade
      done      2 repaired
      restarts  magnum-conductor, magnum-api
    2026-03-01 12:01:00 UTC  report, hook update-status, 0 s
      found     file:/etc/y.conf: there
                file:/etc/z.conf: absent
      cause     unknown
      done      1 left as it is, 1 held back
                self-heal-fuse: repaired 5 times
      restarts  none
    "
  `);
});

test("is in bold where a terminal shows it", () => {
  expect(renderHealLog([held], paint(true))).toContain("\u001b[1m2026-03-01 12:01:00 UTC\u001b[0m");
});

test("never gives a terminal the escape codes of somebody else's log", () => {
  const cause = { what: "an operator: \u001b]0;x\u0007", evidence: ["a\u009b31m", "b\r\nc"] };
  const text = renderHealLog([{ ...held, trigger: "\u001b[2J", cause }], plain);
  expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  expect(text).toContain("b??c");
});

test("of nothing says so", () => {
  expect(renderHealLog([], plain)).toBe("nothing was found to repair\n");
});

test("tells a record without a change", () => {
  expect(renderHealLog([{ ...held, changes: [] }], plain)).toContain("\n  found     nothing\n");
});
