import { describe, expect, test } from "vitest";
import { readText } from "../../src/host/host.ts";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import { sha256 } from "../../src/resources/file.ts";
import { type HelmBinary, helmBinary } from "../../src/resources/helm-binary.ts";
import { originals } from "../../src/resources/originals.ts";
import { store } from "../../src/resources/store.ts";
import { fourFacts, planAlone } from "../support/four-facts.ts";
import { fakeHelm, fakeTar, helmArchive, helmDigest } from "../support/machine/fake-helm.ts";
import { scriptedHost } from "../support/machine/scripted-host.ts";

const path = "/usr/local/bin/helm";
const url = "https://mirror/helm-v3.17.3-linux-amd64.tar.gz";
const root = { mode: "0755", uid: 0, gid: 0 };

const wanted: HelmBinary = {
  path,
  version: "3.17.3",
  url,
  sha256: helmDigest("3.17.3"),
  architecture: "amd64",
  originals: originals("/state/originals"),
  receipt: "/state/helm.json",
  staging: "/staging/helm",
  store: store("/state/store"),
};

async function machine() {
  const host = scriptedHost([fakeTar, fakeHelm]);
  host.web.set(url, helmArchive("3.17.3"));
  await host.fs.makeDirectory("/usr/local/bin", root);
  return host;
}

async function apply(host: Awaited<ReturnType<typeof machine>>, more: Partial<HelmBinary> = {}) {
  return await reconcile(host, { resources: [helmBinary({ ...wanted, ...more })], exitGates: [] }, "apply");
}

describe("helm", () => {
  fourFacts(async () => ({ host: await machine(), resource: helmBinary(wanted) }), {
    "it is another program": {
      spoil: ({ host }) => host.fs.write(path, "#!/bin/sh\n", root),
      drift: ["version", "archive"],
    },
    "it may not be run": {
      spoil: ({ host }) => host.fs.setOwnership(path, { ...root, mode: "0644" }),
      drift: ["mode"],
    },
    "it belongs to somebody else": {
      spoil: ({ host }) => host.fs.setOwnership(path, { ...root, uid: 1000 }),
      drift: ["owner"],
    },
    "it is gone": {
      spoil: ({ host }) => host.fs.remove(path),
      drift: ["kind", "version", "archive", "mode", "owner"],
    },
    "nobody remembers where it is from": {
      spoil: ({ host }) => host.fs.remove("/state/helm.json"),
      drift: ["version", "archive"],
    },
  });

  test("is the binary of the archive, for everybody to run", async () => {
    const host = await machine();
    await apply(host);
    expect(await readText(host.fs, path)).toBe("helm 3.17.3");
    expect(await host.fs.stat(path)).toMatchObject(root);
  });

  test("of another archive is fetched though the version is the same", async () => {
    const host = await machine();
    await apply(host);
    expect(await planAlone(host, helmBinary({ ...wanted, sha256: "0".repeat(64) }))).toEqual(["archive"]);
  });

  test("of another version is fetched though the archive is said to be the same, and refused if it holds the old one", async () => {
    const host = await machine();
    await apply(host);
    const other = helmBinary({ ...wanted, version: "3.18.0" });
    expect(await planAlone(host, other)).toEqual(["version"]);
    const { gates } = await reconcile(host, { resources: [other], exitGates: [] }, "apply");
    expect(gates).toMatchObject([
      {
        state: "closed",
        reason: "the archive holds helm v3.17.3",
        remedy: "make helm-version and helm-url agree",
      },
    ]);
  });

  test("that only lost its mode is given it back without a download", async () => {
    const host = await machine();
    await apply(host);
    host.web.clear();
    await host.fs.setOwnership(path, { ...root, mode: "0644" });
    expect(await apply(host)).toMatchObject({ outcomes: [{ outcome: "changed" }] });
    expect(await host.fs.stat(path)).toMatchObject(root);
  });

  test("that is the archive's already, which nobody remembers, is remembered again and not touched", async () => {
    const host = await machine();
    await apply(host);
    await host.fs.removeTree("/state");
    const before = await host.fs.stat(path);
    expect(await apply(host)).toMatchObject({ outcomes: [{ outcome: "changed" }] });
    expect(await host.fs.stat(path)).toEqual(before);
  });

  test("is fetched again over what a killed run left", async () => {
    const host = await machine();
    await host.fs.makeDirectory("/state/staging/helm", root);
    await host.fs.write("/state/staging/helm/helm.tar.gz", "half an arch", root);
    expect((await apply(host)).outcomes).toMatchObject([{ outcome: "changed" }]);
  });
});

describe("helm is refused, before anything is written,", () => {
  const cases: [string, (host: Awaited<ReturnType<typeof machine>>) => void, Partial<HelmBinary>, object][] =
    [
      [
        "when the mirror does not have it",
        (host) => host.web.clear(),
        {},
        {
          cure: "time",
          reason: `helm can't be fetched: ${url}: HTTP 404`,
          remedy: "is it up and reachable? see helm-url",
        },
      ],
      [
        "when the mirror gives other bytes",
        (host) => host.web.set(url, Buffer.from("evil")),
        {},
        {
          cure: "operator",
          reason: `helm-sha256 is not the archive's: ${url} has ${sha256("evil")}`,
          remedy: "set the digest that you trust",
        },
      ],
      [
        "when the archive is for another architecture",
        (host) => host.web.set(url, helmArchive("3.17.3", "arm64")),
        { sha256: helmDigest("3.17.3", "arm64") },
        {
          cure: "operator",
          reason: `helm's archive can't be unpacked: ${url}: tar: linux-amd64/helm: Not found in archive`,
          remedy: "helm-url must hold linux-amd64/helm",
        },
      ],
      [
        "when the archive holds another version",
        (host) => host.web.set(url, helmArchive("3.18.0")),
        { sha256: helmDigest("3.18.0") },
        {
          cure: "operator",
          reason: "the archive holds helm v3.18.0",
          remedy: "make helm-version and helm-url agree",
        },
      ],
    ];

  test.each(cases)("%s", async (_, spoil, more, gate) => {
    const host = await machine();
    await host.fs.write(path, "theirs", root);
    spoil(host);
    const report = await apply(host, more);
    expect(report.outcomes).toMatchObject([{ outcome: "skipped" }]);
    expect(report.gates).toMatchObject([{ id: "helm-fetched", state: "closed", ...gate }]);
    expect(await readText(host.fs, path)).toBe("theirs");
    expect(await host.fs.stat("/state/helm.json")).toBeUndefined();
  });

  test("when the archive's helm does not run here", async () => {
    const host = scriptedHost([
      fakeTar,
      ([program]) =>
        program?.endsWith("/helm")
          ? { code: 126, stderr: "cannot execute binary file: Exec format error" }
          : undefined,
    ]);
    host.web.set(url, helmArchive("3.17.3"));
    const report = await apply(host);
    expect(report.gates).toMatchObject([
      {
        state: "closed",
        reason: "the archive's helm does not run: cannot execute binary file: Exec format error",
      },
    ]);
  });

  test("when the archive's helm dies without a word", async () => {
    const host = scriptedHost([
      fakeTar,
      ([program]) => (program?.endsWith("/helm") ? { code: -1 } : undefined),
    ]);
    host.web.set(url, helmArchive("3.17.3"));
    expect((await apply(host)).gates).toMatchObject([
      { state: "closed", reason: "the archive's helm does not run: it died without a word" },
    ]);
  });
});
