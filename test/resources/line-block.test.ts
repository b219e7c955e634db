import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { readText } from "../../src/host/host.ts";
import { type MemoryHost, memoryHost } from "../../src/host/memory-host.ts";
import { sha256 } from "../../src/resources/file.ts";
import { lineBlock, noLineBlock, renderBlock, splitAtBlock } from "../../src/resources/line-block.ts";
import { originals } from "../../src/resources/originals.ts";
import { applyAlone, fourFacts, planAlone } from "../support/four-facts.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const path = "/etc/default/magnum-conductor";
const markers = { begin: "# BEGIN ours: written by the charm", end: "# END ours" };
const lines = 'PATH="$PATH:/usr/local/bin"\nDAEMON_ARGS="$DAEMON_ARGS --more"\n';
const block = `${markers.begin}\n${lines}${markers.end}\n`;
const kept = originals("/state/originals");
const ours = (text = lines) => lineBlock({ path, markers, lines: text, originals: kept });
const none = noLineBlock({ path, markers, originals: kept });
const root = { mode: "0644", uid: 0, gid: 0 };

function machine(content?: string) {
  return memoryHost({ files: content === undefined ? { "/etc/default/other": "" } : { [path]: content } });
}

async function walked(content: string | undefined, ...resources: readonly ReturnType<typeof ours>[]) {
  const host = machine(content);
  const outcomes: string[] = [];
  for (const resource of resources) outcomes.push((await applyAlone(host, resource)).outcome);
  return { text: await readText(host.fs, path), outcomes, host };
}

async function edit(host: MemoryHost, change: (text: string) => string): Promise<void> {
  await host.fs.write(path, change((await readText(host.fs, path)) ?? ""), root);
}

describe("a block of lines", () => {
  fourFacts(() => ({ host: machine(), resource: ours() }), {
    "it is taken out": {
      spoil: ({ host }) => edit(host, (text) => text.replace(block, "")),
      drift: ["block"],
    },
    "a line of it is edited": {
      spoil: ({ host }) => edit(host, (text) => text.replace("--more", "--less")),
      drift: ["block"],
    },
    "its end is missing": {
      spoil: ({ host }) => edit(host, (text) => text.replace(`${markers.end}\n`, "")),
      drift: ["block"],
    },
    "it is there twice": {
      spoil: ({ host }) => edit(host, (text) => `${text}OTHER=1\n${text}`),
      drift: ["block"],
    },
    "a begin without an end stands before it": {
      spoil: ({ host }) => edit(host, (text) => `${markers.begin}\nOTHER=1\n${text}`),
      drift: ["block"],
    },
    "the file got CRLF ends": {
      spoil: ({ host }) => edit(host, (text) => text.replaceAll("\n", "\r\n")),
      drift: ["block", "line-ends"],
    },
    "only foreign lines got CRLF ends": {
      spoil: ({ host }) => edit(host, (text) => `OTHER=1\r\n${text}`),
      drift: ["line-ends"],
    },
    "another writer replaced the file": {
      spoil: ({ host }) => edit(host, () => "OTHER=1\n"),
      drift: ["block"],
    },
    "the daemons may not read the file": {
      spoil: ({ host }) => host.fs.setOwnership(path, { ...root, mode: "0600" }),
      drift: ["mode"],
    },
    "the file belongs to somebody else": {
      spoil: ({ host }) => host.fs.setOwnership(path, { ...root, uid: 111 }),
      drift: ["owner"],
    },
    "the file is gone": {
      spoil: ({ host }) => host.fs.remove(path),
      drift: ["block", "line-ends", "mode", "owner"],
    },
  });

  test("is a file of its own where there was none", async () => {
    expect((await walked(undefined, ours())).text).toBe(block);
  });

  test("stands behind the lines of others, on a line of its own", async () => {
    expect((await walked("A=1\n\nB=2\n", ours())).text).toBe(`A=1\n\nB=2\n${block}`);
    expect((await walked("A=1", ours())).text).toBe(`A=1\n${block}`);
  });

  test("changes in its place, and the lines around it stay", async () => {
    const { text } = await walked(`A=1\n${block}B=2`, ours("C=3\n"));
    expect(text).toBe(`A=1\n${markers.begin}\nC=3\n${markers.end}\nB=2`);
  });

  test("keeps bytes of others that are no UTF-8", async () => {
    const host = machine();
    await host.fs.write(path, Buffer.from("A=caf\xe9 \xff\n", "latin1"), root);
    await applyAlone(host, ours());
    const bytes = Buffer.from((await host.fs.read(path)) ?? []);
    expect(bytes.toString("latin1")).toBe(`A=caf\xe9 \xff\n${block}`);
  });

  test("makes plain ends of CRLF, which a shell takes for part of the value", async () => {
    expect((await walked("A=1\r\nB=2\r\n", ours())).text).toBe(`A=1\nB=2\n${block}`);
  });

  test("leaves the lines below a begin without an end to others", async () => {
    const { text } = await walked(`A=1\n${markers.begin}\nB=2\n`, ours());
    expect(text).toBe(`A=1\n${block}B=2\n`);
  });

  test("leaves them to others also where a whole block follows", async () => {
    const { text } = await walked(`A=1\n${markers.begin}\nB=2\n${block}C=3\n`, ours());
    expect(text).toBe(`A=1\n${block}B=2\nC=3\n`);
  });

  test("is one block where there were two, and the lines between them stay", async () => {
    expect((await walked(`A=1\n${block}B=2\n${block}C=3\n`, ours())).text).toBe(`A=1\n${block}B=2\nC=3\n`);
  });

  test("can't be put in a directory, and says so", async () => {
    const host = machine();
    await host.fs.makeDirectory(path, { ...root, mode: "0755" });
    expect(await applyAlone(host, ours())).toMatchObject({
      outcome: "failed",
      reason: `failed to read ${path}: EISDIR`,
    });
  });

  test("is the marked lines", () => {
    expect(renderBlock(markers, lines)).toBe(block);
    expect(splitAtBlock(`A=1\n${block}B=2\n`, markers)).toEqual({ before: "A=1\n", block, after: "B=2\n" });
    expect(splitAtBlock("A=1\n", markers)).toEqual({ before: "A=1\n", block: undefined, after: "" });
  });

  test("has its digest as its state", async () => {
    const { host } = await walked("A=1\n", ours());
    expect(await ours().observe(host)).toEqual({
      block: sha256(block),
      "line-ends": "LF",
      mode: "0644",
      owner: "root:root",
    });
    expect(await ours().observe(machine("A=1\n"))).toMatchObject({ block: "absent" });
  });
});

describe("no block of lines", () => {
  test("is unchanged where there is no file, and where the file has none", async () => {
    expect((await walked(undefined, none)).outcomes).toEqual(["unchanged"]);
    expect((await walked("A=1\n", none)).outcomes).toEqual(["unchanged"]);
  });

  test("is no file where there was none, unless others have written to it", async () => {
    expect(await walked(undefined, ours(), none, none)).toMatchObject({
      text: undefined,
      outcomes: ["changed", "changed", "unchanged"],
    });
    const { host } = await walked(undefined, ours());
    await edit(host, (text) => `A=1\n${text}`);
    await applyAlone(host, none);
    expect(await readText(host.fs, path)).toBe("A=1\n");
  });

  test("is an empty file where there was one", async () => {
    expect((await walked("", ours(), none)).text).toBe("");
  });

  test("takes away all of them in one go", async () => {
    const { text, outcomes } = await walked(`A=1\n${block}B=2\n${block}`, none);
    expect({ text, outcomes }).toEqual({ text: "A=1\nB=2\n", outcomes: ["changed"] });
  });

  test("takes away one that has CRLF ends by now, and keeps the ends of the others", async () => {
    const { host } = await walked("A=1\n", ours());
    await edit(host, (text) => `${text}B=2\n`.replaceAll("\n", "\r\n"));
    await applyAlone(host, none);
    expect(await readText(host.fs, path)).toBe("A=1\r\nB=2\r\n");
  });

  test("gives the file its owner and mode back", async () => {
    const host = machine("A=1\n");
    await host.fs.setOwnership(path, { mode: "0640", uid: 0, gid: 112 });
    await applyAlone(host, ours());
    expect(await host.fs.stat(path)).toMatchObject(root);
    await applyAlone(host, none);
    expect(await host.fs.stat(path)).toMatchObject({ mode: "0640", uid: 0, gid: 112 });
  });

  test("leaves what others have added since, and what they have taken away", async () => {
    const { host } = await walked("A=1\nB=2\n", ours());
    await edit(host, (text) => `${text.replace("A=1\n", "")}C=3`);
    await applyAlone(host, none);
    expect(await readText(host.fs, path)).toBe("B=2\nC=3");
  });
});

describe("for any bytes of others", () => {
  const pieces = fc.constantFrom(
    "A=1",
    "\n",
    "\r\n",
    "\r",
    " ",
    "# END",
    "# BEGIN ours",
    "$X",
    "é",
    "\u0000",
  );
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join("")),
    fc.string({ unit: "binary", maxLength: 30 }),
  );
  const bytes = fc.oneof(
    texts.map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 40 }).map((values) => Buffer.from(values)),
  );

  async function withBytes(content: Uint8Array) {
    const host = machine();
    await host.fs.write(path, content, root);
    return host;
  }

  test("adding the block and taking it away gives the bytes as they were", async () => {
    await fc.assert(
      fc.asyncProperty(bytes, async (content) => {
        const host = await withBytes(content);
        expect((await applyAlone(host, ours())).outcome).toBe("changed");
        expect(await planAlone(host, ours())).toBe("unchanged");
        expect((await applyAlone(host, none)).outcome).toBe("changed");
        expect(Buffer.from((await host.fs.read(path)) ?? []).toString("hex")).toBe(content.toString("hex"));
      }),
    );
  });

  test("the block is added behind them, after one line end at most", async () => {
    const plain = bytes.filter((content) => !/\r(\n|$)/.test(content.toString("latin1")));
    await fc.assert(
      fc.asyncProperty(plain, async (content) => {
        const host = await withBytes(content);
        await applyAlone(host, ours());
        const now = Buffer.from((await host.fs.read(path)) ?? []).toString("latin1");
        const before = content.toString("latin1");
        const ended = before === "" || before.endsWith("\n") ? before : `${before}\n`;
        expect(now).toBe(ended + block);
      }),
    );
  });

  test("a block that is changed leaves what stands before and after it", async () => {
    const plain = texts.filter((text) => !/\r(\n|$)/.test(text));
    await fc.assert(
      fc.asyncProperty(plain, plain, async (before, behind) => {
        const ended = before === "" ? "" : `${before}\n`;
        const { text } = await walked(`${ended}${block}${behind}`, ours("C=3\n"));
        expect(text).toBe(`${ended}${markers.begin}\nC=3\n${markers.end}\n${behind}`);
      }),
    );
  });
});
