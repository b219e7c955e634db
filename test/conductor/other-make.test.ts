import { describe, expect, test, vi } from "vitest";
import { findConductor } from "../../src/conductor/conductor.ts";
import { apply, healLast, undo } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { restartServices } from "../../src/conductor/restart.ts";
import { committedWish } from "../../src/conductor/wish.ts";
import type { Host } from "../../src/host/host.ts";
import { statusFor } from "../../src/juju/status.ts";
import { inLine } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts, runningService } from "../support/machine/fake-systemd.ts";
import { reported } from "../support/reported.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const owner = { mode: "0444", uid: 0, gid: 0 };
const folder = { mode: "0755", uid: 0, gid: 0 };
const ready = { status: "active", message: "Unit is ready" };

interface FakeProcess {
  readonly pid: number;
  readonly words: readonly string[];
  readonly unit: string;
  readonly program?: string;
  readonly children?: string;
  /** In ticks since boot. */
  readonly start?: number;
}

async function writeProcess(host: Host, it: FakeProcess, listening = true): Promise<void> {
  const at = `/proc/${it.pid}`;
  await host.fs.makeDirectory(`${at}/task/${it.pid}`, folder);
  await host.fs.makeDirectory(`${at}/fd`, folder);
  await host.fs.makeDirectory(`${at}/net`, folder);
  await host.fs.write(`${at}/cmdline`, `${it.words.join("\0")}\0`, owner);
  await host.fs.write(`${at}/cgroup`, `0::/system.slice/${it.unit}.service\n`, owner);
  await host.fs.write(`${at}/task/${it.pid}/children`, it.children ?? "", owner);
  const fields = Array.from({ length: 30 }, (_, index) => (index === 19 ? String(it.start ?? 0) : "0"));
  await host.fs.write(`${at}/stat`, `${it.pid} (x) ${fields.join(" ")}`, owner);
  await host.fs.link(`${at}/exe`, it.program ?? "/usr/bin/uwsgi-core");
  if (!listening) return;
  await host.fs.link(`${at}/fd/3`, `socket:[${it.pid}]`);
  const line = `0: 0100007F:2527 00000000:0000 0A 00000000:00000000 00:00000000 00000000 111 0 ${it.pid} 1\n`;
  await host.fs.write(`${at}/net/tcp`, line, owner);
}

async function groupOf(host: Host, unit: string, pids: readonly number[]): Promise<void> {
  await host.fs.makeDirectory(`/sys/fs/cgroup/system.slice/${unit}.service`, folder);
  const path = `/sys/fs/cgroup/system.slice/${unit}.service/cgroup.procs`;
  await host.fs.write(path, pids.map((pid) => `${pid}\n`).join(""), owner);
}

const uwsgi = ["/usr/bin/uwsgi_python311", "--ini", "/etc/magnum/magnum-api-uwsgi.ini"];

/** A conductor whose API is served by a unit of another name. */
async function withApi(unit: string, main: Partial<FakeProcess> = {}, others: readonly FakeProcess[] = []) {
  const machine = await conductorMachine({ hasApi: false });
  machine.services[unit] = runningService({ mainPid: 300, user: "" });
  const process = { pid: 300, words: uwsgi, unit, children: "5300 5301 ", ...main };
  for (const it of [process, ...others]) await writeProcess(machine.host, it);
  await groupOf(machine.host, unit, [300, ...others.map(({ pid }) => pid)]);
  return machine;
}

const apache: Partial<FakeProcess> = {
  words: ["/usr/sbin/apache2", "-k", "start"],
  program: "/usr/sbin/apache2",
  children: "301 ",
};
const wsgi = (start: number): FakeProcess => ({
  pid: 301,
  words: ["(wsgi:magnum-api)    -k start"],
  unit: "apache2",
  program: "/usr/sbin/apache2",
  start,
});

describe("the API in a service of another name", () => {
  test.each([
    ["uwsgi", uwsgi],
    ["Magnum's own server", ["/usr/bin/python3", "-I", "/usr/bin/magnum-api", "--debug"]],
    ["gunicorn", ["/usr/bin/python3", "/usr/bin/gunicorn", "magnum.api.app:application"]],
  ])("is found where %s listens and runs it, in a service of its own", async (_what, words) => {
    const { host } = await withApi("openstack-api", { words });
    expect(await findConductor(host)).toMatchObject({
      hasApi: true,
      apiTakesConfigArguments: false,
      otherApi: { unit: "openstack-api", isShared: false },
    });
  });

  test.each([
    ["a reader of its log", ["/usr/bin/tail", "-F", "/var/log/magnum/magnum-api.log"]],
    ["an editor of its script", ["/usr/bin/vim", "/usr/bin/magnum-api"]],
    ["another server", ["/usr/bin/uwsgi_python311", "--ini", "/etc/other.ini"]],
  ])("is not %s", async (_what, words) => {
    const { host } = await withApi("other", { words });
    expect(await findConductor(host)).toMatchObject({ hasApi: false });
  });

  test("is not what does not listen, and not what runs in a container of this machine", async () => {
    const { host, services } = await withApi("openstack-api");
    await host.fs.remove("/proc/300/fd/3");
    expect(await findConductor(host)).toMatchObject({ hasApi: false });
    const inside = await withApi("openstack-api");
    await inside.host.fs.write("/proc/300/cgroup", "0::/lxc/c1/system.slice/openstack-api.service\n", owner);
    Object.assign(inside.services["openstack-api"] ?? {}, { mainPid: 0 });
    expect(await findConductor(inside.host)).toMatchObject({ hasApi: false });
    expect(Object.keys(services)).toContain("openstack-api");
  });

  test("is not looked for while magnum-api runs", async () => {
    const { host } = await conductorMachine();
    await writeProcess(host, { pid: 300, words: uwsgi, unit: "openstack-api" });
    expect(await findConductor(host)).not.toHaveProperty("otherApi");
  });

  test("is restarted by its name, once, and proved like magnum-api", async () => {
    const { host } = await withApi("openstack-api");
    host.commands.length = 0;
    const ending = await reported(apply(host, wish()));
    expect(restarts(host.commands)).toEqual(["magnum-conductor", "openstack-api"]);
    expect(statusFor(ending)).toEqual(ready);
    expect(ending.report.gates.map(({ id }) => id)).toEqual(
      expect.arrayContaining(["openstack-api-stable", "openstack-api-answers", "openstack-api-log"]),
    );
  });
});

describe("the API in a service that runs other things too", () => {
  const blocked = {
    status: "blocked",
    message: "the API runs in apache2, older than its files; next: systemctl reload apache2",
  };

  test("is left alone: the graft is in force, and the unit blocked with the command", async () => {
    const { host } = await withApi("apache2", apache, [wsgi(0)]);
    host.commands.length = 0;
    const ending = await reported(apply(host, wish()));
    expect(restarts(host.commands)).toEqual(["magnum-conductor"]);
    expect(await committedWish(host)).toMatchObject(wish());
    expect(statusFor(ending)).toEqual(blocked);
    expect(statusFor(await reported(healLast(host)))).toEqual(blocked);
  });

  test("is in line once its processes were made anew, by a reload that keeps the main process", async () => {
    const { host, services } = await withApi("apache2", apache, [wsgi(0)]);
    await apply(host, wish());
    const age = Date.now() - (services["apache2"]?.startedAt ?? 0);
    await writeProcess(host, wsgi(age / 10 + 100_000));
    expect(statusFor(await reported(healLast(host)))).toEqual(ready);
  });

  test("is known by the site's WSGIScriptAlias where mod_wsgi's processes have no names", async () => {
    const nameless = { ...wsgi(0), words: ["/usr/sbin/apache2", "-k", "start"] };
    const { host } = await withApi("apache2", apache, [nameless]);
    expect(await findConductor(host)).toMatchObject({ hasApi: false });
    await host.fs.makeDirectory("/etc/apache2/sites-enabled", folder);
    const site = "<VirtualHost *:9511>\n  WSGIScriptAlias / /usr/bin/magnum-api-wsgi\n</VirtualHost>\n";
    await host.fs.write("/etc/apache2/sites-enabled/magnum.conf", site, owner);
    expect(await findConductor(host)).toMatchObject({ otherApi: { unit: "apache2", isShared: true } });
    expect(statusFor(await reported(apply(host, wish())))).toEqual(blocked);
  });

  test("that is no web server is named with a restart", async () => {
    const other = { pid: 302, words: ["/usr/bin/uwsgi_python311", "--ini", "/etc/other.ini"], unit: "uwsgi" };
    const { host } = await withApi("uwsgi", {}, [other]);
    expect(statusFor(await reported(apply(host, wish()))).message).toBe(
      "the API runs in uwsgi, older than its files; next: systemctl restart uwsgi",
    );
  });

  test("is not restarted by the action either, and a removal goes to its end without it", async () => {
    const { host } = await withApi("apache2", apache, [wsgi(0)]);
    await apply(host, wish());
    host.commands.length = 0;
    await restartServices(host, { deferredOnly: false });
    const report = await undo(host, "apply");
    if (report === undefined || "end" in report) throw new Error("not undone");
    expect(inLine(report)).toBe(true);
    expect(await host.fs.stat(paths.state)).toBeUndefined();
    expect(restarts(host.commands)).not.toContain("apache2");
  });
});

describe("a conductor in a service of another name", () => {
  async function withConductor(load: "loaded" | "not-found") {
    const machine = await conductorMachine();
    Object.assign(machine.services["magnum-conductor"] ?? {}, { load, active: "inactive", mainPid: 0 });
    machine.services["openstack-conductor"] = runningService({ mainPid: 400 });
    const words = ["/usr/bin/python3", "/usr/bin/magnum-conductor"];
    await writeProcess(machine.host, { pid: 400, words, unit: "openstack-conductor" }, false);
    machine.host.commands.length = 0;
    return machine;
  }

  test.each(["loaded", "not-found"] as const)(
    "is named, blocked, where magnum-conductor is %s",
    async (load) => {
      const { host } = await withConductor(load);
      const ending = await apply(host, wish());
      expect(statusFor(ending)).toEqual({
        status: "blocked",
        message: "the conductor runs as openstack-conductor; next: run it as magnum-conductor",
      });
      expect(await host.fs.stat(paths.dropIn)).toBeUndefined();
      expect(restarts(host.commands)).toEqual([]);
    },
  );

  test("is not asked of a systemd that does not run, where a container of this machine has one", async () => {
    const { host } = await withConductor("not-found");
    await host.fs.remove(paths.conductorInit);
    const run: Host["run"] = async (argv, options) =>
      argv[0] === "systemctl"
        ? { ok: false, code: 1, stdout: "", stderr: "not booted with systemd", timedOut: false }
        : await host.run(argv, options);
    expect(await findConductor({ ...host, run })).toEqual({
      missing: "/etc/init.d/magnum-conductor is not there",
    });
  });

  test("is not a check of another service that looks for it", async () => {
    const { host } = await withConductor("loaded");
    await host.fs.write("/proc/400/cmdline", "/usr/bin/pgrep\0magnum-conductor\0", owner);
    expect(await findConductor(host)).not.toHaveProperty("missing");
  });
});
