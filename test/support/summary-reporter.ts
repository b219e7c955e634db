import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with one plain line, "N passed, N failed", for readers that know no vitest. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      const states = [...module.children.allTests()].map((test) => test.result().state);
      count.passed += states.filter((state) => state === "passed").length;
      count.skipped += states.filter((state) => state === "skipped").length;
      const failed = states.filter((state) => state === "failed").length;
      // A file that did not load, or whose set-up failed, has no failed test of its own.
      count.failed += module.state() === "failed" ? Math.max(1, failed) : failed;
    }
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : "";
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed${skipped}\n`);
  }
}
