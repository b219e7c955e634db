import { describe, expect, test, vi } from "vitest";
import { apply, type Ending, lastWish, plan, undo } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { watched } from "../../src/conductor/watched.ts";
import type { Wish } from "../../src/conductor/wish.ts";
import { type Host, HostFault, readText } from "../../src/host/host.ts";
import { changesOf, inLine, type Report, troubles } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { packageFolder } from "../support/machine/fake-python.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const ours = ["/etc", "/usr/local", "/var", "/run"];

async function reportOf(work: Promise<Ending>): Promise<Report> {
  const ending = await work;
  if (ending.end !== "report") throw new Error(`no report: ${JSON.stringify(ending)}`);
  return ending.report;
}

/** The outcomes that are not "unchanged". */
async function changed(work: Promise<Ending>): Promise<readonly string[]> {
  const { outcomes } = await reportOf(work);
  return outcomes
    .filter(({ outcome }) => outcome !== "unchanged")
    .map(({ id, outcome }) => `${outcome} ${id}`);
}

async function grafted(options: Parameters<typeof conductorMachine>[0] = {}) {
  const machine = await conductorMachine(options);
  expect(inLine(await reportOf(apply(machine.host, wish())))).toBe(true);
  return machine;
}

describe("a fresh conductor", () => {
  test("is planned without a write", async () => {
    const { host } = await conductorMachine();
    const before = await listing(host, ["/"], { times: true });
    expect(await changed(plan(host, wish()))).toEqual([
      "drifted pip-package:magnum-capi-helm",
      "drifted helm:/usr/local/bin/helm",
      "drifted file:/etc/magnum/kubeconfig",
      "drifted directory:/etc/magnum/magnum.conf.d",
      "drifted file:/etc/magnum/magnum.conf.d/00-capi-helm.conf",
      "drifted block:/etc/default/magnum-conductor",
      "drifted service:magnum-conductor",
      "drifted service:magnum-api",
    ]);
    expect(await listing(host, ["/"], { times: true })).toEqual(before);
  });

  test("is grafted in one run, and every gate that is judged is open", async () => {
    const { host, services } = await conductorMachine();
    const report = await reportOf(apply(host, wish()));
    expect(report.outcomes.filter(({ outcome }) => outcome !== "changed")).toEqual([
      { id: `file:${paths.openstackCa}`, outcome: "unchanged" },
    ]);
    expect(troubles(report)).toEqual([]);
    const open = report.gates.filter(({ state }) => state === "open").map(({ id }) => id);
    expect(open.toSorted()).toEqual([
      "driver-enumerated",
      "driver-login",
      "helm-on-path",
      "kubeconfig-valid",
      "leftover-driver-copy",
      "leftover-enabled-drivers",
      "leftover-exec-start",
      "leftover-helm",
      "leftover-wiring",
      "magnum-api-answers",
      "magnum-api-log",
      "magnum-api-options",
      "magnum-api-stable",
      "magnum-conductor-live",
      "magnum-conductor-options",
      "magnum-conductor-stable",
      "management-admin",
      "management-api-versions",
      "management-lifecycle",
      "management-login",
      "management-permissions",
      "management-projects",
      "management-tcp",
      "management-tls",
      "show-args",
    ]);
    expect(report.gates.filter(({ state }) => state === "closed")).toEqual([]);
    expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
    expect(services["magnum-conductor"]).toMatchObject({ active: "active", restarts: 0 });
    expect(await host.fs.stat(paths.kubeconfig)).toMatchObject({ mode: "0600", uid: 111, gid: 112 });
    expect(await readText(host.fs, paths.kubeconfig)).toBe(wish().kubeconfig);
  });

  test("without an API, and with one that takes arguments, has what fits it", async () => {
    const none = await grafted({ hasApi: false });
    expect(restarts(none.host.commands)).toEqual(["magnum-conductor"]);
    expect(await none.host.fs.stat(paths.apiDefaults)).toBeUndefined();
    const both = await grafted({ apiTakesArguments: true });
    expect(await readText(both.host.fs, paths.apiDefaults)).toBe(
      await readText(both.host.fs, paths.conductorDefaults),
    );
  });

  test("gets the command where the charm's folder is known", async () => {
    const { host } = await conductorMachine();
    await apply(host, { ...wish(), charmDirectory: "/var/lib/juju/agents/unit-x-0/charm" });
    expect(await readText(host.fs, paths.command)).toMatch(
      /^charm="?\/var\/lib\/juju\/agents\/unit-x-0\/charm"?$/m,
    );
    expect((await host.fs.stat(paths.command))?.mode).toBe("0755");
  });
});

describe("a conductor in line", () => {
  test("is left alone to the byte and the moment", async () => {
    const { host, services } = await grafted();
    const before = await listing(host, ours, { times: true });
    const pids = Object.values(services).map(({ mainPid }) => mainPid);
    expect(await changed(apply(host, wish()))).toEqual([]);
    expect(await listing(host, ours, { times: true })).toEqual(before);
    expect(Object.values(services).map(({ mainPid }) => mainPid)).toEqual(pids);
  });

  test.each([
    ["chart-version", "0.26.0"],
    ["chart-repository", "https://mirror/charts"],
    ["api-resources", '{"Machine":{"api_version":"cluster.x-k8s.io/v1beta2"}}'],
    ["default-network-driver", "cilium"],
  ])(
    "that is to have another %s gets the drop-in written and each service restarted, once",
    async (option, value) => {
      const { host } = await grafted();
      const before = await listing(host, ["/etc", "/usr/local"], { times: true });
      host.commands.length = 0;
      expect(await changed(apply(host, wish({ [option]: value })))).toEqual([
        `changed file:${paths.dropIn}`,
        "changed service:magnum-conductor",
        "changed service:magnum-api",
      ]);
      const after = await listing(host, ["/etc", "/usr/local"], { times: true });
      const differ = Object.keys(after).filter((path) => after[path] !== before[path]);
      expect(differ).toEqual([paths.dropInDirectory, paths.dropIn].filter((path) => differ.includes(path)));
      expect(differ).toContain(paths.dropIn);
      expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
      expect(await changed(apply(host, wish({ [option]: value })))).toEqual([]);
    },
  );

  test("goes to the older driver with a drop-in that it understands, and back", async () => {
    const { host, python } = await grafted();
    await apply(host, wish({ "driver-version": "1.3.0" }));
    expect(python.installed?.version).toBe("1.3.0");
    expect(await readText(host.fs, paths.dropIn)).not.toContain("api_resources");
    expect(inLine(await reportOf(apply(host, wish())))).toBe(true);
    expect(python.installed?.version).toBe("1.4.0");
  });

  test("has its wish remembered, for root alone, for a run without Juju", async () => {
    const { host } = await grafted();
    expect(await lastWish(host)).toMatchObject(wish());
    expect(await host.fs.stat(paths.state)).toMatchObject({ mode: "0700", uid: 0 });
    for (const path of [paths.desired, paths.desiredKubeconfig]) {
      expect(await host.fs.stat(path)).toMatchObject({ mode: "0600", uid: 0 });
    }
  });

  test("that somebody else restarted is known by what it read then: a repaired drift needs no restart", async () => {
    const { host } = await grafted();
    await new Promise((resolve) => setTimeout(resolve, 10));
    for (const name of ["magnum-conductor", "magnum-api"]) await host.run(["systemctl", "restart", name]);
    expect(await changed(apply(host, wish()))).toEqual([]);
    await host.fs.write(paths.dropIn, "[capi_helm]\n", { mode: "0644", uid: 0, gid: 0 });
    host.commands.length = 0;
    expect(await changed(apply(host, wish()))).toEqual([`changed file:${paths.dropIn}`]);
    expect(restarts(host.commands)).toEqual([]);
  });

  test("leaves nothing staged", async () => {
    const { host } = await grafted();
    expect(await host.fs.stat(paths.staging)).toBeUndefined();
  });

  test("names what has to be watched: its files, those of others that count, and both processes", async () => {
    const { host, services } = await grafted();
    await host.fs.write(`${paths.dropInDirectory}/99-site.conf`, "[DEFAULT]\n", {
      mode: "0644",
      uid: 0,
      gid: 0,
    });
    const ending = await plan(host, wish());
    if (ending.end !== "report") throw new Error("no report");
    const { files, processes } = await watched(host, ending.config, ending.unit);
    expect(files).toEqual(
      expect.arrayContaining([
        paths.dropIn,
        `${paths.dropInDirectory}/99-site.conf`,
        paths.conductorDefaults,
        paths.kubeconfig,
        paths.helm,
        "/usr/bin/python3",
        `${packageFolder}/magnum_capi_helm/driver.py`,
      ]),
    );
    expect(processes).toEqual(Object.values(services).map(({ mainPid }) => mainPid));
  });
});

describe("a drift", () => {
  type Machine = Awaited<ReturnType<typeof conductorMachine>>;
  const root = { mode: "0644", uid: 0, gid: 0 };
  const write =
    (path: string, text: string, more: object = {}) =>
    async ({ host }: Machine) =>
      await host.fs.write(path, text, { ...root, ...more });
  const drifts: [string, (machine: Machine) => unknown, string[], string[]][] = [
    ["the drop-in edited", write(paths.dropIn, "[capi_helm]\n"), [`file:${paths.dropIn}`], []],
    ["the drop-in deleted", ({ host }) => host.fs.remove(paths.dropIn), [`file:${paths.dropIn}`], []],
    [
      "the drop-in unreadable",
      ({ host }) => host.fs.setOwnership(paths.dropIn, { ...root, mode: "0600" }),
      [`file:${paths.dropIn}`],
      [],
    ],
    [
      "the drop-ins' directory unreadable",
      ({ host }) => host.fs.setOwnership(paths.dropInDirectory, { ...root, mode: "0700" }),
      [`directory:${paths.dropInDirectory}`],
      [],
    ],
    ["the block removed", write(paths.conductorDefaults, ""), [`block:${paths.conductorDefaults}`], []],
    [
      "CRLF in the defaults",
      async ({ host }) =>
        await host.fs.write(
          paths.conductorDefaults,
          ((await readText(host.fs, paths.conductorDefaults)) ?? "").replaceAll("\n", "\r\n"),
          root,
        ),
      [`block:${paths.conductorDefaults}`],
      [],
    ],
    [
      "the kubeconfig readable by all",
      ({ host }) => host.fs.setOwnership(paths.kubeconfig, { mode: "0644", uid: 111, gid: 112 }),
      [`file:${paths.kubeconfig}`],
      [],
    ],
    [
      "the kubeconfig truncated",
      write(paths.kubeconfig, "", { mode: "0600" }),
      [`file:${paths.kubeconfig}`],
      [],
    ],
    ["another helm", write(paths.helm, "helm 3.1.0", { mode: "0755" }), [`helm:${paths.helm}`], []],
    ["helm removed", ({ host }) => host.fs.remove(paths.helm), [`helm:${paths.helm}`], []],
    [
      "the driver uninstalled",
      ({ python }) => {
        python.installed = undefined;
      },
      ["pip-package:magnum-capi-helm", "service:magnum-conductor", "service:magnum-api"],
      ["magnum-conductor", "magnum-api"],
    ],
    [
      "the driver downgraded",
      ({ python }) => {
        if (python.installed) Object.assign(python.installed, { version: "1.3.0", changedAt: 5 });
      },
      ["pip-package:magnum-capi-helm", "service:magnum-conductor", "service:magnum-api"],
      ["magnum-conductor", "magnum-api"],
    ],
    [
      "the conductor failed",
      ({ services }) => {
        Object.assign(services["magnum-conductor"] ?? {}, {
          active: "failed",
          result: "exit-code",
          mainPid: 0,
        });
      },
      ["service:magnum-conductor"],
      ["magnum-conductor"],
    ],
  ];

  test.each(drifts)(
    "%s is found by name and repaired, with no more restarts than needed",
    async (_, spoil, ids, restarted) => {
      const machine = await grafted();
      await spoil(machine);
      const found = changesOf(await reportOf(plan(machine.host, wish()))).map(({ id }) => id);
      expect(found).toEqual(ids);
      machine.host.commands.length = 0;
      expect(inLine(await reportOf(apply(machine.host, wish())))).toBe(true);
      expect(restarts(machine.host.commands)).toEqual(restarted);
      expect(await changed(apply(machine.host, wish()))).toEqual([]);
    },
  );

  test("by a later drop-in is reported with its file, and is left to its owner", async () => {
    const { host } = await grafted();
    const other = `${paths.dropInDirectory}/99-site.conf`;
    await host.fs.write(other, "[capi_helm]\ndefault_helm_chart_version = 0.1.0\n", root);
    const report = await reportOf(apply(host, wish()));
    expect(inLine(report)).toBe(false);
    expect(troubles(report)[0]).toMatchObject({
      cure: "operator",
      source: "magnum-conductor-options",
      reason: `${other} sets [capi_helm] default_helm_chart_version: it is 0.1.0, not 0.25.1`,
      remedy: "take it out of that file",
    });
    expect(await host.fs.stat(other)).toBeDefined();
  });

  test("is not repaired in a service that an operator stopped, or a paused principal masked", async () => {
    for (const [state, cure] of [
      [{ active: "inactive", mainPid: 0 }, "operator"],
      [{ active: "inactive", mainPid: 0, load: "masked" }, "note"],
    ] as const) {
      const { host, services } = await grafted({ hasApi: false });
      Object.assign(services["magnum-conductor"] ?? {}, state);
      host.commands.length = 0;
      const report = await reportOf(apply(host, wish({ "chart-version": "0.26.0" })));
      expect(troubles(report)[0]).toMatchObject({ cure });
      expect(inLine(report)).toBe(cure === "note");
      expect(restarts(host.commands)).toEqual([]);
    }
  });
});

describe("a run that was killed", () => {
  test.each([1, 2])("at restart %i is finished by the next one", async (at) => {
    const { host } = await conductorMachine();
    let seen = 0;
    const killed: Host = {
      ...host,
      run: (argv, options) => {
        if (argv[1] === "restart") seen += 1;
        return seen === at && argv[1] === "restart"
          ? Promise.reject(new Error("killed"))
          : host.run(argv, options);
      },
    };
    await expect(apply(killed, wish())).rejects.toThrow("killed");
    host.commands.length = 0;
    expect(inLine(await reportOf(apply(host, wish())))).toBe(true);
    expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"].slice(at - 1));
  });

  test("at any write is finished by the next one", async () => {
    let writes = 1;
    for (let at = 1; at <= writes; at += 1) {
      const { host } = await conductorMachine();
      let seen = 0;
      const write: Host["fs"]["write"] = async (...args) => {
        seen += 1;
        if (seen === at) throw new Error("killed");
        await host.fs.write(...args);
      };
      const end = await apply({ ...host, fs: { ...host.fs, write } }, wish()).catch(
        (error: Error) => error.message,
      );
      if (end === "killed") writes = at + 1;
      expect(inLine(await reportOf(apply(host, wish()))), `killed at write ${at}`).toBe(true);
      expect(await changed(apply(host, wish())), `killed at write ${at}`).toEqual([]);
    }
    expect(writes).toBeGreaterThan(8);
  });
});

describe("nothing on the machine is changed", () => {
  async function unchangedBy(host: Host, work: () => Promise<unknown>) {
    const before = await listing(host, ours, { times: true });
    const result = await work();
    expect(await listing(host, ours, { times: true })).toEqual(before);
    return result;
  }

  test("by options that are refused", async () => {
    const { host } = await conductorMachine();
    const refused = { ...wish({ "chart-version": "latest" }) };
    expect(await unchangedBy(host, () => apply(host, refused))).toMatchObject({
      end: "refused",
      refusals: [{ option: "chart-version", value: "latest" }],
    });
  });

  test("by a kubeconfig that the driver can't use", async () => {
    const { host } = await conductorMachine();
    const refused: Wish = { ...wish(), kubeconfig: "" };
    expect(await unchangedBy(host, () => apply(host, refused))).toMatchObject({ end: "refused" });
  });

  test("by a version that the index does not have", async () => {
    const { host, python } = await conductorMachine();
    python.refusal =
      "ERROR: Could not find a version that satisfies the requirement x (from versions: 1.3.0, 1.4.0)\n";
    const ending = await unchangedBy(host, () => apply(host, wish({ "driver-version": "9.9.9" })));
    expect(troubles((ending as { report: Report }).report)[0]).toMatchObject({
      reason: "the index has no driver-version=9.9.9: the configured package index has 1.3.0, 1.4.0",
    });
    expect(await lastWish(host)).toBeUndefined();
  });

  test("by a mirror that is down, or has other bytes", async () => {
    for (const spoil of ["down", "other"]) {
      const { host, helmUrl } = await conductorMachine();
      if (spoil === "down") host.web.clear();
      else host.web.set(helmUrl, Buffer.from("other"));
      const ending = await unchangedBy(host, () => apply(host, wish()));
      expect(troubles((ending as { report: Report }).report)[0]).toMatchObject({ source: "helm-fetched" });
    }
  });

  test("on a machine that is no conductor", async () => {
    const { host } = await conductorMachine();
    await host.fs.remove(paths.conductorInit);
    expect(await unchangedBy(host, () => apply(host, wish()))).toEqual({
      end: "no-conductor",
      missing: `${paths.conductorInit} is not there`,
    });
  });

  test("while another run is at work", async () => {
    const { host } = await conductorMachine();
    const busy: Host = { ...host, lock: async () => undefined };
    expect(await unchangedBy(host, () => apply(busy, wish()))).toEqual({ end: "busy" });
    await apply(host, wish());
    expect(await unchangedBy(host, () => undo(busy, "apply"))).toEqual({ end: "busy" });
  });
});

test("the lock is given back, also by a run that throws", async () => {
  const { host } = await conductorMachine();
  let held = 0;
  const counting: Host = {
    ...host,
    lock: async () => {
      held += 1;
      return () => {
        held -= 1;
      };
    },
  };
  await apply(counting, wish());
  await expect(apply({ ...counting, run: () => Promise.reject(new Error("x")) }, wish())).rejects.toThrow(
    "x",
  );
  expect(held).toBe(0);
});

describe("taking everything back", () => {
  const defaults = '# site\nDAEMON_ARGS="$DAEMON_ARGS --debug"';

  test("leaves the machine as it was, to the byte", async () => {
    const { host, python } = await conductorMachine({ files: { [paths.conductorDefaults]: defaults } });
    const before = await listing(host, ours);
    await apply(host, { ...wish(), charmDirectory: "/charm" });
    const report = await undo(host, "apply");
    expect(report && "outcomes" in report && inLine(report)).toBe(true);
    expect(await listing(host, ours)).toEqual(before);
    expect(python.installed).toBeUndefined();
    expect(restarts(host.commands)).toEqual([
      "magnum-conductor",
      "magnum-api",
      "magnum-conductor",
      "magnum-api",
    ]);
  });

  test("takes what is the charm's alone away also where nobody knows what stood before", async () => {
    const { host } = await conductorMachine();
    const all = { ...wish(), charmDirectory: "/charm" };
    await apply(host, all);
    await host.fs.removeTree(paths.state);
    expect(inLine(await reportOf(apply(host, all)))).toBe(true);
    const report = await undo(host, "apply");
    expect(report && "outcomes" in report && inLine(report)).toBe(true);
    expect(await host.fs.stat(paths.command)).toBeUndefined();
    const ourUnits = (await host.fs.list(paths.units))?.filter((name) => name.startsWith("magnum-capi-helm"));
    expect(ourUnits).toEqual([]);
    expect(await readText(host.fs, paths.conductorDefaults)).toBe("");
    expect(await host.fs.stat(paths.dropIn)).toBeDefined();
    expect(await host.fs.stat(paths.state)).toBeUndefined();
  });

  test("restarts daemons of which nothing is known, such as after a boot", async () => {
    const { host, services } = await grafted();
    for (const service of Object.values(services)) {
      Object.assign(service, { mainPid: service.mainPid + 1, startedAt: Date.now() + 3_600_000 });
    }
    host.commands.length = 0;
    await undo(host, "apply");
    expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
  });

  test("keeps what others have put beside it", async () => {
    const { host } = await grafted();
    const other = `${paths.dropInDirectory}/99-site.conf`;
    await host.fs.write(other, "[DEFAULT]\n", { mode: "0644", uid: 0, gid: 0 });
    await undo(host, "apply");
    expect(await host.fs.list(paths.dropInDirectory)).toEqual(["99-site.conf"]);
  });

  test("is only planned where that is asked", async () => {
    const { host } = await grafted();
    const before = await listing(host, ours, { times: true });
    const report = await undo(host, "plan");
    expect(report && "outcomes" in report ? changesOf(report).length : 0).toBeGreaterThan(5);
    expect(await listing(host, ours, { times: true })).toEqual(before);
  });

  test("is nothing to do where nothing was ever done, nor twice", async () => {
    const { host } = await conductorMachine();
    expect(await undo(host, "apply")).toBeUndefined();
    await apply(host, wish());
    await undo(host, "apply");
    expect(await undo(host, "apply")).toBeUndefined();
  });

  test("works where Magnum itself is gone", async () => {
    const { host, services } = await grafted();
    for (const path of [paths.conductorInit, paths.conductorProgram]) await host.fs.remove(path);
    for (const service of Object.values(services)) Object.assign(service, { load: "not-found", mainPid: 0 });
    const report = await undo(host, "apply");
    expect(report && "outcomes" in report && inLine(report)).toBe(true);
    for (const path of [paths.dropIn, paths.kubeconfig, paths.helm, paths.state]) {
      expect(await host.fs.stat(path), path).toBeUndefined();
    }
  });

  test("that is killed while its copies go is ended by the next one", async () => {
    const { host } = await conductorMachine({ files: { [paths.kubeconfig]: "of the site" } });
    await apply(host, wish());
    const removeTree: Host["fs"]["removeTree"] = async (path) => {
      if (path !== paths.state) return await host.fs.removeTree(path);
      await host.fs.remove(`${paths.originals}/etc_magnum_kubeconfig`);
      throw new Error("killed");
    };
    const dying: Host = { ...host, fs: { ...host.fs, removeTree } };
    await expect(undo(dying, "apply")).rejects.toThrow("killed");
    const report = await undo(host, "apply");
    expect(report && "outcomes" in report && inLine(report)).toBe(true);
    expect(await host.fs.stat(paths.state)).toBeUndefined();
    expect(await readText(host.fs, paths.kubeconfig)).toBe("of the site");
  });

  test("that fails keeps what it needs for the next try", async () => {
    const { host, python } = await grafted();
    python.failure = "ERROR: uninstall failed\n";
    const report = await undo(host, "apply");
    expect(report && "outcomes" in report && inLine(report)).toBe(false);
    python.failure = "";
    await undo(host, "apply");
    expect(python.installed).toBeUndefined();
    expect(await host.fs.stat(paths.state)).toBeUndefined();
  });
});

describe("a fault of the machine", () => {
  test("that no resource can tell of is how the run ends, not an error of ours", async () => {
    const { host } = await conductorMachine();
    const fault = new HostFault("failed to write /var/lib/magnum-capi-helm/desired.json: ENOSPC", {
      remedy: "free space on that filesystem",
    });
    const write: Host["fs"]["write"] = (path, ...rest) =>
      path.endsWith("desired.json") ? Promise.reject(fault) : host.fs.write(path, ...rest);
    expect(await apply({ ...host, fs: { ...host.fs, write } }, wish())).toEqual({
      end: "fault",
      reason: fault.message,
      remedy: fault.remedy,
      cure: "operator",
    });
  });

  test("that undoes a part while the services come to rest is found by the last look", async () => {
    const { host } = await conductorMachine();
    const settled = () => host.fs.remove("/etc/magnum/kubeconfig");
    const report = await reportOf(apply(host, wish(), { settled }));
    expect(inLine(report)).toBe(false);
    expect(report.outcomes.filter(({ outcome }) => outcome === "drifted")).toMatchObject([
      { id: "file:/etc/magnum/kubeconfig", change: { action: "create" } },
    ]);
  });
});
