import { defineConfig } from "vitest/config";

const templates = {
  name: "templates-as-text",
  transform(code: string, id: string) {
    return id.endsWith(".tmpl") || id.endsWith(".py") ? `export default ${JSON.stringify(code)}` : undefined;
  },
};

const shared = { restoreMocks: true, passWithNoTests: false };

export default defineConfig({
  plugins: [templates],
  test: {
    reporters: ["default", "./test/support/summary-reporter.ts"],
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          name: "unit",
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
          testTimeout: 30_000,
          include: [
            "test/*.test.ts",
            "test/{host,reconcile,resources,conductor,management,juju,cli,support}/**/*.test.ts",
          ],
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: "bundle",
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
          include: ["test/bundle/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: "rig",
          // More than there are cores: most of a rig test is waiting for services to prove that they stay up.
          maxWorkers: 5,
          // Of the tests of one file that run side by side: each has a conductor of its own.
          maxConcurrency: 2,
          sequence: { groupOrder: 1 },
          include: ["test/rig/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 2_400_000,
          globalSetup: ["test/rig/global-setup.ts"],
        },
      },
    ],
  },
});
