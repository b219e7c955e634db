import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, type TestContext, test } from "vitest";
import * as z from "zod";
import { buildCharm, projectRoot } from "../../build/build.ts";
import { archs, hostArch } from "../../build/node-binary.ts";
import { bases } from "../../build/pack.ts";
import { zipEntries } from "../../build/zip.ts";
import { archiveOf, readMistakes } from "./charm-mistakes.ts";
import { type Charmcraft, findCharmcraft } from "./charmcraft.ts";
import { scratchFolder } from "./scratch.ts";

const verdicts = z.array(
  z.object({ name: z.string(), result: z.string(), check_type: z.string(), text: z.string() }),
);

let charmcraft: Charmcraft;

beforeAll(async () => {
  charmcraft = await findCharmcraft();
  if ("missing" in charmcraft) console.warn(charmcraft.missing);
});

describe("charmcraft's own linters", () => {
  test("find no error and no warning in the charm", async (context) => {
    const folder = await scratchFolder();
    const { path } = await buildCharm({ arch: hostArch() ?? "amd64", out: folder });
    const { exitCode, lints } = await analyse(path, context);
    expect(lints.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["metadata", "juju-config", "juju-actions", "naming-conventions"]),
    );
    expect(lints.filter(({ result }) => !["ok", "nonapplicable"].includes(result))).toEqual([]);
    expect(exitCode).toBe(0);
  });

  test("find a mistake that is put in, so that finding none means something", async (context) => {
    const [good] = readMistakes();
    const entries = await archiveOf(good ?? { members: {} }, {
      members: { "config.yaml": "options:\n  a_b:\n    default: x\n" },
    });
    const path = join(await scratchFolder(), "spoilt.charm");
    await writeFile(path, await zipEntries(entries));
    const { lints } = await analyse(path, context);
    expect(lints.filter(({ result }) => result === "error").map(({ name }) => name)).toContain("juju-config");
  });
});

describe("charmcraft.yaml", () => {
  test("is a project that charmcraft accepts, with a platform for each base and architecture", async (context) => {
    const folder = await scratchFolder();
    for (const name of ["charmcraft.yaml", "metadata.yaml", "config.yaml"])
      await cp(join(projectRoot, name), join(folder, name));
    const { exitCode, stdout, stderr } = await run(["expand-extensions"], folder, context);
    expect(stderr).not.toContain("error");
    expect(exitCode).toBe(0);
    for (const base of bases) for (const arch of archs) expect(stdout).toContain(`ubuntu@${base}:${arch}:`);
  });

  test("leaves out of the staged folder what charmcraft writes itself", async () => {
    const text = await readFile(join(projectRoot, "charmcraft.yaml"), "utf8");
    for (const name of ["metadata", "config", "actions", "manifest"])
      expect(text).toContain(`- -${name}.yaml`);
  });
});

async function run(argv: readonly string[], folder: string, { skip }: TestContext) {
  if ("missing" in charmcraft) return skip(charmcraft.missing);
  return await charmcraft.run(argv, folder);
}

async function analyse(path: string, context: TestContext) {
  const folder = await scratchFolder();
  await mkdir(join(folder, "work"));
  const { exitCode, stdout } = await run(["analyse", "--format=json", path], join(folder, "work"), context);
  return {
    exitCode,
    lints: verdicts.parse(JSON.parse(stdout)).filter(({ check_type }) => check_type === "lint"),
  };
}
