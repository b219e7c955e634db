import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { budget, holdBudget } from "../../build/budget.ts";
import { projectRoot } from "../../build/build.ts";
import { type Bundle, bundleCharm, bundleLibrary } from "../../build/bundle.ts";
import { scratchFolder } from "./scratch.ts";

const hot = `
const load = async () => await import("./full.ts");
if (process.argv[2] === "work") load().then(({ run }) => run());
else process.stdout.write("nothing to do");
`;
const cold = `export const run = (): void => { process.stdout.write("worked"); };`;

describe("the bundle of a small tree", () => {
  test("runs its hot half without the cold one, which it loads when there is work", async () => {
    const bundle = await bundleTree({ "src/main.ts": hot, "src/full.ts": cold });
    const folder = await scratchFolder();
    const run = (verb: string) =>
      execa(process.execPath, [join(folder, "main.cjs"), verb], { reject: false, timeout: 20_000 });
    await writeFile(join(folder, "main.cjs"), bundle.main);
    expect((await run("rest")).stdout).toBe("nothing to do");
    expect((await run("work")).stderr).toContain("Cannot find module './full.cjs'");
    await writeFile(join(folder, "full.cjs"), bundle.full);
    expect((await run("work")).stdout).toBe("worked");
  });

  test("holds templates and Python files as text", async () => {
    const bundle = await bundleTree({
      "src/main.ts": hot,
      "src/full.ts": `import a from "../templates/a.tmpl"; import b from "./b.py"; process.stdout.write(a + b);`,
      "templates/a.tmpl": "from a template, ",
      "src/b.py": "from Python",
    });
    expect(await runCode(bundle.full)).toBe("from a template, from Python");
  });

  test("keeps the names of functions in the cold half, so that a stack trace can be read", async () => {
    const { full } = await bundleTree({
      "src/main.ts": hot,
      "src/full.ts": `export function observeEverything(): never { throw new Error("x"); }`,
    });
    expect(full.toString()).toContain("function observeEverything()");
  });

  test("comes with the licence of each package inside, and of no other", async () => {
    const { licences } = await bundleTree({
      "src/main.ts": hot,
      "src/full.ts": `import { parse } from "ini"; process.stdout.write(JSON.stringify(parse("")));`,
    });
    expect(licences).toMatch(/^ini \d+\.\d+\.\d+ \(ISC\)\n/);
    expect(licences).toContain("Permission to use, copy, modify");
    expect(licences).not.toContain("zod");
  });

  test.each([
    [
      "memfs",
      `import { vol } from "memfs"; vol.reset();`,
      "the bundle would hold memfs, which is for tests only: src/full.ts imports",
    ],
    [
      "a file of the tests",
      `import "../test/support.ts";`,
      "the bundle would hold test/support.ts, which is for tests only: src/full.ts imports",
    ],
    [
      "code that esbuild warns about",
      `export const isSame = NaN === Number("x");`,
      "esbuild warned, and the build takes no warning:",
    ],
    ["a package that is not there", `import "no-such-package";`, "Could not resolve"],
    ["an await at the top, which CommonJS has not", "await Promise.resolve();", "Top-level await"],
    [
      "more than its budget",
      `process.stdout.write("${"x".repeat(budget["dist/full.cjs"])}");`,
      "dist/full.cjs has",
    ],
  ])("is refused with %s", async (_, source, message) => {
    const files = { "src/main.ts": hot, "src/full.ts": source, "test/support.ts": "process.exit();" };
    await expect(bundleTree(files)).rejects.toThrow(message);
  });

  test("is refused when the hot half grows over its budget, with what it holds", async () => {
    const files = { "src/main.ts": `import * as z from "zod"; z.string().parse("");`, "src/full.ts": cold };
    await expect(bundleTree(files)).rejects.toThrow(
      /^dist\/main\.cjs has \d+ bytes, .* it holds zod \d+ KiB/,
    );
  });
});

describe("the bundle of this tree", () => {
  test("has a hot half within its budget that parses alone, and no path of the machine", async () => {
    const { main, full } = await bundleCharm(projectRoot);
    expect(main.length).toBeGreaterThan(0);
    expect(main.length).toBeLessThanOrEqual(budget["dist/main.cjs"]);
    expect(full.length).toBeLessThanOrEqual(budget["dist/full.cjs"]);
    for (const half of [main, full]) expect(half.includes(projectRoot)).toBe(false);
  });
});

describe("the bundle of the library", () => {
  test("keeps packages as imports and names them", async () => {
    const root = await writeTree({
      "src/index.ts": `import t from "./a.tmpl"; import * as z from "zod"; import { join } from "node:path"; export const x = z.string().parse(join(t));`,
      "src/a.tmpl": "inside",
    });
    const { code, packages } = await bundleLibrary(root);
    expect(packages).toEqual(["node:path", "zod"]);
    expect(code.toString()).toContain("inside");
  });
});

describe("a budget", () => {
  test("holds up to its last byte", () => {
    expect(() => holdBudget("charm", budget.charm, "")).not.toThrow();
    expect(() => holdBudget("charm", budget.charm + 1, "Node")).toThrow(
      "1 over its budget of 52428800 (build/budget.ts); it holds Node",
    );
  });
});

async function bundleTree(files: Readonly<Record<string, string>>): Promise<Bundle> {
  return await bundleCharm(await writeTree(files));
}

async function writeTree(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await scratchFolder();
  await symlink(join(projectRoot, "node_modules"), join(root, "node_modules"));
  await cp(join(projectRoot, "package.json"), join(root, "package.json"));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

async function runCode(code: Buffer): Promise<string> {
  const path = join(await scratchFolder(), "code.cjs");
  await writeFile(path, code);
  return (await execa(process.execPath, [path], { timeout: 20_000 })).stdout;
}
