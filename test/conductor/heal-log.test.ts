import { describe, expect, test } from "vitest";
import {
  appendHealRecord,
  type HealRecord,
  healLogFileBytes,
  healLogResults,
  healRecordOf,
  readHealRecords,
} from "../../src/conductor/heal-log.ts";
import { paths } from "../../src/conductor/paths.ts";
import { type Host, HostFault, readText } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import type { Report } from "../../src/reconcile/report.ts";
import type { Change } from "../../src/reconcile/resource.ts";

const rotated = `${paths.healLog}.1`;
const start = Date.parse("2026-03-01T12:00:00.000Z");

/** The n-th record: a second after the one before. */
function record(n = 0, more: Partial<HealRecord> = {}): HealRecord {
  return {
    at: new Date(start + n * 1000).toISOString(),
    kind: "heal",
    trigger: "watch",
    changes: [
      {
        id: "file:/etc/magnum/x.conf",
        action: "update",
        outcome: "changed",
        drift: [{ key: "mode", observed: "0600", desired: "0644" }],
      },
    ],
    cause: { what: "unknown", evidence: [] },
    restarts: ["magnum-conductor"],
    seconds: 1.5,
    ...more,
  };
}

const put = (host: Host, path: string, text: string) =>
  host.fs.write(path, text, { mode: "0600", uid: 0, gid: 0 });

const text = async (host: Host, path: string) => (await readText(host.fs, path)) ?? "";

describe("the heal log", () => {
  test("gives back what was written, oldest first", async () => {
    const host = memoryHost();
    for (const n of [0, 1, 2]) await appendHealRecord(host, record(n));
    expect(await readHealRecords(host)).toEqual([record(0), record(1), record(2)]);
  });

  test("is empty where nothing was ever repaired, and writes nothing to say so", async () => {
    const host = memoryHost();
    expect(await readHealRecords(host)).toEqual([]);
    expect(await host.fs.stat(paths.state)).toBeUndefined();
  });

  test("keeps numbers, truths and what was absent", async () => {
    const host = memoryHost();
    const drift = [
      { key: "size", observed: 3, desired: undefined },
      { key: "there", observed: undefined, desired: true },
    ];
    const gate = { id: "self-heal-fuse", reason: "repaired 5 times" };
    const it = record(0, { kind: "revert", gate, changes: [{ ...record().changes[0], drift } as never] });
    await appendHealRecord(host, it);
    expect(await readHealRecords(host)).toEqual([it]);
  });

  test("is for root alone, and so is its directory", async () => {
    const host = memoryHost();
    await appendHealRecord(host, record());
    expect(await host.fs.stat(paths.healLog)).toMatchObject({ mode: "0600", uid: 0, gid: 0 });
    expect(await host.fs.stat(paths.state)).toMatchObject({ mode: "0700" });
  });

  test("gives the last ones, or those since a time", async () => {
    const host = memoryHost();
    for (const n of [0, 1, 2, 3]) await appendHealRecord(host, record(n));
    expect(await readHealRecords(host, { limit: 2 })).toEqual([record(2), record(3)]);
    expect(await readHealRecords(host, { limit: 9 })).toHaveLength(4);
    expect(await readHealRecords(host, { since: record(1).at })).toEqual([record(1), record(2), record(3)]);
    expect(await readHealRecords(host, { since: "2026-03-01T14:00:02+02:00", limit: 1 })).toEqual([
      record(3),
    ]);
  });

  test("drops a line that a power cut has damaged, and goes on", async () => {
    const host = memoryHost();
    await appendHealRecord(host, record(0));
    const whole = await text(host, paths.healLog);
    await put(host, paths.healLog, `${whole}{"at":"2026-03-01T12:00:0`);
    expect(await readHealRecords(host)).toEqual([record(0)]);
    await appendHealRecord(host, record(1));
    expect(await readHealRecords(host)).toEqual([record(0), record(1)]);
    expect((await text(host, paths.healLog)).split("\n")).toHaveLength(3);
  });

  test.each(["null\n", "[]\n", '{"at":"yesterday"}\n', "\0\0\0\0\n", "\n\n"])(
    "takes %j for no record",
    async (line) => {
      const host = memoryHost();
      await appendHealRecord(host, record(0));
      await put(host, paths.healLog, `${line}${await text(host, paths.healLog)}`);
      expect(await readHealRecords(host)).toEqual([record(0)]);
    },
  );

  test("keeps, and does not show, a record that a later version has written", async () => {
    const host = memoryHost();
    const later = `${JSON.stringify({ ...record(0), kind: "weekly" })}\n`;
    await appendHealRecord(host, record(0));
    await put(host, paths.healLog, later);
    await appendHealRecord(host, record(1));
    expect(await readHealRecords(host)).toEqual([record(1)]);
    expect(await text(host, paths.healLog)).toContain(later);
  });

  test("never takes more than its two files may, and keeps the newest", async () => {
    const host = memoryHost();
    const evidence = Array.from({ length: 16 }, () => "x".repeat(200));
    for (let n = 0; n < 250; n += 1)
      await appendHealRecord(host, record(n, { cause: { what: "unknown", evidence } }));
    for (const path of [paths.healLog, rotated]) {
      const { size = 0, mode } = (await host.fs.stat(path)) ?? {};
      expect(size).toBeGreaterThan(0);
      expect(size).toBeLessThanOrEqual(healLogFileBytes);
      expect(mode).toBe("0600");
    }
    const found = await readHealRecords(host);
    expect(found.length).toBeGreaterThan(70);
    expect(found.length).toBeLessThan(250);
    expect(found.map(({ at }) => at)).toEqual(
      Array.from({ length: found.length }, (_, n) => record(250 - found.length + n).at),
    );
  });

  test("cut short in the middle of its rotation, shows each record once", async () => {
    const host = memoryHost();
    for (const n of [0, 1]) await appendHealRecord(host, record(n));
    await host.fs.copy(paths.healLog, rotated, { mode: "0600", uid: 0, gid: 0 });
    expect(await readHealRecords(host)).toEqual([record(0), record(1)]);
  });

  test("clips what is long, and holds one record to 32 KiB", async () => {
    const host = memoryHost();
    const drift = Array.from({ length: 40 }, (_, n) => ({
      key: `key-${n}`,
      observed: "é".repeat(5000),
      desired: "é".repeat(5000),
    }));
    const change = { id: "file:/x", action: "update", outcome: "changed", drift } as const;
    await appendHealRecord(host, record(0, { changes: Array.from({ length: 40 }, () => change) }));
    await appendHealRecord(host, record(1, { changes: [change] }));
    const lines = (await text(host, paths.healLog)).split("\n");
    expect(Math.max(...lines.map((line) => Buffer.byteLength(line)))).toBeLessThan(32 * 1024);
    const [first, second] = await readHealRecords(host);
    expect(first?.changes).toHaveLength(16);
    expect(first?.changes[0]).toEqual({ ...change, drift: [] });
    expect(second?.changes[0]?.drift).toHaveLength(16);
    expect(second?.changes[0]?.drift[0]?.observed).toBe(`${"é".repeat(240)}...`);
  });

  test("does not write a text of several lines: it might be a file", async () => {
    const host = memoryHost();
    const drift = [{ key: "content", observed: "users:\n  token: tok3n\n", desired: "short" }];
    await appendHealRecord(host, record(0, { changes: [{ ...record().changes[0], drift } as never] }));
    expect(await text(host, paths.healLog)).not.toContain("tok3n");
    expect((await readHealRecords(host))[0]?.changes[0]?.drift[0]?.observed).toBe("(3 lines, not shown)");
  });

  test("that can't be written is a fault of the machine", async () => {
    const host = memoryHost();
    await host.fs.makeDirectory(paths.healLog, { mode: "0700", uid: 0, gid: 0 });
    await expect(appendHealRecord(host, record())).rejects.toThrow(HostFault);
  });
});

const change = (id: Change["id"]): Change => ({
  id,
  action: "update",
  drift: [{ key: "mode", observed: "0600", desired: "0644" }],
});
const circumstances = {
  at: record().at,
  trigger: "hook update-status",
  cause: { what: "package upgrade", evidence: ["a line"] },
  seconds: 2,
};

describe("a report as a record", () => {
  const report: Report = {
    mode: "apply",
    outcomes: [
      { id: "file:/x", outcome: "changed", change: change("file:/x") },
      { id: "file:/fine", outcome: "unchanged" },
      { id: "service:magnum-conductor", outcome: "changed", change: change("service:magnum-conductor") },
      { id: "service:magnum-api", outcome: "unchanged" },
    ],
    gates: [],
  };

  test("names what differed, what became of it and which services were restarted", () => {
    expect(healRecordOf(report, circumstances)).toEqual({
      ...circumstances,
      kind: "heal",
      changes: [
        { ...change("file:/x"), outcome: "changed" },
        { ...change("service:magnum-conductor"), outcome: "changed" },
      ],
      restarts: ["magnum-conductor"],
    });
  });

  test("of a plan is a mere report", () => {
    const planned: Report = {
      mode: "plan",
      outcomes: [
        {
          id: "service:magnum-conductor",
          outcome: "drifted",
          change: change("service:magnum-conductor"),
        },
      ],
      gates: [],
    };
    expect(healRecordOf(planned, circumstances)).toMatchObject({ kind: "report", restarts: [] });
  });

  test("names the worst of what is in the way, and no restart of a service that was held", () => {
    const closedGate = {
      id: "self-heal-fuse",
      title: "",
      state: "closed",
      cure: "operator",
      reason: "repaired 5 times",
      remedy: "stop it",
    } as const;
    const held: Report = {
      mode: "apply",
      outcomes: [
        { id: "service:a", outcome: "held", change: change("service:a"), gates: [closedGate] },
        {
          id: "service:b",
          outcome: "failed",
          change: change("service:b"),
          reason: "no end after 100 s",
          remedy: "",
          cure: "time",
        },
      ],
      gates: [],
    };
    expect(healRecordOf(held, circumstances)).toMatchObject({
      gate: { id: "self-heal-fuse", reason: "repaired 5 times" },
      restarts: ["b"],
    });
  });

  test("takes the caller's word for what it knows better", () => {
    const gate = { id: "live", reason: "it died after 8 s" };
    const more = { kind: "revert", gate, restarts: ["magnum-api"] } as const;
    expect(healRecordOf(report, { ...circumstances, ...more })).toMatchObject(more);
  });

  test("goes through the log as it is", async () => {
    const host = memoryHost();
    const made = healRecordOf(report, circumstances);
    await appendHealRecord(host, made);
    expect(await readHealRecords(host)).toEqual([made]);
  });
});

describe("records as results of an action", () => {
  test("are flat texts by kebab-case keys", () => {
    const results = healLogResults([record(0), record(1)]);
    expect(Object.keys(results)).toEqual(["count", "records"]);
    expect(results["count"]).toBe("2");
    expect(JSON.parse(results["records"] ?? "")).toEqual([record(0), record(1)]);
    expect(healLogResults([])).toEqual({ count: "0", records: "[]" });
  });

  test("leave out the oldest where they are too many for one argument", () => {
    const many = Array.from({ length: 1000 }, (_, n) => record(n));
    const results = healLogResults(many);
    const kept = JSON.parse(results["records"] ?? "") as HealRecord[];
    expect(Buffer.byteLength(results["records"] ?? "")).toBeLessThanOrEqual(64 * 1024);
    expect(kept.at(-1)).toEqual(record(999));
    expect(kept.length).toBeGreaterThan(100);
    expect(results).toMatchObject({ count: String(kept.length), "left-out": String(1000 - kept.length) });
  });
});
