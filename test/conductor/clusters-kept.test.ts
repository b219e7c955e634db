import { describe, expect, test, vi } from "vitest";
import { apply, undo } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { rollback } from "../../src/conductor/rollback.ts";
import { readText } from "../../src/host/host.ts";
import { changesOf, inLine, troubles } from "../../src/reconcile/report.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";
import { reported } from "../support/reported.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const elsewhere = "https://192.0.2.77:6443";

function moved(options: Readonly<Record<string, unknown>> = {}) {
  const { kubeconfig, ...rest } = wish(options);
  return { ...rest, kubeconfig: kubeconfig.replace("https://192.0.2.10:6443", elsewhere) };
}

/** A graft whose management cluster has clusters, two of them this conductor's. */
async function withClusters() {
  const machine = await conductorMachine();
  await reported(apply(machine.host, wish()));
  machine.management.world.objects = ["magnum-p1", "magnum-p2", "other"].map((namespace) => ({
    group: "cluster.x-k8s.io",
    kind: "Cluster",
    metadata: { namespace, name: "c" },
  }));
  return machine;
}

describe("a removal", () => {
  test("takes nothing back while there are clusters of this conductor", async () => {
    const { host } = await withClusters();
    const before = await listing(host, ["/etc", "/usr/local"], { times: true });
    expect(await undo(host, "apply")).toEqual({
      end: "fault",
      reason: "a removal leaves 2 clusters behind",
      remedy: "delete them, or abandon-clusters=true",
      cure: "operator",
    });
    expect(await listing(host, ["/etc", "/usr/local"], { times: true })).toEqual(before);
  });

  test.each([
    ["the operator allows it", {}, { abandons: true }],
    ["what is in force allows it", { "abandon-clusters": true }, {}],
  ])("goes on where %s", async (_, options, told) => {
    const { host } = await withClusters();
    await reported(apply(host, wish(options)));
    await undo(host, "apply", told);
    expect(await host.fs.stat(paths.dropIn)).toBeUndefined();
  });

  test("is refused by what the operator says last, whatever is in force", async () => {
    const { host } = await withClusters();
    await reported(apply(host, wish({ "abandon-clusters": true })));
    expect(await undo(host, "apply", { abandons: false })).toMatchObject({ end: "fault" });
    expect(await host.fs.stat(paths.dropIn)).toBeDefined();
  });

  test("goes on where the management cluster is gone, and where it has clusters of others only", async () => {
    const gone = await withClusters();
    gone.management.down = true;
    await undo(gone.host, "apply");
    expect(await gone.host.fs.stat(paths.dropIn)).toBeUndefined();
    const others = await withClusters();
    others.management.world.objects = others.management.world.objects.filter(
      ({ metadata }) => metadata.namespace === "other",
    );
    await undo(others.host, "apply");
    expect(await others.host.fs.stat(paths.dropIn)).toBeUndefined();
  });
});

describe("another management cluster", () => {
  test("is refused while the one before it has clusters of this conductor, and taken with the operator's yes", async () => {
    const { host } = await withClusters();
    const before = restarts(host.commands);
    const { report } = await reported(apply(host, moved()));
    expect(troubles(report)[0]).toMatchObject({
      source: "clusters-kept",
      cure: "operator",
      reason: "the kubeconfig leaves 2 clusters behind",
      remedy: "abandon-clusters=true",
    });
    expect(await readText(host.fs, paths.kubeconfig)).toBe(wish().kubeconfig);
    expect(restarts(host.commands)).toEqual(before);
    const allowed = await reported(apply(host, moved({ "abandon-clusters": true })));
    expect(troubles(allowed.report)).toEqual([]);
    expect(await readText(host.fs, paths.kubeconfig)).toContain(elsewhere);
  });

  test("is refused where the one before it can't be asked any more", async () => {
    const { host, management } = await withClusters();
    management.down = "192.0.2.10";
    const { report } = await reported(apply(host, moved()));
    expect(troubles(report)[0]).toMatchObject({
      source: "clusters-kept",
      reason: "the kubeconfig leaves uncounted clusters behind",
    });
  });

  test("is none where the same one is reached by another address", async () => {
    const { host, management } = await withClusters();
    management.world.objects = [
      ...management.world.objects,
      { group: "", kind: "Namespace", metadata: { name: "kube-system", uid: "one" } },
    ];
    const { report } = await reported(apply(host, moved()));
    expect(inLine(report)).toBe(true);
    expect(await readText(host.fs, paths.kubeconfig)).toContain(elsewhere);
  });
});

describe("an older driver", () => {
  const older = wish({ "driver-version": "1.3.0" });

  test("is refused while there are clusters and v1alpha6 is not served", async () => {
    const { host } = await withClusters();
    const { report } = await reported(apply(host, older));
    expect(changesOf(report)).not.toEqual([]);
    expect(troubles(report)[0]).toMatchObject({
      source: "clusters-kept",
      cure: "operator",
      reason: "driver 1.3.0 needs v1alpha6: 2 clusters",
    });
    expect(await readText(host.fs, paths.dropIn)).toContain("api_resources");
    const back = await reported(rollback(host, { driver: "1.3.0" }));
    expect(troubles(back.report)[0]).toMatchObject({ source: "clusters-kept" });
  });

  test("is taken where v1alpha6 is served, where there are no clusters, and with the operator's yes", async () => {
    const served = await withClusters();
    served.management.world.kinds = served.management.world.kinds.map((it) =>
      it.plural === "openstackclusters" ? { ...it, versions: ["v1beta1", "v1alpha6"] } : it,
    );
    const none = await withClusters();
    none.management.world.objects = [];
    const allowed = await withClusters();
    for (const [{ host }, wanted] of [
      [served, older],
      [none, older],
      [allowed, wish({ "driver-version": "1.3.0", "abandon-clusters": true })],
    ] as const) {
      await reported(apply(host, wanted));
      expect(await readText(host.fs, paths.dropIn)).not.toContain("api_resources");
    }
  });
});
