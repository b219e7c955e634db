import { describe, it } from "vitest";
import { missingParts } from "./prerequisites.ts";

/**
 * `describe` for tests that boot conductors. Where the rig can't run they are skipped with the reason in the
 * title; under CI that is a failure.
 */
export function describeRig(title: string, tests: () => void): void {
  const missing = missingParts();
  if (missing.length === 0) {
    describe(title, tests);
    return;
  }
  const reason = `the rig can't run here, it lacks ${missing.join("; ")}`;
  const { CI } = process.env;
  if (CI === undefined || CI === "" || CI === "false") {
    describe.skip(`${title} (skipped: ${reason})`, tests);
    return;
  }
  it(title, () => {
    throw new Error(reason);
  });
}
