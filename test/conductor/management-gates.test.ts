import { describe, expect, test, vi } from "vitest";
import { apply, healLast, plan } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { rollback } from "../../src/conductor/rollback.ts";
import { verify } from "../../src/conductor/verify.ts";
import { committedWish } from "../../src/conductor/wish.ts";
import { readText } from "../../src/host/host.ts";
import { inLine, troubles } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";
import { neededRules } from "../support/machine/management.ts";
import { everything } from "../support/management/memory-access.ts";
import { failure } from "../support/management/memory-world.ts";
import { reported } from "../support/reported.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

type Machine = Awaited<ReturnType<typeof conductorMachine>>;

async function grafted(options: Parameters<typeof wish>[0] = {}): Promise<Machine> {
  const machine = await conductorMachine();
  const { report } = await reported(apply(machine.host, wish(options)));
  expect(troubles(report)).toEqual([]);
  return machine;
}

/** Leaves a version of a kind out of what is served. */
function unserve({ management }: Machine, plural: string, version: string): void {
  management.world.kinds = management.world.kinds.map((it) =>
    it.plural === plural ? { ...it, versions: it.versions.filter((served) => served !== version) } : it,
  );
}

const refuse = { status: 401, reason: "Unauthorized" } as const;

const ways: Record<string, { spoil(machine: Machine): void; gate: string; cure: "operator" | "time" }> = {
  "takes no connections": {
    spoil: ({ management }) => {
      management.down = true;
    },
    gate: "management-tcp",
    cure: "time",
  },
  "refuses the credentials": {
    spoil: ({ management }) => {
      management.world.instead = () => failure(refuse.status, refuse.reason, "Unauthorized");
    },
    gate: "management-login",
    cure: "operator",
  },
  "does not grant a permission": {
    spoil: ({ management }) => {
      management.world.rules = neededRules.filter(
        ({ resources, verbs }) => !(resources.includes("secrets") && verbs.includes("deletecollection")),
      );
    },
    gate: "management-permissions",
    cure: "operator",
  },
  "serves Cluster at v1beta2 alone": {
    spoil: (machine) => unserve(machine, "clusters", "v1beta1"),
    gate: "management-api-versions",
    cure: "operator",
  },
};

describe("a management cluster that", () => {
  test.each(Object.keys(ways))("%s refuses the first graft, and nothing is written", async (way) => {
    const machine = await conductorMachine();
    const { spoil, gate, cure } = ways[way] as (typeof ways)[string];
    spoil(machine);
    const before = await listing(machine.host, ["/"], { times: true });
    const { report } = await reported(apply(machine.host, wish()));
    expect(troubles(report)[0]).toMatchObject({ source: gate, cure });
    expect(report.outcomes.every(({ outcome }) => outcome === "skipped" || outcome === "unchanged")).toBe(
      true,
    );
    expect(await listing(machine.host, ["/"], { times: true })).toEqual(before);
  });

  test.each(Object.keys(ways))("%s later leaves the graft as it is", async (way) => {
    const machine = await grafted();
    const { spoil, gate, cure } = ways[way] as (typeof ways)[string];
    spoil(machine);
    const before = restarts(machine.host.commands);
    const { report, hold } = await reported(apply(machine.host, wish()));
    expect(hold).toBeUndefined();
    expect(report.outcomes.every(({ outcome }) => outcome === "unchanged")).toBe(true);
    expect(troubles(report)[0]).toMatchObject({ source: gate, cure });
    expect(restarts(machine.host.commands)).toEqual(before);
  });

  test("is down holds up no repair", async () => {
    const machine = await grafted();
    machine.management.down = true;
    await machine.host.fs.remove(paths.dropIn);
    const { report } = await reported(healLast(machine.host));
    expect(report.outcomes).toContainEqual(
      expect.objectContaining({ id: `file:${paths.dropIn}`, outcome: "changed" }),
    );
    expect(await machine.host.fs.stat(paths.dropIn)).toBeDefined();
  });

  test("goes down in the middle of a change takes nothing back", async () => {
    const machine = await grafted();
    const { host, management } = machine;
    const watching = (progress: { step: string }) => {
      if (progress.step === "applying") management.down = true;
    };
    const wanted = wish({ "chart-version": "0.24.1" });
    const { report, hold } = await reported(apply(host, wanted, { watch: watching }));
    expect(hold).toBeUndefined();
    expect(troubles(report)[0]).toMatchObject({ source: "management-tcp", cure: "time" });
    expect(await readText(host.fs, paths.dropIn)).toContain("0.24.1");
    expect((await committedWish(host))?.options["chart-version"]).toBe("0.24.1");
  });

  test("grants everything is noted, and the unit is in line", async () => {
    const machine = await conductorMachine();
    machine.management.world.rules = [everything];
    const { report } = await reported(apply(machine.host, wish()));
    expect(inLine(report)).toBe(true);
    expect(troubles(report)).toMatchObject([{ source: "management-admin", cure: "note" }]);
  });
});

describe("api-resources=auto", () => {
  const line = /^api_resources = .*$/m;
  const written = async ({ host }: Machine) => line.exec((await readText(host.fs, paths.dropIn)) ?? "")?.[0];
  const machineV1beta2 = 'api_resources = {"Machine":{"api_version":"cluster.x-k8s.io/v1beta2"}}';

  test("writes what the management cluster calls for, and keeps it while that is down", async () => {
    const machine = await conductorMachine();
    unserve(machine, "machines", "v1beta1");
    await reported(apply(machine.host, wish()));
    expect(await written(machine)).toBe(machineV1beta2);
    const before = restarts(machine.host.commands);
    machine.management.down = true;
    await reported(apply(machine.host, wish()));
    await reported(healLast(machine.host));
    expect(await written(machine)).toBe(machineV1beta2);
    expect(restarts(machine.host.commands)).toEqual(before);
  });

  test("follows the management cluster with one restart, and none where the choice is the same", async () => {
    const machine = await grafted();
    expect(await written(machine)).toBe("api_resources = {}");
    unserve(machine, "machines", "v1beta1");
    const { report } = await reported(apply(machine.host, wish()));
    expect(troubles(report)).toEqual([]);
    expect(await written(machine)).toBe(machineV1beta2);
    const before = restarts(machine.host.commands);
    await reported(apply(machine.host, wish()));
    expect(restarts(machine.host.commands)).toEqual(before);
  });

  test("stays as it was where no choice would do", async () => {
    const machine = await conductorMachine();
    unserve(machine, "machines", "v1beta1");
    await reported(apply(machine.host, wish()));
    unserve(machine, "clusters", "v1beta1");
    const { report } = await reported(apply(machine.host, wish()));
    expect(await written(machine)).toBe(machineV1beta2);
    expect(troubles(report)[0]).toMatchObject({ source: "management-api-versions", cure: "operator" });
  });

  test("is planned and verified as it would be written", async () => {
    const machine = await grafted();
    unserve(machine, "machines", "v1beta1");
    const { report } = await reported(plan(machine.host, wish()));
    expect(report.outcomes).toContainEqual(
      expect.objectContaining({ id: `file:${paths.dropIn}`, outcome: "drifted" }),
    );
    const verified = await reported(verify(machine.host, wish()));
    expect(verified.report.gates).toContainEqual(
      expect.objectContaining({ id: "management-api-versions", state: "open" }),
    );
  });

  test("ends no rollback by another choice", async () => {
    const machine = await grafted();
    const { host } = machine;
    await reported(apply(host, wish({ "chart-version": "0.24.1" })));
    await reported(rollback(host, "previous"));
    unserve(machine, "machines", "v1beta1");
    const { hold } = await reported(apply(host, wish({ "chart-version": "0.24.1" })));
    expect(hold).toMatchObject({ kind: "rollback" });
    expect(await readText(host.fs, paths.dropIn)).toContain("0.25.1");
  });
});
