import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkArchive } from "../../build/check-archive.ts";
import { modes, unzipEntries, zipEntries } from "../../build/zip.ts";
import { archiveOf, elfHeader, ownArchive, readMistakes } from "./charm-mistakes.ts";

const [good = { members: {} }, ...mistakes] = readMistakes();

describe("the checker of charm archives", () => {
  test("finds nothing wrong with a good charm", async () => {
    expect(checkArchive(await archiveOf(good))).toEqual([]);
  });

  test("finds nothing wrong with this charm, which assumes the Juju that it is tried with", async () => {
    const entries = await ownArchive();
    expect(checkArchive(entries)).toEqual([]);
    const text = entries.find(({ name }) => name === "metadata.yaml")?.content.toString() ?? "";
    expect(parse(text)).toMatchObject({ subordinate: true, assumes: ["juju >= 3.6"] });
  });

  test("finds nothing in this charm that a controller of 3.6 drops when it packs it anew", async () => {
    const dropped = /^(build|revision|\.jujuignore)(\/|$)|(^|\/)\.(git|svn|hg|bzr|tox|venv|idea)(\/|$)|~$/;
    const names = (await ownArchive()).map(({ name }) => name);
    expect(names.filter((name) => dropped.test(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(20);
  });

  test.each(mistakes)("finds the mistake: $mistake", async ({ members, problem }) => {
    const problems = checkArchive(await archiveOf(good, { members }));
    expect(problem).toBeTypeOf("string");
    expect(problems.map((line) => line.slice(0, problem?.length))).toContain(problem);
  });

  test("finds every path that Juju's repacking drops, and keeps `version`", async () => {
    const members = Object.fromEntries(
      [".git/config", "dist/.git/x", ".svn/x", ".tox/x", "build/x", "revision", ".jujuignore"].map((name) => [
        name,
        "7",
      ]),
    );
    const problems = checkArchive(await archiveOf(good, { members: { ...members, version: "v1" } }));
    expect(problems).toHaveLength(Object.keys(members).length);
    for (const name of Object.keys(members))
      expect(problems).toContain(`${name} does not belong in the archive`);
  });

  test.each<[string, Record<string, string | null>, string]>([
    ["YAML that cannot be read", { "manifest.yaml": "bases: [" }, "manifest.yaml: Flow sequence"],
    [
      "a key that is there twice",
      { "config.yaml": "options: {}\noptions: {}\n" },
      "config.yaml: Map keys must be unique",
    ],
    [
      "Juju's own endpoint name in global scope",
      { "metadata.yaml": metadataWith("x", "juju-info") },
      "metadata.yaml: requires: a name of Juju's own",
    ],
    [
      "two resources with one path on the unit",
      { "metadata.yaml": metadataWith("x", "y", "a", "b") },
      "metadata.yaml: resources: two resources share a file name",
    ],
    ["no actions.yaml", { "actions.yaml": null, "actions/verify": null }, "actions.yaml is missing"],
    [
      "programs of actions that nothing describes",
      { "actions.yaml": null },
      "actions/verify is not in actions.yaml",
    ],
    [
      "an action without a program",
      { "actions/verify": null },
      "actions.yaml names verify, but actions/verify is missing",
    ],
    [
      "a program that is no action",
      { "actions/other": "-> ../hooks/stub" },
      "actions/other is not in actions.yaml",
    ],
    [
      "an action that requires a parameter that is not there",
      { "actions.yaml": "verify: {description: d, required: [x], additionalProperties: false}\n" },
      "actions.yaml: verify.required: names a parameter",
    ],
    [
      "a stub with carriage returns",
      { "hooks/stub": "mode 0755 #!/bin/sh\r\nexit 0\r\n" },
      "hooks/stub holds a carriage return",
    ],
    [
      "a stub without an interpreter",
      { "hooks/stub": "mode 0755 exit 0\n" },
      "hooks/stub does not begin with #!",
    ],
    [
      "the loader of another architecture",
      { "bin/loader": "/lib/ld-linux-aarch64.so.1\n" },
      "bin/loader does not hold the ELF interpreter of amd64",
    ],
    [
      "a manifest for another architecture",
      { "manifest.yaml": 'bases:\n- {name: ubuntu, channel: "22.04", architectures: [arm64]}\n' },
      "bin/node is for amd64, but manifest.yaml names arm64",
    ],
    ["a Node that is no program", { "bin/node": "mode 0755 text" }, "bin/node is not a program"],
    ["a licence that is missing", { "LICENSE.node": null }, "LICENSE.node is missing"],
  ])("finds %s", async (_, members, problem) => {
    expect(checkArchive(await archiveOf(good, { members }))).toContainEqual(expect.stringContaining(problem));
  });

  test("finds a member that is there twice, and one out of order", async () => {
    const entries = await archiveOf(good);
    const last = entries.at(-1);
    const first = entries[0];
    if (first === undefined || last === undefined) throw new Error("the good charm has no members");
    expect(checkArchive([...entries, last])).toEqual([`${last.name} is there twice`]);
    expect(checkArchive([...entries.slice(1), first])).toEqual([
      `${first.name} comes after ${last.name}: entries are sorted by name`,
    ]);
  });
});

describe("the reader of charm archives", () => {
  const entries = [
    { name: "a", mode: modes.program, content: elfHeader(62) },
    { name: "b", mode: modes.link, content: Buffer.from("abcd") },
  ];

  test("gives back what the packer wrote, as made by Unix", async () => {
    expect(await unzipEntries(await zipEntries(entries))).toEqual(
      entries.map((entry) => ({ ...entry, madeBy: 3 })),
    );
  });

  test("shows the system and the name that stand in the central directory, whatever they are", async () => {
    const archive = await zipEntries([{ name: "xx/evil", mode: modes.file, content: Buffer.from("x") }]);
    const record = archive.indexOf("PK\x01\x02", 0, "latin1");
    archive.writeUInt8(0, record + 5);
    archive.write("../evil", record + 46);
    expect(await unzipEntries(archive)).toMatchObject([{ name: "../evil", madeBy: 0 }]);
  });

  test("refuses bytes that do not have the checksum in the archive", async () => {
    const archive = await zipEntries(entries);
    archive.write("abcx", archive.indexOf("abcd"));
    await expect(unzipEntries(archive)).rejects.toThrow("b: the checksum in the archive is wrong");
  });
});

function metadataWith(containerEndpoint: string, endpoint: string, ...resources: readonly string[]): string {
  const files = resources
    .map((name) => `  ${name}: {type: file, filename: same.tgz, description: d}\n`)
    .join("");
  return `name: x
summary: s
description: d
subordinate: true
assumes: [juju >= 3.6]
requires:
  ${containerEndpoint}: {interface: i, scope: container}
  ${endpoint}: {interface: juju-info}
${files === "" ? "" : `resources:\n${files}`}`;
}
