import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { help, parseRequest } from "../../src/cli/request.ts";
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

const wrong = parseRequest([]);
const verbs = wrong.kind === "wrong" ? wrong.reason.replace("a verb is needed: ", "").split(", ") : [];

describe("docs/reference/command.md", () => {
  test("lists every verb, and so does the README", () => {
    expect(verbs).toContain("plan");
    expect(firstCells(page).slice(0, verbs.length)).toEqual(verbs);
    expect(firstCells(below(textOf("README.md"), "The command"))).toEqual(verbs);
  });

  test("names every option of the help", () => {
    const options = [...help.matchAll(/^ {2}(--[a-z-]+)|, (--[a-z-]+)/gm)].map(([, a, b]) => a ?? b ?? "");
    const listed = new Set(firstCells(page).filter((cell) => cell.startsWith("--")));
    expect(listed).toEqual(new Set(options.filter((option) => option !== "--help")));
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
