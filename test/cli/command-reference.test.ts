import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { verbNames, verbOption, verbOptionNames } from "../../src/cli/verbs.ts";
import { healRecordOf } from "../../src/conductor/heal-log.ts";

const root = join(import.meta.dirname, "../..");
const textOf = (page: string) => readFileSync(join(root, page), "utf8");
const page = textOf("docs/reference/command.md");

/** What stands in the first cells of the tables of a text, without what follows the name. */
function firstCells(text: string): readonly string[] {
  return [...text.matchAll(/^\| `(-{0,2}[a-z][a-z-]*)[^`|]*` \|/gm)].map(([, cell = ""]) => cell);
}

/** The part of a text below a heading, up to the next one. */
function below(text: string, heading: string): string {
  return text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
}

describe("docs/reference/command.md", () => {
  test("lists every verb, and so does the README", () => {
    expect(firstCells(page).slice(0, verbNames.length)).toEqual(verbNames);
    expect(firstCells(below(textOf("README.md"), "The command"))).toEqual(verbNames);
  });

  test("names every option, with the verbs that it is of", () => {
    const listed = new Set(firstCells(page).filter((cell) => cell.startsWith("--")));
    expect(listed).toEqual(new Set([...verbOptionNames.map((name) => `--${name}`), "--json"]));
    for (const name of verbOptionNames) {
      const { verbs } = verbOption(name);
      const row = new RegExp(
        `^\\| \`--${name}[ \`][^|]*\\| ${verbs.map((it) => `\`${it}\``).join(", ")} \\|`,
        "m",
      );
      expect(page).toMatch(row);
    }
  });

  test("lists the keys of a record of the heal log", () => {
    const gate = {
      id: "g",
      title: "t",
      state: "closed",
      cure: "operator",
      reason: "r",
      remedy: "r",
    } as const;
    const circumstances = { at: "", trigger: "", cause: { what: "", evidence: [] }, seconds: 1 };
    const record = healRecordOf({ mode: "apply", outcomes: [], gates: [gate] }, circumstances);
    const listed = firstCells(below(page, "A record of the heal log"));
    expect(new Set(listed)).toEqual(new Set(Object.keys(record)));
  });
});
