import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryUnit } from "./temporary-unit.ts";

const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

const writesFiles = "mkdir -p lib data; echo own >lib/own; echo own >data/own; echo own >kept.txt";

describe("the charm's folder", () => {
  const further = {
    "bin/tool": { script: "#!/bin/sh\n" },
    "lib/a.txt": "a",
    "build/lost.txt": "lost",
    ".git/config": "lost",
    "hooks/update-status": "#!/bin/sh\n",
    "doc/latest": { link: "../lib/a.txt" },
  };

  it("has the charm's files with their modes and links", async () => {
    const { unit } = await temporaryUnit("exit 0", { juju: "4.0.15", further });
    await unit.deploy();
    const at = (path: string): string => join(unit.charmFolder, path);
    expect([mode(at("bin/tool")), mode(at("lib/a.txt")), mode(at("bin"))]).toEqual(["755", "644", "755"]);
    expect(readlinkSync(at("hooks/install"))).toBe("stub");
    expect(readFileSync(at("doc/latest"), "utf8")).toBe("a");
    expect(readFileSync(at("build/lost.txt"), "utf8")).toBe("lost");
    expect(readFileSync(at("revision"), "utf8")).toBe("0");
  });

  it("gives hooks that are files the owner's execute bit", async () => {
    const { unit } = await temporaryUnit("exit 0", { further });
    await unit.deploy();
    expect(mode(join(unit.charmFolder, "hooks/update-status"))).toBe("744");
  });

  it("lacks under Juju 3 what its packing leaves out", async () => {
    const { unit } = await temporaryUnit("exit 0", { further });
    await unit.deploy();
    const found = readdirSync(unit.charmFolder).filter((name) => !name.endsWith(".yaml"));
    expect(found.sort()).toEqual([".juju-charm", "bin", "doc", "hooks", "lib", "revision"]);
  });

  it.each([
    ["leads out of the charm", { link: "../../etc/passwd" }, 'symlink "../../etc/passwd" leads out of scope'],
    ["is absolute", { link: "/etc/passwd" }, 'symlink "/etc/passwd" is absolute'],
  ])("takes no link that %s", async (_, link, text) => {
    const { unit } = await temporaryUnit("exit 0", { further: { "doc/bad": link } });
    await expect(unit.deploy()).rejects.toThrow(text);
  });
});

describe("a refresh", () => {
  const before = {
    "gone.txt": "old",
    "kept.txt": "old",
    "lib/gone.txt": "old",
    "hooks/old": { script: "#!/bin/sh\n" },
  };
  const after = { "kept.txt": "new", "new.txt": "new" };

  it("deletes what only the old charm had, writes the new files and leaves the charm's own", async () => {
    const { unit, charm } = await temporaryUnit(writesFiles, { juju: "4.0.15", further: before });
    await unit.deploy();
    const results = await unit.refresh(await charm("cat kept.txt", after));
    expect(results.map(({ hook, code, stdout }) => [hook, code, stdout])).toEqual([
      ["upgrade-charm", 0, "new"],
      ["config-changed", 0, "new"],
    ]);
    const names = readdirSync(unit.charmFolder).filter((name) => !name.endsWith(".yaml"));
    expect(names.sort()).toEqual([".juju-charm", "data", "hooks", "kept.txt", "lib", "new.txt", "revision"]);
    expect(readdirSync(join(unit.charmFolder, "lib"))).toEqual(["own"]);
    expect(() => lstatSync(join(unit.charmFolder, "hooks/old"))).toThrow("ENOENT");
    expect(readFileSync(join(unit.charmFolder, "revision"), "utf8")).toBe("1");
  });

  it("deletes under Juju 3 a folder that only the old charm had, with the charm's own files in it", async () => {
    const { unit, charm } = await temporaryUnit(writesFiles, { further: before });
    await unit.deploy();
    await unit.refresh(await charm("exit 0", after));
    expect(readdirSync(unit.charmFolder)).not.toContain("lib");
    expect(readFileSync(join(unit.charmFolder, "data/own"), "utf8")).toBe("own\n");
  });

  it("brings the new charm's defaults and keeps what was set", async () => {
    const { unit, charm } = await temporaryUnit("exit 0", { config: { word: "set" } });
    await unit.deploy();
    const options = "options:\n  word: {type: string, default: w}\n  count: {type: int, default: 9}\n";
    const results = await unit.refresh(await charm("config-get --format=json", { "config.yaml": options }));
    expect(results.at(-1)?.stdout).toBe('{"count":9,"word":"set"}\n');
  });
});
