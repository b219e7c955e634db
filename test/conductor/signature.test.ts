import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readSignature, signatureHolds, takeSignature } from "../../src/conductor/signature.ts";
import { scratchFolder } from "../bundle/scratch.ts";

const origin = { inLine: true, takenAt: 1, config: "{}", secret: "secret:d0bsnaj8mtb47d5kqv0g" };

/** A folder with a file, a directory with a file, and a path at which nothing is; and their signature. */
async function signed() {
  const root = await scratchFolder();
  const at = (...names: string[]) => join(root, ...names);
  writeFileSync(at("file"), "text");
  utimesSync(at("file"), 1, 1);
  mkdirSync(at("directory"));
  writeFileSync(at("directory", "inside"), "text");
  const files = [at("file"), at("directory"), at("directory", "inside"), at("absent")];
  return { at, signature: takeSignature(origin, { files, processes: [process.pid] }) };
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

describe("a signature", () => {
  test("holds while nothing changes, also after it was written and read", async () => {
    const { at, signature } = await signed();
    expect(signatureHolds(signature)).toBe(true);
    writeFileSync(at("signature.json"), JSON.stringify(signature));
    expect(readSignature(at("signature.json"))).toEqual(signature);
    expect(signatureHolds(readSignature(at("signature.json")) ?? { ...signature, files: { "/": "" } })).toBe(
      true,
    );
  });

  test.each<[string, (at: (...names: string[]) => string) => void]>([
    ["a file has other bytes", (at) => writeFileSync(at("file"), "other")],
    ["a file has the same bytes again", (at) => writeFileSync(at("file"), "text")],
    [
      "a file has other bytes of the same length, and its old times",
      (at) => {
        writeFileSync(at("file"), "TEXT");
        utimesSync(at("file"), 1, 1);
      },
    ],
    ["a file has another mode", (at) => chmodSync(at("file"), 0o600)],
    [
      "a file is replaced",
      (at) => {
        writeFileSync(at("new"), "text");
        renameSync(at("new"), at("file"));
      },
    ],
    ["a file is gone", (at) => rmSync(at("file"))],
    ["a file is there that was not", (at) => writeFileSync(at("absent"), "")],
    ["a directory has another mode", (at) => chmodSync(at("directory"), 0o700)],
    ["a directory has one more file", (at) => writeFileSync(at("directory", "more"), "")],
    [
      "a directory is a file by now",
      (at) => {
        rmSync(at("directory"), { recursive: true });
        writeFileSync(at("directory"), "");
      },
    ],
    [
      "a directory is a link to itself by now",
      (at) => {
        rmSync(at("directory"), { recursive: true });
        symlinkSync("directory", at("directory"));
      },
    ],
  ])("does not hold when %s", async (_, change) => {
    const { at, signature } = await signed();
    await pause();
    change(at);
    expect(signatureHolds(signature)).toBe(false);
  });

  test("does not hold when a process is gone", async () => {
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    const signature = takeSignature(origin, { files: [], processes: [child.pid ?? 0] });
    expect(signatureHolds(signature)).toBe(true);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    expect(signatureHolds(signature)).toBe(false);
  });

  test("does not hold for another process of the same pid", () => {
    const signature = takeSignature(origin, { files: [], processes: [process.pid] });
    const start = signature.processes[String(process.pid)];
    expect(start).toMatch(/^\d+$/);
    expect(signatureHolds({ ...signature, processes: { [process.pid]: `${Number(start) - 1}` } })).toBe(
      false,
    );
  });

  test("is none where there is no file, or no whole one", async () => {
    const { at } = await signed();
    expect(readSignature(at("absent"))).toBeUndefined();
    writeFileSync(at("half"), '{"config": "');
    expect(readSignature(at("half"))).toBeUndefined();
    expect(readSignature(at("directory"))).toBeUndefined();
  });
});
