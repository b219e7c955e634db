import { describe, expect, test } from "vitest";
import { memoryHost } from "../../src/host/memory-host.ts";
import { directory, directoryAsBefore } from "../../src/resources/directory.ts";
import { originals } from "../../src/resources/originals.ts";
import { root } from "../../src/resources/owner.ts";
import { applyAlone, fourFacts } from "../support/four-facts.ts";

const kept = originals("/state/originals");
const path = "/etc/magnum/magnum.conf.d";
const ours = () => directory({ path, owner: root, mode: "0755", originals: kept });
const rootOwned = { mode: "0755", uid: 0, gid: 0 };

describe("a directory", () => {
  fourFacts(() => ({ host: memoryHost(), resource: ours() }), {
    "nobody but root may enter it": {
      spoil: ({ host }) => host.fs.setOwnership(path, { ...rootOwned, mode: "0700" }),
      drift: ["mode"],
    },
    "it belongs to somebody else": {
      spoil: ({ host }) => host.fs.setOwnership(path, { ...rootOwned, uid: 111 }),
      drift: ["owner"],
    },
    "it is gone": { spoil: ({ host }) => host.fs.removeTree(path), drift: ["kind", "mode", "owner"] },
  });

  test("keeps what is in it", async () => {
    const host = memoryHost({ files: { [`${path}/theirs.conf`]: "x" } });
    await host.fs.setOwnership(path, { ...rootOwned, mode: "0700" });
    expect(await applyAlone(host, ours())).toMatchObject({ outcome: "changed" });
    expect(await host.fs.list(path)).toEqual(["theirs.conf"]);
  });

  test("can't be made where a file is, and says so", async () => {
    const host = memoryHost({ files: { [path]: "a file" } });
    expect(await applyAlone(host, ours())).toMatchObject({
      outcome: "failed",
      reason: `directory:${path} was applied and did not hold: kind is file`,
    });
  });
});

describe("a directory as it was before", () => {
  const asBefore = () => directoryAsBefore(path, kept);

  test("is left alone where it was never touched", async () => {
    const host = memoryHost({ files: { [`${path}/theirs.conf`]: "x" } });
    expect(await applyAlone(host, asBefore())).toMatchObject({ outcome: "unchanged" });
  });

  test("is gone where it was made here", async () => {
    const host = memoryHost();
    await applyAlone(host, ours());
    expect(await applyAlone(host, asBefore())).toMatchObject({ outcome: "changed" });
    expect(await host.fs.stat(path)).toBeUndefined();
    expect(await applyAlone(host, asBefore())).toMatchObject({ outcome: "unchanged" });
  });

  test("stays where it was made here and somebody else uses it by now", async () => {
    const host = memoryHost();
    await applyAlone(host, ours());
    await host.fs.write(`${path}/theirs.conf`, "x", rootOwned);
    expect(await applyAlone(host, asBefore())).toMatchObject({ outcome: "unchanged" });
    expect(await host.fs.list(path)).toEqual(["theirs.conf"]);
  });

  test.each([
    ["mode", { mode: "0750", uid: 0, gid: 0 }],
    ["user", { mode: "0755", uid: 111, gid: 0 }],
    ["group", { mode: "0755", uid: 0, gid: 112 }],
  ])("has its own %s again where it was there", async (_, theirs) => {
    const host = memoryHost();
    await host.fs.makeDirectory(path, theirs);
    await applyAlone(host, ours());
    expect(await host.fs.stat(path)).toMatchObject(rootOwned);
    expect(await applyAlone(host, asBefore())).toMatchObject({ outcome: "changed" });
    expect(await host.fs.stat(path)).toMatchObject(theirs);
    expect(await applyAlone(host, asBefore())).toMatchObject({ outcome: "unchanged" });
  });
});
