import { describe, expect, test, vi } from "vitest";
import { readText } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { hostContract } from "./contract.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

hostContract(async () => {
  const host = memoryHost();
  await host.fs.makeDirectory("/work", { mode: "0755", uid: 0, gid: 0 });
  const serve = async (content: Uint8Array) => {
    const url = `http://web/${host.web.size}`;
    host.web.set(url, content);
    return url;
  };
  return { host, root: "/work", owner: { uid: 111, gid: 112 }, serve, missing: "http://web/missing" };
});

describe("a machine in memory", () => {
  test("begins with the files that it is given, owned by root", async () => {
    const { fs } = memoryHost({ files: { "/etc/default/one": "A=1\n" } });
    expect(await readText(fs, "/etc/default/one")).toBe("A=1\n");
    expect(await fs.stat("/etc/default/one")).toMatchObject({ mode: "0644", uid: 0, gid: 0 });
  });

  test("lets us, as root, read and replace a file of somebody else that nobody may read", async () => {
    const { fs } = memoryHost();
    await fs.write("/secret", "x", { mode: "0000", uid: 111, gid: 112 });
    expect(await readText(fs, "/secret")).toBe("x");
    await fs.write("/secret", "y", { mode: "0600", uid: 0, gid: 0 });
    expect(await fs.stat("/secret")).toMatchObject({ mode: "0600", uid: 0, gid: 0 });
  });

  test("answers commands by its reply, and remembers them in order", async () => {
    const host = memoryHost({
      reply: ([program], { input }) =>
        program === "cat" ? { stdout: input ?? "" } : { code: 3, stderr: "no" },
    });
    expect(await host.run(["cat"], { input: "text" })).toMatchObject({ ok: true, code: 0, stdout: "text" });
    expect(await host.run(["false", "-x"])).toMatchObject({ ok: false, code: 3, stderr: "no" });
    expect(host.commands).toEqual([["cat"], ["false", "-x"]]);
  });
});
