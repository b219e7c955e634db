import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { type FaultSite, startFaultSite } from "./faults/fault-site.ts";
import { belongingsOf } from "./faults/judge.ts";
import { type Snapshot, snapshotFolder, takeSnapshot } from "./faults/snapshots.ts";
import type { UnheldChange } from "./faults/unheld-changes.ts";
import { commandLine, graftJson, mainPids, sh, starts } from "./look.ts";
import { makeGraftedSite } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };

/** The options with which the unit was made and grafted. */
const asBefore = {
  "driver-version": undefined,
  "chart-version": undefined,
  "helm-version": undefined,
} as const;

/** Changes that can't hold: the unit is back where it was, says why, and does not try again by itself. */
export function unheldTests(recipe: RecipeName, changes: readonly UnheldChange[]): void {
  describeRig(`changes that do not hold on ${recipe}`, () => {
    let grafted: Snapshot;
    let folder: ReturnType<typeof snapshotFolder>;
    let options: Awaited<ReturnType<typeof makeGraftedSite>>["options"];
    beforeAll(async () => {
      folder = snapshotFolder();
      const site = await makeGraftedSite(recipe);
      ({ options } = site);
      grafted = await takeSnapshot(site, folder.path, "grafted");
      await site.down();
    });
    afterAll(() => folder?.remove());

    for (const row of changes) {
      it.concurrent(row.title, { timeout: 1_800_000 }, async () => {
        const site = await startFaultSite(recipe, grafted);
        try {
          await isTakenBack(site, row);
          await isNotTriedAgain(site, row);
          await convergesWhenPutRight(site, row, options);
        } finally {
          await site.down();
        }
      });
    }
  });
}

async function isTakenBack(
  { conductor, unit }: FaultSite,
  { change, names, processes }: UnheldChange,
): Promise<void> {
  await unit.runHook("update-status");
  expect(await unit.status()).toEqual(ready);
  const options = await change(conductor);
  const [before, pids] = [await belongingsOf(conductor), await mainPids(conductor)];

  const { code, stderr } = await unit.configure(options);
  expect([code, stderr]).toEqual([0, ""]);
  const { status, message } = await unit.status();
  expect(message).toMatch(names);
  expect(message).toContain("; next: ");
  expect(status).toBe("blocked");
  expect(Object.fromEntries(await belongingsOf(conductor))).toEqual(Object.fromEntries(before));
  if (processes === "kept") expect(await mainPids(conductor)).toEqual(pids);
  if (processes !== "lost") await runsAsBefore({ conductor });
}

/** Both services are up, with the graft. */
async function runsAsBefore({ conductor }: Pick<FaultSite, "conductor">): Promise<void> {
  expect(await sh(conductor, "systemctl is-active magnum-conductor magnum-api")).toBe("active\nactive\n");
  expect(await commandLine(conductor)).toContain("--config-dir");
}

async function isNotTriedAgain({ conductor, unit }: FaultSite, { names }: UnheldChange): Promise<void> {
  const [before, was] = [await belongingsOf(conductor), await starts(conductor)];
  const { code } = await unit.runHook("update-status");
  expect(code).toBe(0);
  const { status, message } = await unit.status();
  expect([status, message]).toEqual(["blocked", expect.stringMatching(names)]);
  expect(await starts(conductor)).toEqual(was);
  expect(Object.fromEntries(await belongingsOf(conductor))).toEqual(Object.fromEntries(before));
}

async function convergesWhenPutRight(
  { conductor, unit }: FaultSite,
  { cure }: UnheldChange,
  options: Readonly<Record<string, string | number | boolean>>,
): Promise<void> {
  await cure?.(conductor);
  const urls = { "helm-url": options["helm-url"], "helm-sha256": options["helm-sha256"] };
  await unit.configure({ ...asBefore, ...urls });
  expect(await unit.status()).toEqual(ready);
  await runsAsBefore({ conductor });
  const { code, document } = await graftJson(conductor, "verify");
  expect([code, document["in-line"]]).toEqual([0, true]);
}
