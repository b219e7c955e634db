import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readWheel } from "../../src/resources/wheel.ts";
import { driverWheel, zipOf } from "../support/wheels.ts";

describe("a wheel", () => {
  test("says its name, normalised, and its version", async () => {
    expect(readWheel(await driverWheel({ version: "1.4.0+site1" }))).toEqual({
      name: "magnum-capi-helm",
      version: "1.4.0+site1",
    });
    const dotted = await driverWheel({ name: "Magnum.Capi_Helm", folder: "magnum_capi_helm-1.4.0" });
    expect(readWheel(dotted)).toMatchObject({ name: "magnum-capi-helm" });
  });

  test.each<[string, () => Buffer | Promise<Buffer>, string]>([
    ["is empty", () => Buffer.alloc(0), "it is no zip archive (or cut off)"],
    ["is 5 MB of anything", () => randomBytes(5_000_000), "it is no zip archive (or cut off)"],
    [
      "is a zip archive of something else",
      () => zipOf({ "a.txt": "a" }),
      "it is no wheel (but a zip archive)",
    ],
    [
      "has another folder than its METADATA says",
      () => driverWheel({ folder: "magnum_capi_helm-1.3.0" }),
      "its METADATA says magnum-capi-helm 1.4.0, but its folder is magnum_capi_helm-1.3.0.dist-info",
    ],
    [
      "has no version",
      () => driverWheel({ version: "", folder: "magnum_capi_helm" }),
      "its METADATA says magnum-capi-helm , but its folder is magnum_capi_helm.dist-info",
    ],
    [
      "is for one platform",
      () => driverWheel({ tag: "cp310-cp310-manylinux_2_17_x86_64" }),
      "it is for cp310-cp310-manylinux_2_17_x86_64 (not for py3-none-any)",
    ],
  ])("that %s is none", async (_, bytes, reason) => {
    expect(readWheel(await bytes())).toEqual({ reason });
  });

  test("that is cut off anywhere is none", async () => {
    const whole = await driverWheel();
    for (let length = 0; length < whole.length; length += 7)
      expect(readWheel(whole.subarray(0, length))).toHaveProperty("reason");
  });

  test("with any byte changed is refused, or says the same: nothing is thrown", async () => {
    const whole = await driverWheel();
    const good = readWheel(whole);
    for (let at = 0; at < whole.length; at += 1) {
      const bent = Buffer.from(whole);
      bent[at] = (bent[at] ?? 0) ^ 0xff;
      const answer = readWheel(bent);
      if (!("reason" in answer)) expect(answer).toEqual(good);
    }
  });
});
