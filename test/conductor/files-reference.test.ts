import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { firstOriginals } from "../../src/conductor/desired-state.ts";
import { paths } from "../../src/conductor/paths.ts";
import { watchUnits } from "../../src/conductor/watch-units.ts";
import { conductorFacts } from "../support/conductor-facts.ts";

const root = join(import.meta.dirname, "../..");
const textOf = (page: string) => readFileSync(join(root, page), "utf8");
const page = textOf("docs/reference/files.md");
const inState = Object.values(paths).filter((path) => path.startsWith(`${paths.state}/`));

describe("docs/reference/files.md", () => {
  test("names every entry of the state directory, and so does ARCHITECTURE.md", () => {
    const names = inState.map((path) => path.slice(paths.state.length + 1));
    expect(names.length).toBeGreaterThan(8);
    for (const text of [page, textOf("ARCHITECTURE.md")])
      expect(names.filter((name) => !new RegExp(`\`${name}/?\``).test(text))).toEqual([]);
  });

  test("names every path that is written outside of it", () => {
    const {
      dropIn,
      dropInDirectory,
      kubeconfig,
      helm,
      command,
      conductorDefaults,
      apiDefaults,
      lock,
      staging,
    } = paths;
    const units = watchUnits(
      conductorFacts,
      { charmDirectory: "/charm", driverVersion: "1.4.0" },
      firstOriginals,
    );
    const unitFiles = units.map(({ id }) => `${paths.units}/${id.replace("unit:", "")}`);
    const own = [
      dropIn,
      dropInDirectory,
      kubeconfig,
      helm,
      command,
      conductorDefaults,
      apiDefaults,
      lock,
      staging,
    ];
    for (const path of [...own, ...unitFiles]) expect(page).toMatch(new RegExp(`\`${path}/?\``));
  });
});
