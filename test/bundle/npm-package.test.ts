import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { projectRoot } from "../../build/build.ts";

const packed = z.tuple([z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) })]);
const manifestShape = z.object({
  dependencies: z.record(z.string(), z.string()),
  bin: z.record(z.string(), z.string()),
});

let consumer: string;
let installed: string;
let paths: string[];
let manifest: z.infer<typeof manifestShape>;

/** Packs as `npm pack` does, scripts included, and puts the tarball where npm would, with links for its packages. */
beforeAll(async () => {
  consumer = await mkdtemp(join(tmpdir(), "magnum-capi-helm-"));
  const { stdout } = await execa("npm", ["pack", "--json", "--pack-destination", consumer], {
    cwd: projectRoot,
    timeout: 180_000,
  });
  const [{ filename, files }] = packed.parse(JSON.parse(stdout));
  paths = files.map(({ path }) => path);
  installed = join(consumer, "node_modules/magnum-capi-helm");
  await mkdir(installed, { recursive: true });
  await execa("tar", ["-xzf", join(consumer, filename), "--strip-components=1", "-C", installed], {
    timeout: 60_000,
  });
  manifest = manifestShape.parse(JSON.parse(await readFile(join(installed, "package.json"), "utf8")));
  for (const name of [...Object.keys(manifest.dependencies), "@types"]) {
    await symlink(join(projectRoot, "node_modules", name), join(consumer, "node_modules", name));
  }
});

afterAll(() => rm(consumer, { recursive: true, force: true }));

describe("the npm package", () => {
  test("holds the library, its declarations and the command, and no source, test or charm", () => {
    expect(paths).toEqual(
      expect.arrayContaining([
        "dist/lib/index.js",
        "dist/lib/index.d.ts",
        "dist/lib/main.cjs",
        "dist/lib/full.cjs",
        "LICENSE",
      ]),
    );
    expect(paths.filter((path) => !/^(dist\/lib\/|LICENSE$|README\.md$|package\.json$)/.test(path))).toEqual(
      [],
    );
    expect(paths.filter((path) => /\.(charm|tmpl|py)$|(?<!\.d)\.ts$/.test(path))).toEqual([]);
  });

  test("exports the same names as src/index.ts", async () => {
    const names = await runInConsumer(
      `import * as library from "magnum-capi-helm"; console.log(JSON.stringify(Object.keys(library).sort()));`,
    );
    const source = await import(pathToFileURL(join(projectRoot, "src/index.ts")).href);
    expect(JSON.parse(names)).toEqual(Object.keys(source).sort());
    expect(JSON.parse(names)).not.toEqual([]);
  });

  test("type-checks a consumer, and refuses one that asks for what is not there", async () => {
    const right = await typeCheck(
      `import * as library from "magnum-capi-helm";\nconst names: readonly string[] = Object.keys(library);\nconsole.log(names);\n`,
    );
    expect(right).toBe("");
    const wrong = await typeCheck(
      `import { noSuchExport } from "magnum-capi-helm";\nconsole.log(noSuchExport);\n`,
    );
    expect(wrong).toContain("has no exported member 'noSuchExport'");
  });

  test("has the command capi-graft as a program for Node", async () => {
    const command = join(installed, manifest.bin["capi-graft"] ?? "");
    expect((await stat(command)).mode & 0o111).toBe(0o111);
    expect(await readFile(command, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
    const { stdout, exitCode } = await execa(process.execPath, [command, "--help"], { timeout: 20_000 });
    expect(stdout).toContain("capi-graft");
    expect(exitCode).toBe(0);
  });
});

async function runInConsumer(source: string): Promise<string> {
  await writeFile(join(consumer, "run.mjs"), source);
  return (await execa(process.execPath, ["run.mjs"], { cwd: consumer, timeout: 20_000 })).stdout;
}

/** What the compiler prints about a consumer, the declarations that it imports included; empty when it is content. */
async function typeCheck(source: string): Promise<string> {
  await writeFile(join(consumer, "consumer.mts"), source);
  const options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2024", "--types", "node"];
  const { stdout } = await execa("tsc", [...options, "consumer.mts"], {
    cwd: consumer,
    preferLocal: true,
    localDir: projectRoot,
    reject: false,
    timeout: 120_000,
  });
  return stdout;
}
