import { describe, expect, test, vi } from "vitest";
import { renderHold } from "../../src/cli/render.ts";
import { apply, healLast, lastWish } from "../../src/conductor/graft.ts";
import { readHealRecords } from "../../src/conductor/heal-log.ts";
import { readHold, showHold } from "../../src/conductor/hold.ts";
import { paths } from "../../src/conductor/paths.ts";
import { committedWish, previousWish } from "../../src/conductor/wish.ts";
import { type Host, readText } from "../../src/host/host.ts";
import { statusFor } from "../../src/juju/status.ts";
import { inLine, troubles } from "../../src/reconcile/report.ts";
import { kubeconfigText, secrets } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { dyingHost, fullHost } from "../support/machine/faulty-host.ts";
import { listing } from "../support/machine/listing.ts";
import { reported } from "../support/reported.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const live = ["/etc", "/usr/local"];
const root = { mode: "0644", uid: 0, gid: 0 };
const older = wish({ "driver-version": "1.3.0" });

async function grafted(first = wish(), options: Parameters<typeof conductorMachine>[0] = {}) {
  const machine = await conductorMachine(options);
  expect(inLine((await reported(apply(machine.host, first))).report)).toBe(true);
  machine.host.commands.length = 0;
  return machine;
}

type Machine = Awaited<ReturnType<typeof conductorMachine>>;

/** Nothing of a change is under way, and nothing is staged. */
async function expectNothingUnderWay(host: Host) {
  expect(await host.fs.stat(paths.transaction)).toBeUndefined();
  expect(await host.fs.stat(paths.staging)).toBeUndefined();
}

describe("a change that holds", () => {
  test("is in force, with the generation before it kept for root alone, and nothing else left", async () => {
    const { host } = await grafted(older);
    const { report, hold } = await reported(apply(host, wish()));
    expect({ inLine: inLine(report), hold }).toEqual({ inLine: true, hold: undefined });
    expect(await committedWish(host)).toMatchObject(wish());
    expect(await previousWish(host)).toMatchObject(older);
    for (const path of [paths.desired, paths.desiredKubeconfig, paths.previous])
      expect(await host.fs.stat(path), path).toMatchObject({ mode: "0600", uid: 0 });
    await expectNothingUnderWay(host);
    expect(await readHold(host)).toBeUndefined();
  });

  test("leaves in the store what it and the generation before it need, for root alone", async () => {
    const { host } = await grafted(wish({ "driver-version": "1.2.0" }));
    await apply(host, older);
    await apply(host, wish());
    const names = (await host.fs.list(paths.store)) ?? [];
    expect(names.map((name) => name.replace(/-[0-9a-f]{64}/, ""))).toEqual([
      "helm-3.17.3",
      "helm-3.17.3.sha256",
      "magnum_capi_helm-1.3.0-py3-none-any.whl",
      "magnum_capi_helm-1.3.0-py3-none-any.whl.sha256",
      "magnum_capi_helm-1.4.0-py3-none-any.whl",
      "magnum_capi_helm-1.4.0-py3-none-any.whl.sha256",
    ]);
    expect(await host.fs.stat(paths.store)).toMatchObject({ mode: "0700", uid: 0 });
  });

  test("of an option that touches no resource keeps the generation before, and what it needs", async () => {
    const { host } = await grafted(older);
    await apply(host, wish());
    expect(inLine((await reported(apply(host, wish({ "self-heal-limit": 9 })))).report)).toBe(true);
    expect(await previousWish(host)).toMatchObject(older);
    expect((await host.fs.list(paths.store))?.join()).toContain("magnum_capi_helm-1.3.0");
    expect(restarts(host.commands)).toEqual(["magnum-conductor", "magnum-api"]);
  });
});

describe("a change that the staged proof refuses", () => {
  const cases: [string, (machine: Machine) => unknown, string, string][] = [
    [
      "a driver that can't be imported",
      ({ python }) => python.unloadable.set("1.4.0", "ImportError: cannot import name 'x'"),
      "driver-enumerated",
      "Magnum can't load its drivers: ImportError: cannot import name 'x' (magnum_capi_helm/driver.py)",
    ],
    [
      "a later drop-in that breaks parsing",
      ({ host }) => host.fs.write(`${paths.dropInDirectory}/99-site.conf`, "nonsense\n", root),
      "magnum-conductor-options",
      `Failed to parse ${paths.dropInDirectory}/99-site.conf: line 1 is no option: nonsense`,
    ],
    [
      "a later drop-in that sets our option",
      ({ host }) =>
        host.fs.write(
          `${paths.dropInDirectory}/99-site.conf`,
          "[capi_helm]\ndefault_helm_chart_version = 0.1.0\n",
          root,
        ),
      "magnum-conductor-options",
      `${paths.dropInDirectory}/99-site.conf sets [capi_helm] default_helm_chart_version: it is 0.1.0, not 0.26.0`,
    ],
    [
      "a foreign line with a carriage return",
      ({ host }) => host.fs.write(paths.conductorDefaults, "# site\rx\n", root),
      "show-args",
      "/etc/init.d/magnum-conductor show-args prints a carriage return",
    ],
    [
      "a helm of the operator's that comes first",
      ({ host }) => host.fs.write("/usr/bin/helm", "helm 2.0.0", { ...root, mode: "0755" }),
      "helm-on-path",
      "the conductor finds /usr/bin/helm, helm v2.0.0",
    ],
  ];

  test.each(cases)(
    "for %s touches nothing that is live, restarts nothing, and names what is live",
    async (_, spoil, gate, reason) => {
      const machine = await grafted(older);
      await spoil(machine);
      const { host } = machine;
      machine.host.commands.length = 0;
      const before = await listing(host, [...live, "/var/lib"], { times: true });
      const ending = await reported(apply(host, wish({ "chart-version": "0.26.0" })));
      const closed = ending.report.gates.filter(({ state }) => state === "closed");
      expect(closed[0]).toMatchObject({ id: gate, reason });
      expect(JSON.stringify(ending)).not.toContain(paths.staging);
      expect(ending.hold).toBeUndefined();
      expect(statusFor(ending)).toMatchObject({ status: "blocked" });
      expect(await listing(host, [...live, "/var/lib"], { times: true })).toEqual(before);
      expect(restarts(host.commands)).toEqual([]);
      await expectNothingUnderWay(host);
    },
  );
});

/** The daemons fare so with driver 1.4.0; the staged proof sees nothing of it. */
function spoilStart(
  { faults, python }: Machine,
  end: ReturnType<Machine["faults"]["atStart"]>,
  only?: string,
) {
  faults.atStart = (name) =>
    python.installed?.version === "1.4.0" && (only ?? name) === name ? end : "runs";
}

describe("a change that does not hold after the restart", () => {
  test.each([
    ["crashes", "service:magnum-conductor", "magnum-conductor came down after its restart (failed)"],
    ["exits", "service:magnum-conductor", "magnum-conductor came down after its restart (inactive)"],
    ["dies later", "magnum-conductor-stable", "magnum-conductor is not running (failed)"],
  ] as const)(
    "is taken back to the byte, with modes and owners, and the daemons run again: it %s",
    async (end, source, reason) => {
      const machine = await grafted(older);
      const { host, services, python } = machine;
      const before = await listing(host, live);
      spoilStart(machine, end);
      const ending = await reported(apply(host, wish()));
      expect(await listing(host, live)).toEqual(before);
      expect(python.installed?.version).toBe("1.3.0");
      for (const service of Object.values(services)) expect(service).toMatchObject({ active: "active" });
      expect(ending.back && inLine(ending.back)).toBe(true);
      expect(await committedWish(host)).toMatchObject(older);
      await expectNothingUnderWay(host);
      expect(await host.fs.stat(paths.hold)).toMatchObject({ mode: "0600", uid: 0 });
      expect(await readHold(host)).toMatchObject({ kind: "reverted", wanted: wish(), source, reason });
      const status = statusFor(ending);
      expect(status.status).toBe("blocked");
      expect(status.message).toMatch(
        /^reverted, magnum-conductor(-stable)?: \w.*; next: journalctl -u magnum-/,
      );
      expect((await host.fs.list(paths.store))?.join()).not.toContain("1.4.0");
    },
  );

  test("of a kubeconfig and an option brings both files back, whoever breaks", async () => {
    const { host, faults } = await grafted();
    const before = await listing(host, live);
    const next = {
      ...wish({ "chart-version": "0.26.0" }),
      kubeconfig: kubeconfigText({ kind: "Config", x: 1 }),
    };
    faults.atStart = (name) => {
      faults.atStart = () => "runs";
      return name === "magnum-conductor" ? "dies later" : "runs";
    };
    expect((await reported(apply(host, next))).hold).toMatchObject({ source: "magnum-conductor-stable" });
    expect(await listing(host, live)).toEqual(before);
    expect(await committedWish(host)).toMatchObject(wish());
  });

  test("is taken back also where only the API breaks", async () => {
    const machine = await grafted(older);
    spoilStart(machine, "dies later", "magnum-api");
    const { hold } = await reported(apply(machine.host, wish()));
    expect(hold).toMatchObject({ source: "magnum-api-stable" });
    expect(machine.python.installed?.version).toBe("1.3.0");
    expect(machine.services["magnum-api"]).toMatchObject({ active: "active" });
  });

  test("leaves a record of what was taken back, why, and what was restarted", async () => {
    const machine = await grafted(older);
    spoilStart(machine, "dies later");
    await apply(machine.host, wish(), { trigger: "hook config-changed" });
    expect((await readHealRecords(machine.host)).at(-1)).toMatchObject({
      kind: "revert",
      trigger: "hook config-changed",
      gate: { id: "magnum-conductor-stable" },
      restarts: ["magnum-conductor", "magnum-api"],
    });
  });

  test("on the first install leaves the machine as it was, but for the state directory", async () => {
    const machine = await conductorMachine();
    const before = await listing(machine.host, ["/etc", "/usr", "/run"]);
    spoilStart(machine, "dies later");
    const ending = await reported(apply(machine.host, wish()));
    expect(statusFor(ending)).toMatchObject({
      status: "blocked",
      message: expect.stringMatching(/^reverted, /),
    });
    expect(await listing(machine.host, ["/etc", "/usr", "/run"])).toEqual(before);
    expect(machine.python.installed).toBeUndefined();
    expect(await committedWish(machine.host)).toBeUndefined();
    await expectNothingUnderWay(machine.host);
    machine.host.commands.length = 0;
    const again = await apply(machine.host, wish());
    expect(again).toMatchObject({ end: "held", hold: { kind: "reverted" } });
    expect(statusFor(again)).toEqual(statusFor(ending));
    expect(restarts(machine.host.commands)).toEqual([]);
  });

  test("shows no content of the kubeconfig in what it reports, logs or holds up", async () => {
    const machine = await grafted(older);
    spoilStart(machine, "dies later");
    const ending = await reported(apply(machine.host, wish()));
    const { report, back, hold } = ending;
    const shown = [report, back, hold && showHold(hold), statusFor(ending), hold && renderHold(hold, back)];
    const texts = [JSON.stringify(shown), (await readText(machine.host.fs, paths.healLog)) ?? ""];
    for (const secret of secrets) expect(texts.join()).not.toContain(secret);
  });
});

describe("a wish that was taken back", () => {
  /** A unit whose change to driver 1.4.0 was taken back; its daemons would run with it by now. */
  async function held() {
    const machine = await grafted(older);
    spoilStart(machine, "dies later");
    await apply(machine.host, wish());
    machine.faults.atStart = () => "runs";
    machine.host.commands.length = 0;
    return machine;
  }

  test("is not tried again by itself; what was in force is repaired meanwhile", async () => {
    const { host, python } = await held();
    await host.fs.remove(paths.dropIn);
    const ending = await reported(apply(host, wish()));
    expect(await readText(host.fs, paths.dropIn)).not.toContain("api_resources");
    expect(python.installed?.version).toBe("1.3.0");
    expect(inLine(ending.report)).toBe(true);
    expect(statusFor(ending).message).toMatch(/^reverted, magnum-conductor-stable: /);
    expect(restarts(host.commands)).toEqual([]);
    const watched = await reported(healLast(host));
    expect(statusFor(watched).message).toMatch(/^reverted, magnum-conductor-stable: /);
  });

  test("is tried again where a person asks for it", async () => {
    const { host } = await held();
    const ending = await reported(apply(host, wish(), { explicit: true }));
    expect({ inLine: inLine(ending.report), hold: ending.hold }).toEqual({ inLine: true, hold: undefined });
    expect(await committedWish(host)).toMatchObject(wish());
    expect(await readHold(host)).toBeUndefined();
  });

  test("makes way for another one, and is tried when it comes back", async () => {
    const { host } = await held();
    const other = wish({ "driver-version": "1.3.0", "chart-version": "0.26.0" });
    expect((await reported(apply(host, other))).hold).toBeUndefined();
    expect(await committedWish(host)).toMatchObject(other);
    expect((await reported(apply(host, wish()))).hold).toBeUndefined();
    expect(await committedWish(host)).toMatchObject(wish());
  });

  test("is forgotten where the options go back to what is in force", async () => {
    const { host } = await held();
    const noted = "driver 1.3.0 is older than the default; next: set driver-version=1.4.0";
    expect(statusFor(await apply(host, older))).toEqual({ status: "active", message: noted });
    const watched = await reported(healLast(host));
    expect(statusFor(watched)).toEqual({ status: "active", message: noted });
    expect(await lastWish(host)).toMatchObject(older);
  });
});

describe("a change that could not be taken back", () => {
  test("is taken back by the next run, which does not try it again", async () => {
    const machine = await grafted(older);
    const before = await listing(machine.host, live);
    spoilStart(machine, "dies later");
    let isReverting = false;
    const full = fullHost(machine.host, (path) => isReverting && path === paths.dropIn);
    const watch = ({ step }: { readonly step: string }) => {
      isReverting ||= step === "reverting";
    };
    const ending = await reported(apply(full, wish(), { watch }));
    expect(
      JSON.parse((await readText(machine.host.fs, `${paths.transaction}/journal.json`)) ?? ""),
    ).toMatchObject({
      phase: "reverting",
    });
    expect(troubles(ending.back ?? ending.report)).toContainEqual(
      expect.objectContaining({ reason: `failed to write ${paths.dropIn}: ENOSPC` }),
    );
    expect(await committedWish(machine.host)).toMatchObject(older);

    machine.host.commands.length = 0;
    const stuck = await reported(apply(full, wish()));
    expect(machine.host.commands.filter((argv) => argv.join(" ").includes("pip download"))).toEqual([]);
    expect(inLine(stuck.report)).toBe(false);
    expect(statusFor(stuck)).toMatchObject({ status: "blocked" });
    expect(machine.python.installed?.version).toBe("1.3.0");

    isReverting = false;
    machine.host.commands.length = 0;
    const after = await reported(apply(full, wish()));
    expect(after.hold).toMatchObject({ kind: "reverted", source: "magnum-conductor-stable" });
    expect(inLine(after.report)).toBe(true);
    expect(await listing(machine.host, live)).toEqual(before);
    await expectNothingUnderWay(machine.host);
    expect((await readHealRecords(machine.host)).at(-1)).toMatchObject({ kind: "revert" });
  });

  test("is finished by a run of the watch as well, also on the first install", async () => {
    const machine = await conductorMachine();
    const before = await listing(machine.host, ["/etc", "/usr", "/run"]);
    spoilStart(machine, "dies later");
    const { python } = machine;
    await apply(machine.host, wish(), {
      watch: ({ step }) => {
        if (step === "reverting") python.failure = "ERROR: no space\n";
      },
    });
    expect(await machine.host.fs.stat(paths.transaction)).toBeDefined();
    python.failure = "";
    expect(await healLast(machine.host)).toMatchObject({ end: "held" });
    expect(await listing(machine.host, ["/etc", "/usr", "/run"])).toEqual(before);
    await expectNothingUnderWay(machine.host);
  });
});

describe("a change that meets a full disk", () => {
  test.each([
    paths.dropIn,
    paths.helm,
    paths.kubeconfig,
    paths.conductorDefaults,
    `${paths.processes}/magnum-api.json`,
  ])("at %s is taken back", async (path) => {
    const machine = await conductorMachine();
    const before = await listing(machine.host, ["/etc", "/usr", "/run"]);
    const ending = await apply(
      fullHost(machine.host, (it) => it === path),
      wish(),
    );
    expect(statusFor(ending)).toMatchObject({
      status: "blocked",
      message: expect.stringMatching(/^reverted, .* failed to write .*; next: free space/),
    });
    expect(await listing(machine.host, ["/etc", "/usr", "/run"])).toEqual(before);
    expect(machine.python.installed).toBeUndefined();
    await apply(machine.host, wish(), { explicit: true });
    expect(await committedWish(machine.host)).toMatchObject(wish());
  });
});

describe("options that are refused while a change is half done", () => {
  test("have it taken back: the unit waits in a state that it knows", async () => {
    const { host, python } = await grafted(older);
    const before = await listing(host, live);
    const killed: Host = {
      ...host,
      run: (argv, options) =>
        argv[1] === "restart" ? Promise.reject(new Error("killed")) : host.run(argv, options),
    };
    await expect(apply(killed, wish())).rejects.toThrow("killed");
    expect(python.installed?.version).toBe("1.4.0");
    expect(await apply(host, wish({ "chart-version": "latest" }))).toMatchObject({ end: "refused" });
    expect(await listing(host, live)).toEqual(before);
    expect(python.installed?.version).toBe("1.3.0");
    expect(await host.fs.stat(paths.transaction)).toBeUndefined();
  });

  test("have what a kill left in staging cleared away", async () => {
    const { host } = await grafted(older);
    await expect(apply(dyingHost(host, 3), wish())).rejects.toThrow("killed");
    expect(await host.fs.stat(paths.staging)).toBeDefined();
    expect(await apply(host, wish({ "chart-version": "latest" }))).toMatchObject({ end: "refused" });
    await expectNothingUnderWay(host);
  });
});
