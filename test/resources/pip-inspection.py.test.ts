import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test, vi } from "vitest";
import { scratchFolder } from "../bundle/scratch.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const probe = await readFile(join(import.meta.dirname, "../../src/resources/pip-inspection.py"), "utf8");
const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
const info = "fake_driver-1.4.0.dist-info";

/** Lays a package out as pip does: its files and the record of their digests. */
async function installed(): Promise<string> {
  const files: Record<string, string> = {
    "fake_driver/__init__.py": "",
    "fake_driver/driver.py": "raise SystemExit('never imported')\n",
    [`${info}/INSTALLER`]: "pip\n",
    [`${info}/METADATA`]: "Metadata-Version: 2.1\nName: fake-driver\nVersion: 1.4.0\n",
    [`${info}/entry_points.txt`]: "[magnum.drivers]\nk8s_fake_v1 = fake_driver.driver:Driver\n",
  };
  const record = Object.entries(files).map(([name, content]) => {
    const digest = createHash("sha256").update(content).digest("base64url");
    return `${name},sha256=${digest},${content.length}\n`;
  });
  files[`${info}/RECORD`] = `${record.join("")}fake_driver/__pycache__/driver.pyc,,\n${info}/RECORD,,\n`;
  return await scratchFolder(files);
}

async function look(folder: string, name = "fake-driver", entryPoint = "k8s_fake_v1", cwd = "/") {
  const { stdout } = await execa(python, ["-", name, "magnum.drivers", entryPoint], {
    input: probe,
    env: { PYTHONPATH: folder, PATH: process.env["PATH"] ?? "" },
    extendEnv: false,
    cwd,
    timeout: 20_000,
  });
  return JSON.parse(stdout) as Record<string, unknown> | null;
}

describe("what a Python sees of a package", () => {
  test("is its version, where it is, its files and its entry point", async () => {
    const folder = await installed();
    expect(await look(folder)).toEqual({
      leftovers: [],
      version: "1.4.0",
      location: expect.stringMatching(new RegExp(`^${folder}/?$`)),
      damaged: [],
      entryPoint: true,
      files: [
        "fake_driver/__init__.py",
        "fake_driver/driver.py",
        `${info}/INSTALLER`,
        `${info}/METADATA`,
        `${info}/entry_points.txt`,
        "fake_driver/__pycache__/driver.pyc",
        `${info}/RECORD`,
      ].map((name) => join(folder, name)),
      record: expect.stringMatching(/^[0-9a-f]{64}$/),
      identity: expect.stringMatching(/^1\.4\.0@\d{19}$/),
      changedAt: expect.closeTo(Date.now(), -5),
    });
  });

  test("is null when it is not installed", async () => {
    expect(await look(await installed(), "no-such-package")).toBeNull();
  });

  test("is that the wanted entry point is not there", async () => {
    expect(await look(await installed(), "fake-driver", "other")).toMatchObject({ entryPoint: false });
  });

  test("is which files are missing or are not as they were installed", async () => {
    const folder = await installed();
    await writeFile(join(folder, "fake_driver/driver.py"), "changed\n");
    await rm(join(folder, "fake_driver/__init__.py"));
    expect((await look(folder))?.["damaged"]).toEqual(["fake_driver/__init__.py", "fake_driver/driver.py"]);
  });

  test("is that an installation was cut off before pip wrote the list of files anew", async () => {
    const folder = await installed();
    const record = join(folder, info, "RECORD");
    const lines = (await readFile(record, "utf8")).split("\n");
    await writeFile(record, lines.filter((line) => !line.includes("INSTALLER")).join("\n"));
    expect((await look(folder))?.["damaged"]).toEqual(["INSTALLER"]);
  });

  test("is which files pip had written half when it was cut off", async () => {
    const folder = await installed();
    const left = ["INSTALLERz650uu9h.tmp", "RECORD_a1b2c3d.tmp"].map((name) => join(folder, info, name));
    const others = [`${info}/notes.tmp`, "fake_driver/INSTALLERz650uu9h.tmp"].map((name) =>
      join(folder, name),
    );
    for (const path of [...left, ...others]) await writeFile(path, "pip\n");
    expect(await look(folder)).toMatchObject({ leftovers: left, damaged: [] });
  });

  test("changes its identity when it is installed again with the same bytes", async () => {
    const folder = await installed();
    const before = (await look(folder))?.["identity"];
    const record = join(folder, info, "RECORD");
    const content = await readFile(record);
    await rm(record);
    await writeFile(record, content);
    expect((await look(folder))?.["identity"]).not.toBe(before);
  });

  test("is not what lies in the folder that it is started in", async () => {
    const folder = await installed();
    expect(await look("", "fake-driver", "k8s_fake_v1", folder)).toBeNull();
  });
});
