import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Import, importsOf, sourceFiles, sourceRoot } from "./support/imports.ts";

/** From top to bottom; a folder may import from those below it, and from itself. */
const layers = [
  ["main", "full", "index"],
  ["juju", "cli"],
  ["conductor"],
  ["management"],
  ["resources"],
  ["reconcile"],
  ["host"],
];

const files = sourceFiles();
const all = files.flatMap((file) => importsOf(file).map((it) => ({ file, ...it })));
const inTree = (target: string) => files.includes(target);
const folderOf = (path: string) => path.split("/")[0]?.replace(/\.ts$/, "") ?? "";
const layerOf = (path: string) => layers.findIndex((layer) => layer.includes(folderOf(path)));
const importersOf = (...names: string[]) => [
  ...new Set(all.filter(({ target }) => names.includes(target)).map(({ file }) => file)),
];

test("every source file belongs to a layer", () => {
  expect(files.filter((file) => layerOf(file) === -1)).toEqual([]);
  expect(files.length).toBeGreaterThan(25);
});

test("every import was understood: each word `from` and `import(` of the sources is one", () => {
  for (const file of files) {
    const text = readFileSync(join(sourceRoot, file), "utf8");
    const words = text.match(/(^(import|export)\b[^;]*?\sfrom "|\bimport\()/gm) ?? [];
    const bare = text.match(/^import "/gm) ?? [];
    expect(importsOf(file), file).toHaveLength(words.length + bare.length);
  }
});

describe("imports", () => {
  test("of the tree name a file that is there", () => {
    const missing = all.filter(({ target }) => !isBuiltin(target) && target.includes(".") && !inTree(target));
    const templates = missing.filter(({ target }) => /\.(py|tmpl)$/.test(target));
    for (const { target } of templates) expect(existsSync(join(sourceRoot, target)), target).toBe(true);
    expect(missing.filter((it) => !templates.includes(it))).toEqual([]);
  });

  test("go down only: main, full and index; juju and cli; conductor; management; resources; reconcile; host", () => {
    const wrong = all
      .filter(({ file, target }) => inTree(target) && folderOf(file) !== folderOf(target))
      .filter(({ file, target }) => layerOf(target) < layerOf(file))
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  test("keep juju and cli apart", () => {
    const across = all.filter(
      ({ file, target }) =>
        (file.startsWith("juju/") && target.startsWith("cli/")) ||
        (file.startsWith("cli/") && target.startsWith("juju/")),
    );
    expect(across).toEqual([]);
  });

  test("have no circle", () => {
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) {
        circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
        return;
      }
      if (done.has(file)) return;
      const loaded = importsOf(file).filter(({ target, typeOnly }) => inTree(target) && !typeOnly);
      for (const { target } of loaded) visit(target, [...path, file]);
      done.add(file);
    };
    visit("main.ts", []);
    visit("index.ts", []);
    expect(circles).toEqual([]);
  });
});

describe("what touches the machine is in few places", () => {
  test("memfs is in the memory host alone", () => {
    expect(importersOf("memfs")).toEqual(["host/memory-host.ts"]);
  });

  test("execa is in the local host alone", () => {
    expect(importersOf("execa")).toEqual(["host/local-host.ts"]);
  });

  test("the files of the system are in the local host, and in what decides that nothing is to do", () => {
    const loaded = all.filter(
      ({ target, typeOnly }) => /^(node:)?fs(\/promises)?$/.test(target) && !typeOnly,
    );
    expect([...new Set(loaded.map(({ file }) => file))]).toEqual([
      "conductor/signature.ts",
      "host/download.ts",
      "host/local-host.ts",
      "juju/quiet.ts",
    ]);
  });

  test("its types are where the files of both hosts are", () => {
    const types = all.filter(({ target, typeOnly }) => /^(node:)?fs(\/promises)?$/.test(target) && typeOnly);
    expect(types.map(({ file }) => file)).toEqual(["host/files.ts"]);
  });

  test("programs are started by the local host, and hook commands by one file", () => {
    expect(importersOf("node:child_process", "child_process")).toEqual([
      "host/local-host.ts",
      "juju/hook-command.ts",
    ]);
  });

  test("the process is ended by nobody: main sets the exit code alone", () => {
    const ending = files.filter((file) =>
      /process\.exit\(/.test(readFileSync(join(sourceRoot, file), "utf8")),
    );
    expect(ending).toEqual([]);
  });
});

/** All that is loaded when a file is, without what it loads later on. */
function loadedBy(
  file: string,
  seen: Map<string, readonly Import[]> = new Map(),
): ReadonlyMap<string, readonly Import[]> {
  if (seen.has(file)) return seen;
  const loaded = importsOf(file).filter(({ typeOnly, dynamic }) => !typeOnly && !dynamic);
  seen.set(file, loaded);
  for (const { target } of loaded) if (inTree(target)) loadedBy(target, seen);
  return seen;
}

describe("a hook with nothing to do", () => {
  const hot = loadedBy("main.ts");

  test("loads its own few files, and what Node has built in", () => {
    const own = [
      "conductor/paths.ts",
      "conductor/signature.ts",
      "juju/hook-command.ts",
      "juju/quiet.ts",
      "main.ts",
      "node:child_process",
      "node:fs",
    ];
    const loaded = [...hot.keys(), ...[...hot.values()].flat().map(({ target }) => target)];
    expect(loaded).toContain("conductor/signature.ts");
    expect(loaded.filter((target) => !own.includes(target))).toEqual([]);
  });
});

test("the library loads no test double, and nothing of Juju or of the command", () => {
  const loaded = [...loadedBy("index.ts").keys()];
  expect(loaded.filter((file) => /^(juju|cli)\/|memory-host/.test(file))).toEqual([]);
});

const page = join(sourceRoot, "../ARCHITECTURE.md");

test("every folder of src, and every file at its top, is named in ARCHITECTURE.md", () => {
  const text = readFileSync(page, "utf8");
  const entries = readdirSync(sourceRoot, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  expect(names.filter((name) => !name.endsWith(".d.ts") && !text.includes(name))).toEqual([]);
});
