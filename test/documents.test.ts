import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import * as z from "zod";

const root = dirname(import.meta.dirname);
const pages = globSync(["*.md", "docs/**/*.md"], { cwd: root });
const manifest = z.object({ scripts: z.record(z.string(), z.string()) });
const { scripts } = manifest.parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));

const textOf = (page: string) => readFileSync(join(root, page), "utf8");

test("there are the pages that a reader looks for first", () => {
  expect(pages).toEqual(
    expect.arrayContaining(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]),
  );
});

describe.each(pages)("%s", (page) => {
  test("links to pages and files that are there", () => {
    const links = [...textOf(page).matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link ?? "");
    const own = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(own.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });

  test("names scripts that package.json has", () => {
    const named = [...textOf(page).matchAll(/npm run ([a-z]+)/g)].map(([, script]) => script ?? "");
    expect(named.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });

  test("names files of the tree that are there", () => {
    const named = [...textOf(page).matchAll(/`((?:src|test|build|docs|hooks|templates)\/[\w./-]+)`/g)];
    const paths = named.map(([, path]) => path ?? "").filter((path) => !/[A-Z]{3}/.test(path));
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
