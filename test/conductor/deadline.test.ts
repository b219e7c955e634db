import { describe, expect, test } from "vitest";
import { apply, type Ending, undo } from "../../src/conductor/graft.ts";
import { readHold } from "../../src/conductor/hold.ts";
import { paths } from "../../src/conductor/paths.ts";
import { committedWish } from "../../src/conductor/wish.ts";
import { withDeadline } from "../../src/host/deadline.ts";
import type { Host } from "../../src/host/host.ts";
import { statusFor } from "../../src/juju/status.ts";
import { inLine } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";

const live = ["/etc", "/usr/local"];
const older = wish({ "driver-version": "1.3.0" });

/** Seconds that a command takes, by a part of its words; what is not named takes none. */
type Slowness = (words: string) => number;

/** The machine, on which commands take time by its own clock, and are killed at their limit. */
function slowed(host: Host, secondsOf: Slowness): Host {
  const run: Host["run"] = async (argv, options = {}) => {
    const takesMs = secondsOf(argv.join(" ")) * 1_000;
    const limitMs = options.timeoutMs ?? 60_000;
    await host.sleep(Math.min(takesMs, limitMs));
    if (takesMs <= limitMs) return await host.run(argv, options);
    return { ok: false, code: -1, stdout: "", stderr: "no answer within", timedOut: true };
  };
  return { ...host, run };
}

/** A unit with an earlier driver, and a change of it on a machine that is that slow: 200 s for the work, 300 s in all. */
async function changed(secondsOf: Slowness) {
  const { host } = await conductorMachine();
  await apply(host, older);
  const before = await listing(host, live);
  host.commands.length = 0;
  const run = async (slowness: Slowness): Promise<Ending> => {
    const began = host.now().getTime();
    const elapsed = () => host.now().getTime() - began;
    const limits = { workMs: 200_000, wholeMs: 300_000 };
    return await apply(withDeadline(slowed(host, slowness), limits, elapsed), wish());
  };
  return { host, before, run, ending: await run(secondsOf) };
}

const never: Slowness = () => 0;

/** A command that is slow the first time that it is run. */
function once(part: string, seconds: number) {
  let isOver = false;
  const slowness: Slowness = (words) => {
    if (isOver || !words.includes(part)) return 0;
    isOver = true;
    return seconds;
  };
  return Object.assign(slowness, { isOver: () => isOver });
}

describe("a change whose time runs out", () => {
  test("before its first write is not begun, and the status names what took the time", async () => {
    const { host, before, ending } = await changed((words) => (words.includes("pip download") ? 95 : 0));
    expect(statusFor(ending)).toEqual({
      status: "waiting",
      message:
        "python3 -m pip download took 95 s: no time is left in this run; next: wait: it is tried again",
    });
    expect(await listing(host, live)).toEqual(before);
    expect(await host.fs.stat(paths.transaction)).toBeUndefined();
    expect(restarts(host.commands)).toEqual([]);
  });

  test("at a restart is taken back with the time that is kept for it, and held until it is asked for", async () => {
    const restart = once("restart magnum-conductor", 90);
    const { host, before, ending, run } = await changed((words) =>
      words.includes("pip install") ? 130 : restart(words),
    );
    expect(statusFor(ending)).toEqual({
      status: "blocked",
      message: expect.stringMatching(/^reverted, .*pip install took 130 s; next: run the action apply$/),
    });
    expect(await listing(host, live)).toEqual(before);
    expect(await committedWish(host)).toMatchObject(older);
    expect(await host.fs.stat(paths.transaction)).toBeUndefined();
    expect(await readHold(host)).toMatchObject({ kind: "reverted", cure: "operator" });
    await run(never);
    expect(await committedWish(host)).toMatchObject(older);
  });

  test("at a look that is no part of a gate is taken back too", async () => {
    const [install, show] = [once("pip install", 175), once("show magnum-conductor", 29)];
    const { host, before, ending } = await changed((words) => {
      const seconds = install(words);
      return seconds > 0 || !install.isOver() ? seconds : show(words);
    });
    expect(statusFor(ending).message).toMatch(
      /^reverted, change: .*pip install took 175 s; next: run the action/,
    );
    expect(await listing(host, live)).toEqual(before);
    expect(await host.fs.stat(paths.transaction)).toBeUndefined();
  });

  test("on its way back too stays in the journal, and the next run ends it", async () => {
    const { host, before, ending, run } = await changed((words) =>
      words.includes("pip install") ? 130 : words.includes("restart magnum-") ? 60 : 0,
    );
    expect(ending.end === "report" && ending.back !== undefined && inLine(ending.back)).toBe(false);
    expect(await host.fs.stat(paths.transaction)).toBeDefined();
    const next = await run(never);
    expect(statusFor(next).message).toMatch(/^reverted, /);
    expect(await listing(host, live)).toEqual(before);
    expect(await host.fs.stat(paths.transaction)).toBeUndefined();
    const explicit = await apply(host, wish(), { explicit: true });
    expect(explicit.end === "report" && inLine(explicit.report)).toBe(true);
  });
});

test("a removal has all of the time", async () => {
  const { host } = await conductorMachine();
  await apply(host, wish());
  const began = host.now().getTime();
  const limits = { workMs: 1_000, wholeMs: 300_000 };
  const machine = withDeadline(
    slowed(host, (words) => (words.includes("restart") ? 40 : 0)),
    limits,
    () => host.now().getTime() - began,
  );
  const report = await undo(machine, "apply");
  expect(report !== undefined && "outcomes" in report && inLine(report)).toBe(true);
});
