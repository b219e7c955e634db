import { describe, expect, test, vi } from "vitest";
import { apply, healLast, undo } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { type Host, HostFault, readText } from "../../src/host/host.ts";
import { inLine, type Report, troubles } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { install, packageFolder } from "../support/machine/fake-python.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { fullHost } from "../support/machine/faulty-host.ts";
import { listing } from "../support/machine/listing.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const charmDirectory = "/var/lib/juju/agents/unit-capi-0/charm";
const all = { ...wish(), charmDirectory, unitName: "capi/0" };
const ours = ["/etc", "/usr", "/var", "/run"];
const defaults = "# site\n";

type Machine = Awaited<ReturnType<typeof conductorMachine>>;

/** A grafted machine, and what was on it before. */
async function grafted() {
  const machine = await conductorMachine({ files: { [paths.conductorDefaults]: defaults } });
  const before = await listing(machine.host, ours);
  const ending = await apply(machine.host, all);
  if (ending.end !== "report" || !inLine(ending.report)) throw new Error("the graft failed");
  machine.host.commands.length = 0;
  return { ...machine, before };
}

async function taken(work: ReturnType<typeof undo>): Promise<Report> {
  const report = await work;
  if (report === undefined || !("outcomes" in report))
    throw new Error(`no report: ${JSON.stringify(report)}`);
  return report;
}

const remove = (host: Host, isLast = false) => taken(undo(host, "apply", { isLast }));

function sourcesOf(report: Report): readonly string[] {
  return troubles(report).map(({ source }) => source);
}

/** What is on the machine besides what Magnum itself took with it. */
async function expectClean({ host, before }: Machine & { readonly before: object }, ...without: string[]) {
  const left = await listing(host, ours);
  expect(left).toEqual(
    Object.fromEntries(Object.entries(before).filter(([path]) => !without.includes(path))),
  );
}

/** The folders and files that were not there before; what is in a new folder is part of it. */
async function remains({ host, before }: Machine & { readonly before: object }): Promise<readonly string[]> {
  const added = Object.keys(await listing(host, ours)).filter((path) => !Object.hasOwn(before, path));
  return added.filter((path) => !added.some((other) => path.startsWith(`${other}/`)));
}

describe("a removal leaves the machine as it was before the graft", () => {
  test("where the principal was purged, with its configuration, its user and its services", async () => {
    const it = await grafted();
    const purged = [paths.conductorInit, paths.apiInit, paths.conductorProgram, paths.magnumConf];
    for (const path of [...purged, paths.conductorDefaults]) await it.host.fs.remove(path);
    await it.host.fs.removeTree("/etc/magnum");
    for (const service of Object.values(it.services))
      Object.assign(service, { load: "not-found", mainPid: 0, active: "inactive", user: "" });
    expect(inLine(await remove(it.host, true))).toBe(true);
    await expectClean(it, ...purged, paths.conductorDefaults, "/etc/magnum");
  });

  test("where Python is gone with Magnum: the driver's folders go without pip", async () => {
    const it = await grafted();
    const own = { mode: "0644", uid: 0, gid: 0 };
    for (const folder of ["magnum_capi_helm", "magnum_capi_helm-1.4.0.dist-info", "magnum_other"]) {
      await it.host.fs.makeDirectory(`${packageFolder}/${folder}`, { ...own, mode: "0755" });
      await it.host.fs.write(`${packageFolder}/${folder}/file`, "", own);
    }
    it.python.isGone = true;
    await it.host.fs.remove(paths.conductorProgram);
    expect(inLine(await remove(it.host, true))).toBe(true);
    expect(await it.host.fs.list(packageFolder)).toEqual(["magnum_other"]);
    expect(await it.host.fs.stat(paths.state)).toBeUndefined();
  });

  test("where a change was cut short, and another run of ours still writes: that one is waited for", async () => {
    const it = await grafted();
    let waited = 0;
    const lock: Host["lock"] = async (_path, waitMs) => {
      waited = waitMs;
      return () => {};
    };
    await remove({ ...it.host, lock });
    // Longer than a run that waits for helm, restarts, and takes its change back.
    expect(waited).toBeGreaterThanOrEqual(600_000);
    await expectClean(it);
  });

  test("with the watch ended first, so that it neither holds the lock nor repairs what goes", async () => {
    const it = await grafted();
    let stopped: readonly string[] = [];
    const lock: Host["lock"] = async () => {
      stopped = it.host.commands.filter(([, verb]) => verb === "stop").map((argv) => argv.at(-1) ?? "");
      return () => {};
    };
    await remove({ ...it.host, lock });
    const name = "magnum-capi-helm-watch";
    expect(stopped).toEqual([`${name}.timer`, `${name}.path`, `${name}.service`]);
  });

  test("at the last try, where systemd does not answer: what it would have to stop or restart is told", async () => {
    const it = await grafted();
    const run: Host["run"] = (argv, options) =>
      argv[0] === "systemctl" && ["stop", "show"].includes(argv[1] ?? "")
        ? Promise.resolve({ ok: false, code: 1, stdout: "", stderr: "no bus", timedOut: false })
        : it.host.run(argv, options);
    expect(await undo({ ...it.host, run }, "apply")).toMatchObject({ end: "fault" });
    const last = await remove({ ...it.host, run }, true);
    expect(sourcesOf(last)).toContain("unit:magnum-capi-helm-watch.timer");
    expect(await remains(it)).toEqual([paths.state]);
    // Nothing is left but the records, so a redeploy has nothing to do but to take them away.
    expect(inLine(await remove(it.host, true))).toBe(true);
    await expectClean(it);
  });
});

describe("what can't be taken back holds nothing else back", () => {
  test("a disk that is full keeps what has to be written; the next try, after it was freed, ends it", async () => {
    const it = await grafted();
    const first = await remove(fullHost(it.host, () => true));
    expect(sourcesOf(first)[0]).toBe(`block:${paths.conductorDefaults}`);
    expect(it.python.installed).toBeUndefined();
    for (const path of [
      paths.helm,
      paths.dropIn,
      paths.kubeconfig,
      `${paths.units}/magnum-capi-helm-watch.path`,
    ])
      expect(await it.host.fs.stat(path), path).toBeUndefined();
    expect(inLine(await remove(it.host, true))).toBe(true);
    await expectClean(it);
  });

  test("a driver that pip does not uninstall leaves the wiring, the files and helm gone, and is named", async () => {
    const it = await grafted();
    it.python.failure = "ERROR: no\n";
    const report = await remove(it.host);
    expect(sourcesOf(report)).toEqual(["pip-package:magnum-capi-helm"]);
    expect(await it.host.fs.stat(paths.helm)).toBeUndefined();
    expect(restarts(it.host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
    // For another try by hand.
    expect(await it.host.fs.stat(paths.command)).toBeDefined();
  });

  test("a driver that can't be looked at neither", async () => {
    const it = await grafted();
    const run: Host["run"] = (argv, options) =>
      argv.includes("magnum.drivers")
        ? Promise.resolve({ ok: false, code: 1, stdout: "", stderr: "broken", timedOut: false })
        : it.host.run(argv, options);
    const report = await remove({ ...it.host, run });
    expect(sourcesOf(report)).toContain("pip-package:magnum-capi-helm");
    expect(await readText(it.host.fs, paths.conductorDefaults)).toBe(defaults);
    expect(await it.host.fs.stat(paths.helm)).toBeUndefined();
  });

  test("a service that does not start any more is told, and the last hook leaves no records for it", async () => {
    const it = await grafted();
    Object.assign(it.services["magnum-api"] ?? {}, { load: "error" });
    expect(sourcesOf(await remove(it.host))).toEqual(["service:magnum-api"]);
    expect(await it.host.fs.stat(paths.state)).toBeDefined();
    expect(sourcesOf(await remove(it.host, true))).toEqual(["service:magnum-api"]);
    await expectClean(it);
  });

  test("a service that is masked while it runs is told, and left to whoever masked it", async () => {
    const it = await grafted();
    Object.assign(it.services["magnum-api"] ?? {}, { load: "masked" });
    expect(sourcesOf(await remove(it.host))).toEqual(["magnum-api-not-paused"]);
    expect(restarts(it.host.commands)).toEqual(["magnum-conductor"]);
    await expectClean(it);
  });

  test("a service that fails, or was stopped, is left as it is", async () => {
    const it = await grafted();
    Object.assign(it.services["magnum-conductor"] ?? {}, {
      active: "failed",
      result: "exit-code",
      mainPid: 0,
    });
    Object.assign(it.services["magnum-api"] ?? {}, { active: "inactive", result: "success", mainPid: 0 });
    expect(inLine(await remove(it.host))).toBe(true);
    expect(restarts(it.host.commands)).toEqual([]);
    await expectClean(it);
  });
});

test("a removal that did not end is not undone by a repair that waited for it", async () => {
  const it = await grafted();
  it.python.failure = "ERROR: no\n";
  await remove(it.host);
  it.python.failure = "";
  expect(await healLast(it.host)).toBeUndefined();
  expect(await it.host.fs.stat(paths.dropIn)).toBeUndefined();
  expect(await it.host.fs.stat(paths.desiredKubeconfig)).toBeUndefined();
});

test("a unit that was grafted by hand has its own back though the principal's folder went: its file is told of", async () => {
  const machine = await conductorMachine({ files: { [paths.kubeconfig]: "of the site" } });
  install(machine.python, "1.3.0");
  await apply(machine.host, all);
  for (const path of [paths.conductorInit, paths.conductorProgram]) await machine.host.fs.remove(path);
  await machine.host.fs.removeTree("/etc/magnum");
  const report = await remove(machine.host, true).catch((error: unknown) => error);
  expect(report).not.toBeInstanceOf(HostFault);
  expect(machine.python.installed?.version).toBe("1.3.0");
});
