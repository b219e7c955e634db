import { describe, expect, test, vi } from "vitest";
import { apply, healLast, lastWish } from "../../src/conductor/graft.ts";
import { readHealRecords } from "../../src/conductor/heal-log.ts";
import { paths } from "../../src/conductor/paths.ts";
import { type Host, readText } from "../../src/host/host.ts";
import { statusFor } from "../../src/juju/status.ts";
import { inLine, troubles } from "../../src/reconcile/report.ts";
import { secrets } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { fullHost } from "../support/machine/faulty-host.ts";
import { listing } from "../support/machine/listing.ts";
import { reported } from "../support/reported.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const secretFile = { mode: "0600", uid: 111, gid: 112 };

async function grafted(wanted = wish()) {
  const machine = await conductorMachine();
  await apply(machine.host, wanted);
  machine.host.commands.length = 0;
  return machine;
}

describe("a repair", () => {
  test("needs no network: the driver and helm come out of the store", async () => {
    // A version whose digest is not pinned: the fake index has other bytes.
    const { host, python } = await grafted(wish({ "driver-version": "1.4.1" }));
    host.web.clear();
    python.refusal = "ERROR: no route to host\n";
    python.installed = undefined;
    await host.fs.remove(paths.helm);
    expect(inLine((await reported(healLast(host))).report)).toBe(true);
    expect(python.installed).toMatchObject({ version: "1.4.1" });
    expect(await readText(host.fs, paths.helm)).toBe("helm 3.17.3");
  });

  test("of one thing is not stopped by what keeps another from being repaired", async () => {
    const { host, python } = await grafted();
    await host.fs.removeTree(paths.store);
    host.web.clear();
    python.refusal = "ERROR: no route to host\n";
    python.installed = undefined;
    for (const path of [paths.helm, paths.dropIn, paths.kubeconfig]) await host.fs.remove(path);
    const { report } = await reported(healLast(host));
    const outcomes = Object.fromEntries(report.outcomes.map(({ id, outcome }) => [id, outcome]));
    expect(outcomes).toMatchObject({
      "pip-package:magnum-capi-helm": "held",
      [`helm:${paths.helm}`]: "held",
      [`file:${paths.dropIn}`]: "changed",
      [`file:${paths.kubeconfig}`]: "changed",
    });
    expect(troubles(report).map(({ source }) => source)).toEqual(
      expect.arrayContaining(["driver-fetched", "helm-fetched"]),
    );
    expect(restarts(host.commands)).toEqual([]);
  });

  test("of one thing is not stopped by one that fails", async () => {
    const { host } = await grafted();
    for (const path of [paths.kubeconfig, paths.dropIn]) await host.fs.remove(path);
    const { report } = await reported(healLast(fullHost(host, (path) => path === paths.kubeconfig)));
    const outcomes = Object.fromEntries(report.outcomes.map(({ id, outcome }) => [id, outcome]));
    expect(outcomes).toMatchObject({
      [`file:${paths.kubeconfig}`]: "failed",
      [`file:${paths.dropIn}`]: "changed",
    });
  });

  test("takes no damaged copy out of the store", async () => {
    const { host } = await grafted();
    const names = (await host.fs.list(paths.store)) ?? [];
    const [binary = ""] = names.filter((name) => name.startsWith("helm-") && !name.endsWith(".sha256"));
    await host.fs.write(`${paths.store}/${binary}`, "helm 6.6.6", { mode: "0600", uid: 0, gid: 0 });
    await host.fs.remove(paths.helm);
    expect(inLine((await reported(healLast(host))).report)).toBe(true);
    expect(await readText(host.fs, paths.helm)).toBe("helm 3.17.3");
  });

  test("is no change: it proves nothing in staging, journals nothing and keeps the wish", async () => {
    const { host } = await grafted();
    await host.fs.remove(paths.dropIn);
    const touched: string[] = [];
    const write: Host["fs"]["write"] = async (path, ...rest) => {
      touched.push(path);
      await host.fs.write(path, ...rest);
    };
    await healLast({ ...host, fs: { ...host.fs, write } });
    expect(touched.filter((path) => path.startsWith(paths.transaction))).toEqual([]);
    expect(touched.filter((path) => path.startsWith(paths.staging))).toEqual([]);
    expect(await lastWish(host)).toMatchObject(wish());
  });

  test("leaves a record without any content of the kubeconfig, old or new", async () => {
    const { host } = await grafted();
    await host.fs.write(paths.kubeconfig, `token: ${secrets[0]} ${secrets[3]}\n`, secretFile);
    const { report } = await reported(healLast(host, { trigger: "watch" }));
    const [record] = await readHealRecords(host);
    expect(record).toMatchObject({ kind: "heal", trigger: "watch", restarts: [] });
    expect(record?.changes).toMatchObject([{ id: `file:${paths.kubeconfig}`, outcome: "changed" }]);
    for (const secret of secrets) {
      expect(JSON.stringify(report)).not.toContain(secret);
      expect(await readText(host.fs, paths.healLog)).not.toContain(secret);
    }
  });
});

describe("with self-heal off, drift", () => {
  const off = wish({ "self-heal": false });

  test("is reported, once in the log, and nothing is written or restarted", async () => {
    const { host } = await grafted(off);
    await host.fs.remove(paths.dropIn);
    const before = await listing(host, ["/etc", "/usr", "/var/lib"], { times: true });
    for (const again of [() => healLast(host), () => apply(host, off), () => healLast(host)]) {
      expect(statusFor(await reported(again()))).toEqual({
        status: "blocked",
        message: `drifted, self-heal off: ${paths.dropIn}; next: run the action apply`,
      });
    }
    const {
      [paths.healLog]: _log,
      [paths.state]: _state,
      ...after
    } = await listing(host, ["/etc", "/usr", "/var/lib"], { times: true });
    const { [paths.state]: _before, ...rest } = before;
    expect(after).toEqual(rest);
    expect(restarts(host.commands)).toEqual([]);
    expect((await readHealRecords(host)).map(({ kind }) => kind)).toEqual(["report"]);
  });

  test("of a very long value is in the log once as well", async () => {
    const repository = `https://mirror/${"x".repeat(400)}`;
    const { host } = await grafted(wish({ "self-heal": false, "chart-repository": repository }));
    await host.fs.write(paths.dropIn, "[capi_helm]\n", { mode: "0644", uid: 0, gid: 0 });
    await healLast(host);
    await healLast(host);
    expect(await readHealRecords(host)).toHaveLength(1);
  });

  test("is repaired where a person asks for it", async () => {
    const { host } = await grafted(off);
    await host.fs.remove(paths.dropIn);
    const ending = await reported(apply(host, off, { explicit: true }));
    expect(statusFor(ending)).toEqual({ status: "active", message: "Unit is ready" });
    expect(await host.fs.stat(paths.dropIn)).toBeDefined();
  });

  test("does not keep another option from being brought about", async () => {
    const { host } = await grafted(off);
    const next = wish({ "self-heal": false, "chart-version": "0.26.0" });
    expect(inLine((await reported(apply(host, next))).report)).toBe(true);
    expect(await readText(host.fs, paths.dropIn)).toContain("0.26.0");
  });
});

describe("the fuse", () => {
  test("lets a thing be repaired so many times, then blocks with its name, until an apply is asked for", async () => {
    const { host } = await grafted(wish({ "self-heal-limit": 3 }));
    const limited = wish({ "self-heal-limit": 3 });
    const repair = async (options: Parameters<typeof apply>[2] = {}) => {
      await host.fs.remove(paths.dropIn);
      await host.sleep(121_000);
      return await reported(apply(host, limited, options));
    };
    for (let n = 1; n <= 3; n += 1) expect(inLine((await repair()).report), `repair ${n}`).toBe(true);
    const blown = await repair();
    expect(statusFor(blown)).toMatchObject({
      status: "blocked",
      message: expect.stringMatching(/^(file:)?00-capi-helm\.conf is undone.*; next: /),
    });
    expect(await host.fs.stat(paths.dropIn)).toBeUndefined();
    expect(inLine((await repair({ explicit: true })).report)).toBe(true);
    expect(inLine((await repair()).report)).toBe(true);
  });

  test("of one thing leaves the others to be repaired", async () => {
    const { host } = await grafted(wish({ "self-heal-limit": 1 }));
    const limited = wish({ "self-heal-limit": 1 });
    await host.fs.remove(paths.dropIn);
    await apply(host, limited);
    for (const path of [paths.dropIn, paths.helm]) await host.fs.remove(path);
    const { report } = await reported(apply(host, limited));
    expect(report.outcomes.filter(({ outcome }) => outcome !== "unchanged")).toMatchObject([
      { id: `helm:${paths.helm}`, outcome: "changed" },
      { id: `file:${paths.dropIn}`, outcome: "held" },
    ]);
  });
});

describe("two runs at once", () => {
  test("come one after the other, and the second finds nothing to do", async () => {
    const { host } = await conductorMachine();
    let free = Promise.resolve();
    const alone: Host = {
      ...host,
      lock: async () => {
        const before = free;
        let release = () => {};
        free = new Promise((done) => {
          release = done;
        });
        await before;
        return release;
      },
    };
    const [first, second] = await Promise.all([
      reported(apply(alone, wish())),
      reported(apply(alone, wish())),
    ]);
    const made = first.report.outcomes.filter(({ id }) => id !== `file:${paths.openstackCa}`);
    expect(made.every(({ outcome }) => outcome === "changed")).toBe(true);
    expect(second.report.outcomes.every(({ outcome }) => outcome === "unchanged")).toBe(true);
    expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
  });
});
