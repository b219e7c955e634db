import { describe, expect, test, vi } from "vitest";
import type { Attached, Attachments } from "../../src/conductor/attached.ts";
import { parseConfig } from "../../src/conductor/config.ts";
import { daemonOptions, renderDropIn } from "../../src/conductor/drop-in.ts";
import { apply, type Ending, healLast, type Reported, undo } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { rollback } from "../../src/conductor/rollback.ts";
import { committedWish, isSameWish, wishDigest } from "../../src/conductor/wish.ts";
import type { Host } from "../../src/host/host.ts";
import { inLine, troubles } from "../../src/reconcile/report.ts";
import { sha256 } from "../../src/resources/file.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";
import { architecture, conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { helmArchive } from "../support/machine/fake-helm.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";
import { openstackKinds } from "../support/management/memory-cluster.ts";
import { reported } from "../support/reported.ts";
import { driverWheel } from "../support/wheels.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const rootOnly = { mode: "0600", uid: 0, gid: 0 };

async function put(host: Host, name: string, version: string, bytes: Uint8Array): Promise<Attached> {
  const from = `/juju/resources/${name}`;
  await host.fs.makeDirectory("/juju/resources", { ...rootOnly, mode: "0755" });
  await host.fs.write(from, bytes, rootOnly);
  return { version, sha256: sha256(bytes), from, remedy: `juju attach-resource app ${name}=FILE` };
}

async function wheel(host: Host, version = "1.4.0", comment = ""): Promise<Attachments> {
  return {
    "driver-wheel": await put(host, "driver-wheel", version, await driverWheel({ version, comment })),
  };
}

async function helm(host: Host, version = "3.18.1"): Promise<Attachments> {
  return { helm: await put(host, "helm", version, helmArchive(version, architecture)) };
}

const withFiles = (attached: Attachments, options: Readonly<Record<string, unknown>> = {}) => ({
  ...wish({ "helm-url": "http://nowhere/helm", "helm-sha256": "", ...options }),
  attached,
});

async function done(work: Promise<Ending | undefined>): Promise<Reported> {
  const ending = await reported(work);
  expect(troubles(ending.report)).toEqual([]);
  expect(inLine(ending.report)).toBe(true);
  return ending;
}

/** A conductor that reaches no index and no mirror. */
async function cutOff() {
  const machine = await conductorMachine();
  machine.python.refusal = "ERROR: no route to host\n";
  machine.host.web.clear();
  return machine;
}

describe("attached files", () => {
  test("graft a unit that reaches nothing, and decide the versions", async () => {
    const { host, python } = await cutOff();
    const attached = { ...(await wheel(host, "1.5.0")), ...(await helm(host)) };
    const { config } = await done(apply(host, withFiles(attached)));
    expect(python.installed?.version).toBe("1.5.0");
    expect(config).toMatchObject({ "driver-version": "1.5.0", "helm-version": "3.18.1", attached });
    expect(Buffer.from((await host.fs.read(paths.helm)) ?? "").toString()).toBe("helm 3.18.1");
  });

  test("are needed once: repairs take what is kept, also where Juju's copies are gone", async () => {
    const { host, python } = await cutOff();
    await done(apply(host, withFiles({ ...(await wheel(host)), ...(await helm(host)) })));
    const record = python.installed?.record;
    await host.fs.removeTree("/juju");
    await host.fs.remove(paths.helm);
    python.installed = undefined;
    await done(healLast(host));
    expect(python.installed).toMatchObject({ version: "1.4.0", record });
    expect(await host.fs.stat(paths.helm)).toBeDefined();
  });

  test("that are neither kept nor there any more are named, with the command that attaches them", async () => {
    const { host, python } = await cutOff();
    await done(apply(host, withFiles({ ...(await wheel(host)), ...(await helm(host)) })));
    for (const path of ["/juju", paths.attached, paths.store]) await host.fs.removeTree(path);
    python.installed = undefined;
    await host.fs.remove(paths.helm);
    const { report } = await reported(healLast(host));
    expect(troubles(report).map(({ source, reason, remedy }) => [source, reason, remedy])).toEqual(
      expect.arrayContaining([
        [
          "driver-fetched",
          expect.stringMatching(
            /^the attached driver-wheel is not kept here \(sha256 .*, \/juju\/.* is gone\)$/,
          ),
          "juju attach-resource app driver-wheel=FILE",
        ],
        ["helm-fetched", expect.stringContaining("is gone"), "juju attach-resource app helm=FILE"],
      ]),
    );
  });

  test("that were replaced behind a wish's back are not installed", async () => {
    const { host, python } = await cutOff();
    const attached = { ...(await wheel(host)), ...(await helm(host)) };
    await host.fs.write("/juju/resources/driver-wheel", "another", rootOnly);
    const { report } = await reported(apply(host, withFiles(attached)));
    expect(troubles(report)[0]).toMatchObject({
      source: "driver-fetched",
      reason: expect.stringMatching(/^the attached driver-wheel is not kept here .* has changed\)$/),
    });
    expect(python.installed).toBeUndefined();
  });

  test("go with the rest when the charm is removed", async () => {
    const { host, python } = await cutOff();
    const before = await listing(host, ["/etc", "/usr/local", "/var"]);
    await done(apply(host, withFiles({ ...(await wheel(host)), ...(await helm(host)) })));
    const report = await undo(host, "apply");
    expect(report !== undefined && !("end" in report) && inLine(report)).toBe(true);
    expect(python.installed).toBeUndefined();
    expect(await listing(host, ["/etc", "/usr/local", "/var"])).toEqual(before);
  });
});

describe("an attached wheel", () => {
  test("of the version that is installed already is installed: each one of them is a change", async () => {
    const { host, python } = await conductorMachine();
    await done(apply(host, wish()));
    const records = [python.installed?.record];
    for (const comment of ["one", "two"]) {
      host.commands.length = 0;
      const { report } = await done(
        apply(host, { ...wish(), attached: await wheel(host, "1.4.0", comment) }),
      );
      expect(report.outcomes.filter(({ outcome }) => outcome !== "unchanged").map(({ id }) => id)).toEqual([
        "pip-package:magnum-capi-helm",
        "service:magnum-conductor",
        "service:magnum-api",
      ]);
      expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
      records.push(python.installed?.record);
    }
    expect(new Set(records).size).toBe(3);
    host.commands.length = 0;
    await done(apply(host, { ...wish(), attached: await wheel(host, "1.4.0", "two") }));
    expect(restarts(host.commands)).toEqual([]);
  });

  test("that is taken away gives way to what the index has, of the same version too", async () => {
    const { host, python } = await conductorMachine({});
    await done(apply(host, { ...wish({ "driver-version": "1.4.1" }), attached: await wheel(host, "1.4.1") }));
    const record = python.installed?.record;
    await done(apply(host, wish({ "driver-version": "1.4.1" })));
    expect(python.installed?.version).toBe("1.4.1");
    expect(python.installed?.record).not.toBe(record);
    expect(await host.fs.stat(paths.driverReceipt)).toBeUndefined();
  });

  test("that does not hold is taken back: the one before it is there again, and stays", async () => {
    const { host, python, faults } = await cutOff();
    const files = { ...(await wheel(host, "1.4.0", "good")), ...(await helm(host)) };
    await done(apply(host, withFiles(files)));
    const record = python.installed?.record;
    faults.atStart = () => (python.installed?.record === record ? "runs" : "crashes");
    const bad = { ...files, ...(await wheel(host, "1.4.0", "bad")) };
    const ending = await reported(apply(host, withFiles(bad)));
    expect(ending.hold).toMatchObject({ kind: "reverted" });
    expect(python.installed?.record).toBe(record);
    host.commands.length = 0;
    const { report, hold } = await reported(apply(host, withFiles(bad)));
    expect(hold).toMatchObject({ kind: "reverted" });
    expect(report.outcomes.filter(({ outcome }) => outcome !== "unchanged")).toEqual([]);
    expect(restarts(host.commands)).toEqual([]);
  });

  test("can be rolled back from, to the files before and to another driver of the index", async () => {
    const { host, python, management } = await conductorMachine();
    const [one, two] = [await driverWheel({ comment: "one" }), await driverWheel({ comment: "two" })];
    for (const bytes of [one, two])
      await done(
        apply(host, {
          ...wish(),
          attached: { "driver-wheel": await put(host, "driver-wheel", "1.4.0", bytes) },
        }),
      );
    await host.fs.removeTree("/juju");
    await done(rollback(host, "previous"));
    expect(python.installed?.record).toBe(sha256(one));
    // Driver 1.3.0 reads this version of OpenStackCluster alone.
    management.world.kinds = [...openstackKinds(["v1alpha6", "v1beta1"]), ...management.world.kinds];
    const back = await reported(rollback(host, { driver: "1.3.0" }));
    expect(troubles(back.report)).toMatchObject([{ source: "management-lifecycle", cure: "note" }]);
    expect(python.installed?.version).toBe("1.3.0");
    expect((await committedWish(host))?.attached).toBeUndefined();
  });

  test("is kept while it is in force, the one before or held back, and no longer", async () => {
    const { host } = await conductorMachine();
    const digests: string[] = [];
    for (const comment of ["one", "two", "three"]) {
      const attached = await wheel(host, "1.4.0", comment);
      digests.push(attached["driver-wheel"]?.sha256 ?? "");
      await done(apply(host, { ...wish(), attached }));
    }
    expect(await host.fs.list(paths.attached)).toEqual(digests.slice(1).toSorted());
    await done(apply(host, wish()));
    await done(apply(host, wish({ "chart-version": "0.26.0" })));
    expect(await host.fs.list(paths.attached)).toEqual([]);
  });
});

describe("the options beside attached files", () => {
  const files: Attachments = {
    "driver-wheel": { version: "1.3.1+site1", sha256: "1".repeat(64), from: "/a", remedy: "" },
    helm: { version: "3.18.1", sha256: "2".repeat(64), from: "/b", remedy: "" },
  };

  test("need no digest of helm, and are checked all the same", () => {
    expect(parseConfig({ "helm-version": "3.16.0" }, kubeconfigText(), { attached: files })).toMatchObject({
      "helm-version": "3.18.1",
      "helm-sha256": "2".repeat(64),
      "driver-version": "1.3.1+site1",
    });
    expect(parseConfig({ "driver-version": "new" }, kubeconfigText(), { attached: files })).toMatchObject([
      { option: "driver-version" },
    ]);
  });

  test("are written for the version of the attached driver", () => {
    const config = parseConfig({}, kubeconfigText(), { attached: files });
    if (!("kubeconfig" in config)) throw new Error("refused");
    expect(renderDropIn(daemonOptions(config))).not.toContain("api_resources");
  });
});

describe("a wish", () => {
  const file = { version: "1.4.0", sha256: "1".repeat(64), from: "/a", remedy: "" };
  const attached = { "driver-wheel": file };

  test("is another one where other bytes are attached, and the same wherever they lie", () => {
    const it = { ...wish(), attached };
    expect(isSameWish(it, wish())).toBe(false);
    expect(isSameWish(it, { ...it, attached: { "driver-wheel": { ...file, sha256: "2".repeat(64) } } })).toBe(
      false,
    );
    expect(isSameWish(it, { ...it, attached: { helm: file } })).toBe(false);
    expect(isSameWish(it, { ...it, attached: { "driver-wheel": { ...file, from: "/b" } } })).toBe(true);
  });

  test("without attached files has the digest that it had before there were any", () => {
    const { options, kubeconfig } = wish();
    const entries = Object.entries(options).toSorted(([a], [b]) => (a < b ? -1 : 1));
    expect(wishDigest(wish())).toBe(sha256(JSON.stringify([entries, kubeconfig])));
  });
});
