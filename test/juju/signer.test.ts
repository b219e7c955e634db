import { describe, expect, test } from "vitest";
import { apply, type Ending } from "../../src/conductor/graft.ts";
import { fuseOf } from "../../src/conductor/heal.ts";
import { paths } from "../../src/conductor/paths.ts";
import { isQuiet } from "../../src/conductor/signature.ts";
import type { Host } from "../../src/host/host.ts";
import { lastSignature, signer } from "../../src/juju/signer.ts";
import type { Outcome } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";

const origin = { config: "{}", secret: "secret:x" };
type Reported = Extract<Ending, { end: "report" }>;

/** A machine in line, and how its last run ended. */
async function inLine() {
  const { host } = await conductorMachine();
  const ending = await apply(host, wish());
  if (ending.end !== "report") throw new Error("no report");
  return { host, ending };
}

async function keep(host: Host, ending?: Ending) {
  await signer(host, origin, "/charm").keep(ending);
  return await lastSignature(host);
}

/** The ending with one outcome more. */
function withOutcome(ending: Reported, outcome: Outcome, mode: "apply" | "plan" = "apply"): Reported {
  const { report } = ending;
  return { ...ending, report: { ...report, mode, outcomes: [...report.outcomes, outcome] } };
}

const change = { id: "file:/x", action: "update", drift: [] } as const;
const closed = { id: "g", title: "g", state: "closed", cure: "time", reason: "r", remedy: "" } as const;
const held: Outcome = { id: "file:/x", outcome: "held", change, gates: [closed] };
const drifted: Outcome = { id: "file:/x", outcome: "drifted", change };

describe("the signature after a look", () => {
  test("of a unit in line is the one that was taken at rest, before the last look", async () => {
    const { host, ending } = await inLine();
    const { settled, keep: end } = signer(host, origin, "/charm");
    await settled(ending.config, ending.unit);
    const takenAt = host.now().getTime();
    await host.sleep(5000);
    await end(ending);
    expect(await lastSignature(host)).toMatchObject({ inLine: true, takenAt, ...origin });
  });

  test.each(["leftover-helm", "magnum-conductor-restart-deferred", "openstack-ca-valid"])(
    "of a unit in line but for the standing note %s is that of one in line",
    async (id) => {
      const { host, ending } = await inLine();
      const { settled, keep: end } = signer(host, origin, "/charm");
      await settled(ending.config, ending.unit);
      const note = { ...closed, id, cure: "note" } as const;
      await end({ ...ending, report: { ...ending.report, gates: [note] } });
      expect(await lastSignature(host)).toMatchObject({ inLine: true });
    },
  );

  test("of one that is not in line says when to look again: after 1 minute, then 2, 4, 5 and 5", async () => {
    const { host, ending } = await inLine();
    const waits: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      const { takenAt = 0, retryAt = 0 } = (await keep(host, withOutcome(ending, held))) ?? {};
      waits.push((retryAt - takenAt) / 1000);
      await host.sleep(retryAt - takenAt);
    }
    expect(waits).toEqual([60, 120, 240, 300, 300]);
  });

  test("counts anew once the unit was in line", async () => {
    const { host, ending } = await inLine();
    await keep(host, withOutcome(ending, held));
    const { settled, keep: end } = signer(host, origin, "/charm");
    await settled(ending.config, ending.unit);
    await end(ending);
    expect(await keep(host, withOutcome(ending, held))).toMatchObject({ inLine: false, attempts: 1 });
  });

  test("asks for another look at once where something was undone meanwhile, but not where it is only reported", async () => {
    const { host, ending } = await inLine();
    const undone = await keep(host, withOutcome(ending, drifted));
    expect(isQuiet({ ...undone, files: {} } as never, host.now().getTime())).toBe(false);
    const reported = await keep(host, withOutcome(ending, drifted, "plan"));
    expect((reported?.retryAt ?? 0) - (reported?.takenAt ?? 0)).toBeGreaterThanOrEqual(60_000);
  });

  test("asks for it when a repair that the fuse puts off is due", async () => {
    const { host, ending } = await inLine();
    const fuse = fuseOf(host, ending.config);
    await fuse.note(["file:/x"]);
    await fuse.note(["file:/x"]);
    const { takenAt = 0, retryAt = 0 } = (await keep(host, withOutcome(ending, held))) ?? {};
    expect(retryAt - takenAt).toBe(5000);
  });

  test("is left as it was by a run that another one kept from looking", async () => {
    const { host, ending } = await inLine();
    const before = await keep(host, withOutcome(ending, held));
    await host.sleep(1000);
    expect(await keep(host, { end: "busy" })).toEqual(before);
  });

  test("is none where no wish is in force, and the old one goes", async () => {
    const { host, ending } = await inLine();
    await keep(host, ending);
    await host.fs.remove(paths.desired);
    expect(await keep(host, { end: "no-conductor", missing: "x" })).toBeUndefined();
    expect(await host.fs.stat(paths.signature)).toBeUndefined();
  });

  test("is of what any unit has where Magnum is gone, so that its return is seen", async () => {
    const { host } = await inLine();
    const found = await keep(host, { end: "no-conductor", missing: "x" });
    expect(found).toMatchObject({ inLine: false });
    expect(Object.keys(found?.files ?? {})).toContain(paths.conductorProgram);
  });
});

describe("a look that nothing calls for", () => {
  const files = {};
  const signature = { inLine: false, takenAt: 1000, retryAt: 2000, files, processes: {}, ...origin };

  test.each([
    ["is not made before it is due", 1500, true],
    ["is made when it is due", 2000, false],
    ["is made when the clock was set back", 999, false],
  ])("%s", (_, now, quiet) => {
    expect(isQuiet(signature, now)).toBe(quiet);
  });

  test("is made for a unit in line only when a second one is due, and always where there is no signature", () => {
    const { retryAt: _, ...settled } = signature;
    expect(isQuiet({ ...settled, inLine: true }, 5000)).toBe(true);
    expect(isQuiet({ ...settled, inLine: true, retryAt: 5001 }, 5000)).toBe(true);
    expect(isQuiet({ ...settled, inLine: true, retryAt: 5000 }, 5000)).toBe(false);
    expect(isQuiet(undefined, 5000)).toBe(false);
    expect(isQuiet({ ...settled, inLine: true, files: { "/nowhere/at/all": "1" } }, 5000)).toBe(false);
  });
});
