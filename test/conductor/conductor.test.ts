import { describe, expect, test } from "vitest";
import { asDaemon, findConductor } from "../../src/conductor/conductor.ts";
import { paths } from "../../src/conductor/paths.ts";
import { architecture, conductorMachine } from "../support/machine/conductor-machine.ts";
import { fakeSystemd, runningService } from "../support/machine/fake-systemd.ts";
import { type Program, scriptedHost } from "../support/machine/scripted-host.ts";

const root = { uid: 0, gid: 0 };

describe("a packaged conductor", () => {
  test("is found with its user, interpreter, API and architecture", async () => {
    const { host } = await conductorMachine();
    expect(await findConductor(host)).toEqual({
      daemon: { user: "magnum", group: "magnum", uid: 111, gid: 112 },
      home: "/var/lib/magnum",
      python: "/usr/bin/python3",
      pythonPackages: "/usr/local/lib/python3.11/dist-packages",
      architecture,
      hasApi: true,
      apiTakesConfigArguments: false,
    });
  });

  test("has an API that is wired like it only where its init script hands a configuration file on", async () => {
    const { host } = await conductorMachine({ apiTakesArguments: true });
    expect(await findConductor(host)).toMatchObject({ hasApi: true, apiTakesConfigArguments: true });
    await host.fs.remove(paths.apiInit);
    expect(await findConductor(host)).toMatchObject({ hasApi: true, apiTakesConfigArguments: false });
  });

  test("has its packages where the interpreter's own version says, and nowhere known without one", async () => {
    const { host } = await conductorMachine();
    await host.fs.link("/usr/bin/python3", "python3.12");
    const packages = async () => ((await findConductor(host)) as { pythonPackages?: string }).pythonPackages;
    expect(await packages()).toBe("/usr/local/lib/python3.12/dist-packages");
    await host.fs.link("/usr/bin/python3", "pypy");
    expect(await packages()).toBe("");
  });

  test("may have no API beside it", async () => {
    const { host } = await conductorMachine({ hasApi: false });
    expect(await findConductor(host)).toMatchObject({ hasApi: false, apiTakesConfigArguments: false });
  });

  test("that is masked is found all the same, though systemd then names no user", async () => {
    const { host, services } = await conductorMachine();
    Object.assign(services["magnum-conductor"] ?? {}, {
      load: "masked",
      active: "inactive",
      mainPid: 0,
      user: "",
    });
    expect(await findConductor(host)).toMatchObject({ daemon: { user: "magnum", uid: 111 } });
  });

  test.each([
    ["#!/usr/bin/python3\n", "/usr/bin/python3"],
    ["#! /opt/magnum/bin/python3.12 -I\n", "/opt/magnum/bin/python3.12"],
    ["#!/bin/sh\nexec python3\n", "/usr/bin/python3"],
    ["", "/usr/bin/python3"],
  ])("whose program begins with %j runs under %s", async (text, python) => {
    const { host } = await conductorMachine();
    await host.fs.write(paths.conductorProgram, text, { ...root, mode: "0755" });
    expect(await findConductor(host)).toMatchObject({ python });
  });

  test("may run as another user, with a group of its own", async () => {
    const accounts: Program = ([program, table, key]) => {
      if (program !== "getent") return undefined;
      if (table === "passwd" && key === "cloud")
        return { stdout: "cloud:x:900:901:Cloud:/srv/cloud:/bin/sh\n" };
      return table === "group" && key === "staff" ? { stdout: "staff:x:50:\n" } : { code: 2 };
    };
    const service = runningService({ user: "cloud", group: "staff" });
    const host = scriptedHost([accounts, fakeSystemd({ "magnum-conductor": service })], {
      [paths.conductorInit]: "",
      [paths.conductorProgram]: "#!/usr/bin/python3\n",
    });
    for (const path of [paths.conductorInit, paths.conductorProgram]) {
      await host.fs.setOwnership(path, { ...root, mode: "0755" });
    }
    expect(await findConductor(host)).toMatchObject({
      daemon: { user: "cloud", group: "staff", uid: 900, gid: 50 },
      home: "/srv/cloud",
      hasApi: false,
    });
  });
});

describe("no conductor", () => {
  test.each([paths.conductorInit, paths.conductorProgram])("is where %s is not there", async (path) => {
    const { host } = await conductorMachine();
    await host.fs.remove(path);
    expect(await findConductor(host)).toEqual({ missing: `${path} is not there` });
  });

  test.each([paths.conductorInit, paths.conductorProgram])("is where %s can't be run", async (path) => {
    const { host } = await conductorMachine();
    await host.fs.setOwnership(path, { ...root, mode: "0644" });
    expect(await findConductor(host)).toMatchObject({ missing: expect.stringContaining(path) });
  });

  test("is where systemd has no unit of it", async () => {
    const { host, services } = await conductorMachine();
    Object.assign(services["magnum-conductor"] ?? {}, { load: "not-found", mainPid: 0 });
    expect(await findConductor(host)).toEqual({ missing: "systemd has no magnum-conductor" });
  });

  test("is where its user does not exist", async () => {
    const { host, services } = await conductorMachine();
    Object.assign(services["magnum-conductor"] ?? {}, { user: "nobody-here" });
    expect(await findConductor(host)).toEqual({ missing: "the conductor's user does not exist" });
  });
});

test("a command as the daemon has its user and nothing of our environment", async () => {
  const { host } = await conductorMachine();
  const unit = await findConductor(host);
  if ("missing" in unit) throw new Error(unit.missing);
  expect([...asDaemon(unit), "true"].join(" ")).toBe(
    "runuser -u magnum -- env -i PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/var/lib/magnum LANG=C.UTF-8 USER=magnum true",
  );
  expect(asDaemon(unit, "/x")).toContain("PATH=/x");
});
