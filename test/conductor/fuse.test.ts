import { describe, expect, test } from "vitest";
import { type Fuse, fuseFor } from "../../src/conductor/fuse.ts";
import { paths } from "../../src/conductor/paths.ts";
import { type Host, HostFault, readText } from "../../src/host/host.ts";
import { type MemoryHost, memoryHost } from "../../src/host/memory-host.ts";
import { closed } from "../../src/reconcile/gate.ts";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import { troubles } from "../../src/reconcile/report.ts";
import { toyMachine } from "../support/toy-machine.ts";

const id = "file:/etc/x.conf";
const other = "file:/etc/y.conf";
const limits = { limit: 5, windowMinutes: 60 };
const seconds = (n: number) => n * 1000;
const minutes = (n: number) => n * 60_000;
const day = 24 * 3600_000;

/** A machine whose clock stands at noon. */
function machine(more: Partial<typeof limits> = {}) {
  const host: MemoryHost = memoryHost();
  const noon = Date.parse("2026-03-01T12:00:00Z");
  let clock = noon;
  const timed: Host = {
    ...host,
    now: () => new Date(clock),
    sleep: async (ms) => {
      clock += ms;
    },
  };
  const fuse = fuseFor(timed, { ...limits, ...more });
  return { host: timed, fuse, noon };
}

/** Repairs some times, with the pauses that the backoff wants. */
async function repair(host: Host, fuse: Fuse, count: number, cause?: string) {
  for (let n = 0; n < count; n += 1) {
    await fuse.note([id], cause);
    await host.sleep(seconds(120));
  }
}

const stateOf = async (host: Host, fuse: Fuse, which = id) => (await fuse.gate(which).check(host)).state;

describe("the fuse", () => {
  test("is open for what was never repaired", async () => {
    const { host, fuse } = machine();
    expect(await fuse.gate(id).check(host)).toEqual({ state: "open" });
    expect(fuse.gate(id)).toMatchObject({ id: "self-heal-fuse", title: expect.stringContaining(id) });
    expect(await fuse.retryAt(id)).toBeUndefined();
    expect(await host.fs.stat(paths.state)).toBeUndefined();
  });

  test("blows at the limit, and says what, how often, when last, who and what to do", async () => {
    const { host, fuse } = machine();
    await repair(host, fuse, 4);
    expect(await stateOf(host, fuse)).toBe("open");
    await repair(host, fuse, 1, "package upgrade: magnum-conductor 1 -> 2");
    expect(await fuse.gate(id).check(host)).toEqual(
      closed(
        "operator",
        `${id} is undone, likely by package upgrade: magnum-conductor 1 -> 2 (5 times in 60 minutes, last at 12:08 UTC)`,
        "stop that, run apply",
      ),
    );
    expect(await fuse.retryAt(id)).toBeUndefined();
  });

  test("says when it does not know who", async () => {
    const { host, fuse } = machine({ limit: 1, windowMinutes: 1 });
    for (const cause of [undefined, "unknown"]) {
      await fuse.rearm();
      await fuse.note([id], cause);
      expect(await fuse.gate(id).check(host)).toMatchObject({
        reason: `${id} is undone again and again (once in a minute, last at 12:00 UTC)`,
      });
    }
  });

  test("counts each thing for itself", async () => {
    const { host, fuse } = machine({ limit: 1 });
    await fuse.note([id]);
    expect(await stateOf(host, fuse, other)).toBe("open");
  });

  test("forgets what lies behind the window", async () => {
    const { host, fuse } = machine();
    await repair(host, fuse, 5);
    await host.sleep(minutes(60) - seconds(600));
    expect(await stateOf(host, fuse)).toBe("closed");
    await host.sleep(1);
    expect(await stateOf(host, fuse)).toBe("open");
  });

  test("holds back the service that it is a gate of", async () => {
    const { host, fuse } = machine({ limit: 1 });
    const { toy, applied } = toyMachine();
    const resource = toy("toy:a", { size: 1 }, { gates: [fuse.gate("toy:a")] });
    await fuse.note(["toy:a"]);
    const report = await reconcile(host, { resources: [resource], exitGates: [] }, "apply");
    expect(applied()).toEqual([]);
    expect(troubles(report)).toMatchObject([{ source: "self-heal-fuse", cure: "operator" }]);
    await fuse.rearm();
    await reconcile(host, { resources: [resource], exitGates: [] }, "apply");
    expect(applied()).toEqual(["apply toy:a"]);
  });

  test("is armed again by hand", async () => {
    const { host, fuse } = machine();
    await repair(host, fuse, 5);
    await fuse.rearm();
    expect(await stateOf(host, fuse)).toBe("open");
    expect(await host.fs.stat(paths.repairs)).toBeUndefined();
    await fuse.rearm();
  });
});

describe("the backoff", () => {
  test("waits longer after each repair, from the second on", async () => {
    const { host, fuse } = machine({ limit: 10 });
    const waited: number[] = [];
    for (let n = 0; n < 6; n += 1) {
      await fuse.note([id]);
      const now = host.now().getTime();
      const due = (await fuse.retryAt(id)) ?? now;
      waited.push((due - now) / 1000);
      if (due === now) continue;
      await host.sleep(due - now - 1);
      expect(await stateOf(host, fuse)).toBe("closed");
      await host.sleep(1);
      expect(await stateOf(host, fuse)).toBe("open");
    }
    expect(waited).toEqual([0, 5, 15, 45, 120, 120]);
  });

  test("is for time to cure, and says when", async () => {
    const { host, fuse, noon } = machine();
    await fuse.note([id]);
    await fuse.note([id]);
    expect(await fuse.retryAt(id)).toBe(noon + seconds(5));
    expect(await fuse.gate(id).check(host)).toEqual(
      closed(
        "time",
        `next repair of ${id} is due at 12:00:05 UTC (2 times in 60 minutes)`,
        "wait, or find its cause",
      ),
    );
    const said = await fuse.gate(id).check(host);
    await host.sleep(seconds(2));
    expect(await fuse.gate(id).check(host)).toEqual(said);
  });
});

describe("a clock that is set back", () => {
  test("a day does not block for ever", async () => {
    const { host, fuse } = machine();
    await repair(host, fuse, 5);
    await host.sleep(-day);
    expect(await stateOf(host, fuse)).toBe("open");
    await fuse.note([id]);
    expect(await stateOf(host, fuse)).toBe("open");
  });

  test("some minutes does not forget all, and nobody waits for a time that is far", async () => {
    const { host, fuse } = machine();
    await repair(host, fuse, 4);
    await host.sleep(-minutes(40));
    expect(await fuse.retryAt(id)).toBeUndefined();
    expect(await stateOf(host, fuse)).toBe("open");
    await fuse.note([id]);
    expect(await stateOf(host, fuse)).toBe("closed");
  });
});

describe("the file of repairs", () => {
  const content = async (host: Host) =>
    JSON.parse((await readText(host.fs, paths.repairs)) ?? "null") as Record<string, unknown[]>;

  test("is for root alone", async () => {
    const { host, fuse } = machine();
    await fuse.note([id]);
    expect(await host.fs.stat(paths.repairs)).toMatchObject({ mode: "0600", uid: 0, gid: 0 });
    expect(await host.fs.stat(paths.state)).toMatchObject({ mode: "0700" });
  });

  test("is not written for nothing", async () => {
    const { host, fuse } = machine();
    await fuse.note([]);
    expect(await host.fs.stat(paths.repairs)).toBeUndefined();
  });

  test("holds what counts, and not more", async () => {
    const { host, fuse, noon } = machine();
    await fuse.note([id, other], "c".repeat(500));
    await host.sleep(minutes(61));
    for (let n = 0; n < 9; n += 1) await fuse.note([other]);
    const found = await content(host);
    expect(Object.keys(found)).toEqual([other]);
    expect(found[other]).toEqual(Array.from({ length: 5 }, () => ({ at: noon + minutes(61) })));
    const many = Array.from({ length: 200 }, (_, n) => `file:/${n}`);
    await fuse.note(many, "c".repeat(500));
    expect(Object.keys(await content(host))).toHaveLength(64);
    expect(JSON.stringify(await content(host)).length).toBeLessThan(64 * 200);
  });

  test.each([
    "",
    "{",
    "null",
    "[]",
    "7",
    '{"file:/etc/x.conf":7}',
    '{"file:/etc/x.conf":[7,null,{"at":"x"}]}',
  ])("damaged as %j counts as empty, and is written anew", async (text) => {
    const { host, fuse } = machine({ limit: 1 });
    await fuse.note([other]);
    await host.fs.write(paths.repairs, text, { mode: "0600", uid: 0, gid: 0 });
    expect(await stateOf(host, fuse)).toBe("open");
    await fuse.note([id]);
    expect(await stateOf(host, fuse)).toBe("closed");
  });

  test("that can't be read counts as empty; that can't be written is a fault of the machine", async () => {
    const { host, fuse } = machine({ limit: 1 });
    await host.fs.makeDirectory(paths.repairs, { mode: "0700", uid: 0, gid: 0 });
    expect(await stateOf(host, fuse)).toBe("open");
    await expect(fuse.note([id])).rejects.toThrow(HostFault);
  });
});
