import { afterAll, beforeAll, expect, it } from "vitest";
import { rigCache } from "./cache.ts";
import { describeRig } from "./describe-rig.ts";
import { whyNoPowerCut } from "./faults/disk.ts";
import type { Victims } from "./faults/fault-site.ts";
import { type Matrix, makeMatrix, sampleOf, type Verdict } from "./faults/matrix.ts";
import { operations } from "./faults/operations.ts";

describeRig(
  "an operation that is killed half-way, one point in many (npm run test:faults has them all)",
  () => {
    const names = Object.keys(operations);
    let matrix: Matrix;
    let victims: readonly Victims[] = ["all", "one", "power"];
    beforeAll(async () => {
      const reason = whyNoPowerCut(rigCache());
      if (reason !== undefined) {
        process.stderr.write(`rig: power can't be cut here, processes are killed instead: ${reason}\n`);
        victims = ["all", "one", "all"];
      }
      matrix = await makeMatrix("bookworm", names);
    });
    afterAll(() => matrix?.end());

    it.concurrent.each(names)("%s: one next run converges", { timeout: 1_800_000 }, async (operation) => {
      const counted = await matrix.count(operation);
      const verdicts: Verdict[] = [];
      // Two of the three, others for each operation: the whole of it takes hours.
      const left = names.indexOf(operation) % victims.length;
      const taken = victims.filter((_, index) => index !== left);
      for (const point of sampleOf(operation, counted, taken))
        verdicts.push(await matrix.kill(point, counted));
      const count = (state: Verdict["state"]) => verdicts.filter((it) => it.state === state).length;
      const states = `${count("new")} to the new state, ${count("old")} to the old`;
      process.stdout.write(
        `${operation}: ${counted.calls.length} calls, ${verdicts.length} kill points, ${states}\n`,
      );
      expect(
        verdicts.flatMap(({ faults, ...it }) => (faults.length === 0 ? [] : [{ ...it, faults }])),
      ).toEqual([]);
    });
  },
);
