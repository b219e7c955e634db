import { describe, expect, test } from "vitest";
import { readText } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import { fileAsBefore } from "../../src/resources/file.ts";
import { originals } from "../../src/resources/originals.ts";

const kept = originals("/state/originals");
const root = { mode: "0644", uid: 0, gid: 0 };

describe("originals", () => {
  test("know nothing of a path that was never touched", async () => {
    expect(await kept.of(memoryHost(), "/etc/x")).toBeUndefined();
  });

  test("remember that there was nothing, also when there is something later", async () => {
    const host = memoryHost();
    await kept.keep(host, "/x");
    await host.fs.write("/x", "ours", root);
    await kept.keep(host, "/x");
    expect(await kept.of(host, "/x")).toEqual({ existed: false });
  });

  test("keep each path's own bytes, owner and mode", async () => {
    const host = memoryHost({ files: { "/etc/a": "a", "/etc/b": "b" } });
    await host.fs.setOwnership("/etc/a", { mode: "0600", uid: 5, gid: 6 });
    await kept.keep(host, "/etc/a");
    await kept.keep(host, "/etc/b");
    const copies = await Promise.all(
      ["/etc/a", "/etc/b"].map(async (path) => {
        const original = await kept.of(host, path);
        return original?.existed ? await readText(host.fs, original.copy ?? "") : undefined;
      }),
    );
    expect(copies).toEqual(["a", "b"]);
    expect(await kept.of(host, "/etc/a")).toMatchObject({ mode: "0600", uid: 5, gid: 6 });
  });

  test("remember a directory without a copy", async () => {
    const host = memoryHost();
    await host.fs.makeDirectory("/etc/x", { mode: "0750", uid: 1, gid: 2 });
    await kept.keep(host, "/etc/x");
    expect(await kept.of(host, "/etc/x")).toEqual({ existed: true, mode: "0750", uid: 1, gid: 2 });
  });

  test("remember where a link led, and removal puts the link back", async () => {
    const host = memoryHost({ files: { "/opt/helm": "theirs" } });
    await host.fs.link("/bin-helm", "/opt/helm");
    await kept.keep(host, "/bin-helm");
    await host.fs.write("/bin-helm", "ours", root);
    const resources = await fileAsBefore(host, "/bin-helm", kept);
    const { outcomes } = await reconcile(host, { resources, exitGates: [] }, "apply");
    expect(outcomes).toMatchObject([{ id: "file:/bin-helm", outcome: "changed" }]);
    expect(await host.fs.readLink("/bin-helm")).toBe("/opt/helm");
    expect(await readText(host.fs, "/opt/helm")).toBe("theirs");
  });

  test("remember of a name whether it was there, the first time only", async () => {
    const host = memoryHost();
    const there = async () => ({ existed: true as const, mode: "0600", uid: 0, gid: 0 });
    await kept.note(host, "pip-package:x", async () => ({ existed: false }));
    await kept.note(host, "pip-package:x", there);
    await kept.note(host, "pip-package:y", there);
    expect(await kept.of(host, "pip-package:x")).toEqual({ existed: false });
    expect(await kept.of(host, "pip-package:y")).toMatchObject({ existed: true });
  });

  test("are for root alone", async () => {
    const host = memoryHost({ files: { "/etc/a": "a" } });
    await kept.keep(host, "/etc/a");
    expect((await host.fs.stat("/state/originals"))?.mode).toBe("0700");
    for (const name of (await host.fs.list("/state/originals")) ?? []) {
      expect((await host.fs.stat(`/state/originals/${name}`))?.mode).toBe("0600");
    }
  });
});
