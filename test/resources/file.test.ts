import { describe, expect, test } from "vitest";
import { readText } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { file, fileAsBefore, noFile, sha256 } from "../../src/resources/file.ts";
import { originals } from "../../src/resources/originals.ts";
import { applyAlone, fourFacts, planAlone } from "../support/four-facts.ts";

const magnum = { user: "magnum", group: "magnum", uid: 111, gid: 112 };
const root = { uid: 0, gid: 0 };
const kept = originals("/state/originals");
const path = "/etc/magnum/kubeconfig";

function secret(content: string | Uint8Array = "token: abc\n") {
  return file({ path, content, owner: magnum, mode: "0600", originals: kept });
}

async function machine(files: Record<string, string> = {}) {
  const host = memoryHost({ files });
  await host.fs.makeDirectory("/etc/magnum", { ...root, mode: "0755" });
  return host;
}

describe("a file", () => {
  fourFacts(async () => ({ host: await machine(), resource: secret() }), {
    "its bytes differ": {
      spoil: ({ host }) => host.fs.write(path, "token: abd\n", { mode: "0600", uid: 111, gid: 112 }),
      drift: ["sha256"],
    },
    "it is truncated": {
      spoil: ({ host }) => host.fs.write(path, "", { mode: "0600", uid: 111, gid: 112 }),
      drift: ["sha256"],
    },
    "others may read it": {
      spoil: ({ host }) => host.fs.setOwnership(path, { mode: "0644", uid: 111, gid: 112 }),
      drift: ["mode"],
    },
    "it belongs to root": {
      spoil: ({ host }) => host.fs.setOwnership(path, { mode: "0600", ...root }),
      drift: ["owner"],
    },
    "it belongs to nobody we know": {
      spoil: ({ host }) => host.fs.setOwnership(path, { mode: "0600", uid: 5, gid: 112 }),
      drift: ["owner"],
    },
    "it is gone": { spoil: ({ host }) => host.fs.remove(path), drift: ["kind", "sha256", "mode", "owner"] },
  });

  test("whose mode alone differs is not written again", async () => {
    const host = await machine();
    await applyAlone(host, secret());
    await host.fs.setOwnership(path, { mode: "0644", ...root });
    const fs = { ...host.fs, write: () => Promise.reject(new Error("written")) };
    expect(await applyAlone({ ...host, fs }, secret())).toMatchObject({ outcome: "changed" });
    expect(await host.fs.stat(path)).toMatchObject({ mode: "0600", uid: 111, gid: 112 });
  });

  test("keeps any bytes as they are", async () => {
    const host = await machine();
    const content = Uint8Array.of(0, 255, 13, 10, 128);
    await applyAlone(host, secret(content));
    expect([...((await host.fs.read(path)) ?? [])]).toEqual([...content]);
  });

  test("never has its content in its state", async () => {
    const host = await machine({ [path]: "token: old\n" });
    const outcome = await applyAlone(host, secret());
    expect(outcome).toMatchObject({ outcome: "changed" });
    expect(JSON.stringify([outcome, secret().desired, await secret().observe(host)])).not.toContain("token");
  });

  test("can't take the place of a directory, and says so", async () => {
    const host = await machine();
    await host.fs.makeDirectory(path, { ...root, mode: "0755" });
    expect(await planAlone(host, secret())).toEqual(["kind", "sha256", "mode", "owner"]);
    expect(await applyAlone(host, secret())).toMatchObject({
      outcome: "failed",
      reason: `failed to write ${path}: EISDIR`,
      remedy: "look at it and its filesystem",
    });
  });

  test("that is described names the keys that differ", async () => {
    const host = await machine();
    const described = (content: string) =>
      file({
        path,
        content,
        owner: magnum,
        mode: "0600",
        originals: kept,
        describe: (text) => ({ first: text[0] ?? "" }),
      });
    await applyAlone(host, described("a"));
    expect(await planAlone(host, described("b"))).toEqual(["first", "sha256"]);
  });

  test("of before is kept once, in a copy for root alone", async () => {
    const host = await machine({ [path]: "theirs\n" });
    await applyAlone(host, secret("ours, first\n"));
    await applyAlone(host, secret("ours, later\n"));
    const original = await kept.of(host, path);
    expect(original).toMatchObject({ existed: true, mode: "0644", ...root });
    const copy = original?.existed ? (original.copy ?? "") : "";
    expect(await readText(host.fs, copy)).toBe("theirs\n");
    expect((await host.fs.stat(copy))?.mode).toBe("0600");
    expect((await host.fs.stat("/state/originals"))?.mode).toBe("0700");
  });
});

describe("no file", () => {
  test("is one that is there and is taken away", async () => {
    const host = await machine({ [path]: "x" });
    expect(await applyAlone(host, noFile(path))).toMatchObject({
      outcome: "changed",
      change: { action: "delete" },
    });
    expect(await applyAlone(host, noFile(path))).toMatchObject({ outcome: "unchanged" });
    expect(await host.fs.stat(path)).toBeUndefined();
  });
});

describe("a file as it was before", () => {
  async function undo(host: Awaited<ReturnType<typeof machine>>) {
    const [resource] = await fileAsBefore(host, path, kept);
    return resource === undefined ? "nothing to do" : (await applyAlone(host, resource)).outcome;
  }

  test("is nothing to do where it was never touched", async () => {
    expect(await undo(await machine({ [path]: "theirs\n" }))).toBe("nothing to do");
  });

  test("is no file where there was none", async () => {
    const host = await machine();
    await applyAlone(host, secret());
    expect(await undo(host)).toBe("changed");
    expect(await host.fs.stat(path)).toBeUndefined();
    expect(await undo(host)).toBe("unchanged");
  });

  test("is the old file with its owner and mode where there was one", async () => {
    const host = await machine({ [path]: "theirs\n" });
    await host.fs.setOwnership(path, { mode: "0640", uid: 5, gid: 6 });
    await applyAlone(host, secret());
    expect(await undo(host)).toBe("changed");
    expect(await readText(host.fs, path)).toBe("theirs\n");
    expect(await host.fs.stat(path)).toMatchObject({ mode: "0640", uid: 5, gid: 6 });
    expect(await undo(host)).toBe("unchanged");
  });
});

test("the sha256 of a text is that of its UTF-8 bytes", () => {
  expect(sha256("é")).toBe(sha256(Uint8Array.of(0xc3, 0xa9)));
  expect(sha256("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});
