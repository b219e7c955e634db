import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readWheel } from "../../src/resources/wheel.ts";
import { driverWheel, zipOf } from "../support/wheels.ts";

describe("a wheel", () => {
  test("says its name, normalised, and its version", async () => {
    expect(await readWheel(await driverWheel({ version: "1.4.0+site1" }))).toEqual({
      name: "magnum-capi-helm",
      version: "1.4.0+site1",
    });
    const dotted = await driverWheel({ name: "Magnum.Capi_Helm", folder: "magnum_capi_helm-1.4.0" });
    expect(await readWheel(dotted)).toMatchObject({ name: "magnum-capi-helm" });
  });

  test.each<[string, () => Buffer | Promise<Buffer>, string]>([
    ["is empty", () => Buffer.alloc(0), "no zip archive (or cut off)"],
    ["is 5 MB of anything", () => randomBytes(5_000_000), "no zip archive (or cut off)"],
    [
      "is a zip archive of something else",
      () => zipOf({ "a.txt": "a" }),
      "no wheel (a zip archive of something else)",
    ],
    [
      "has another folder than its METADATA says",
      () => driverWheel({ folder: "magnum_capi_helm-1.3.0" }),
      "inconsistent (METADATA says magnum-capi-helm 1.4.0, the folder is magnum_capi_helm-1.3.0.dist-info)",
    ],
    [
      "has no version",
      () => driverWheel({ version: "", folder: "magnum_capi_helm" }),
      "inconsistent (METADATA says magnum-capi-helm , the folder is magnum_capi_helm.dist-info)",
    ],
    [
      "is for one platform",
      () => driverWheel({ tag: "cp310-cp310-manylinux_2_17_x86_64" }),
      "built for cp310-cp310-manylinux_2_17_x86_64 (not for py3-none-any)",
    ],
  ])("that %s is none", async (_, bytes, reason) => {
    expect(await readWheel(await bytes())).toEqual({ reason });
  });

  /** A wheel whose list of files says something else of one of them than is true. */
  async function listed(at: number, value: number): Promise<Buffer> {
    const zip = await driverWheel();
    zip.writeUInt32LE(value, zip.indexOf(Buffer.from("PK\u0001\u0002")) + at);
    return zip;
  }

  test.each<[string, () => Promise<Buffer>, string]>([
    [
      "says that it grows to 4 GB",
      () => listed(24, 0xfffffffe),
      "too large (more than 100 MiB when unpacked)",
    ],
    ["grows to more than it says", () => listed(24, 1), "damaged (its file magnum_capi_helm/driver.py)"],
    [
      "grows to 101 MiB",
      () => driverWheel({ more: { x: "0".repeat(101 * 1024 * 1024) } }),
      "too large (more than 100 MiB when unpacked)",
    ],
    ["has files that share their bytes", () => listed(20, 50_000), "damaged (its list of files)"],
    ["has a file twice", twice, "damaged (its file two.py is there twice)"],
    ["has a file outside of it", outside, "damaged (its list of files)"],
  ])("that %s is none, which is found in time", async (_, bytes, reason) => {
    const wheel = await bytes();
    const began = performance.now();
    expect(await readWheel(wheel)).toEqual({ reason });
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  /** A file's name in both places, replaced by another of that length. */
  async function renamed(from: string, to: string, more: Record<string, string>): Promise<Buffer> {
    const zip = await driverWheel({ more });
    return Buffer.from(zip.toString("latin1").replaceAll(from, to), "latin1");
  }

  function twice(): Promise<Buffer> {
    return renamed("one.py", "two.py", { "one.py": "", "two.py": "" });
  }

  function outside(): Promise<Buffer> {
    return renamed("aa/x", "../x", { "aa/x": "" });
  }

  test("that is cut off anywhere is none", async () => {
    const whole = await driverWheel();
    for (let length = 0; length < whole.length; length += 7)
      expect(await readWheel(whole.subarray(0, length))).toHaveProperty("reason");
  });

  test("with any byte changed is refused, or says the same: nothing is thrown", async () => {
    const whole = await driverWheel();
    const good = await readWheel(whole);
    for (let at = 0; at < whole.length; at += 1) {
      const bent = Buffer.from(whole);
      bent[at] = (bent[at] ?? 0) ^ 0xff;
      const answer = await readWheel(bent);
      if (!("reason" in answer)) expect(answer).toEqual(good);
    }
  });
});
