import { describe, expect, test } from "vitest";
import type { Conductor } from "../../src/conductor/conductor.ts";
import { parseConfig, type RawOptions } from "../../src/conductor/config.ts";
import { desiredState } from "../../src/conductor/desired-state.ts";
import { driverPackage } from "../../src/conductor/software.ts";
import { undoneState } from "../../src/conductor/undone-state.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import type { Resource } from "../../src/reconcile/resource.ts";
import { conductorFacts } from "../support/conductor-facts.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";

const unit = conductorFacts;

function wanted(options: RawOptions = {}, more: Partial<Conductor> = {}, charmDirectory?: string) {
  const config = parseConfig(options, kubeconfigText());
  if (!("kubeconfig" in config)) throw new Error("the options of this test are refused");
  return desiredState(config, { ...unit, ...more }, charmDirectory === undefined ? {} : { charmDirectory });
}

/** One resource with what must hold before anything is written, before it is applied, and what it follows. */
function line({ id, preflight = [], gates = [], follows = [] }: Resource): string {
  const listed = (name: string, names: readonly string[]) =>
    names.length === 0 ? "" : `\n  ${name}: ${names.join(", ")}`;
  const ids = (list: readonly { readonly id: string }[]) => list.map((gate) => gate.id);
  return id + listed("first", ids(preflight)) + listed("before", ids(gates)) + listed("with", follows);
}

describe("the desired state of a unit", () => {
  test("reads as the runbook: what it has, in this order, and what must hold before and after", () => {
    const { resources, settleGates = [], exitGates } = wanted({}, {}, "/var/lib/juju/agents/unit-x-0/charm");
    const ids = (gates: readonly { readonly id: string }[]) => gates.map(({ id }) => `  ${id}`);
    expect(
      [...resources.map(line), "at rest", ...ids(settleGates), "at the end", ...ids(exitGates)].join("\n"),
    ).toMatchInlineSnapshot(`
      "pip-package:magnum-capi-helm
        first: driver-fetched
      helm:/usr/local/bin/helm
        first: helm-fetched
      file:/etc/magnum/kubeconfig
      directory:/etc/magnum/magnum.conf.d
      file:/etc/magnum/magnum.conf.d/00-capi-helm.conf
      block:/etc/default/magnum-conductor
      block:/etc/default/magnum-api
      file:/usr/local/bin/capi-graft
      unit:magnum-capi-helm-watch.service
      unit:magnum-capi-helm-watch.path
      unit:magnum-capi-helm-watch.timer
      service:magnum-conductor
        before: magnum-conductor-not-paused, magnum-conductor-not-stopped, helm-idle, show-args, driver-enumerated, magnum-conductor-options, magnum-api-options, helm-on-path
        with: pip-package:magnum-capi-helm
      service:magnum-api
        before: magnum-api-not-paused, magnum-api-not-stopped, show-args, driver-enumerated, magnum-conductor-options, magnum-api-options, helm-on-path
        with: pip-package:magnum-capi-helm
      file:/etc/magnum/capi-helm-openstack-ca.pem
      at rest
        magnum-conductor-stable
        magnum-api-stable
        magnum-api-answers
        magnum-conductor-log
        magnum-api-log
      at the end
        show-args
        driver-enumerated
        magnum-conductor-options
        magnum-api-options
        driver-login
        helm-on-path
        magnum-conductor-live
        pending-releases
        kubeconfig-valid
        management-tcp
        management-tls
        management-login
        management-permissions
        management-api-versions
        management-projects
        management-lifecycle
        management-admin
        trust
        security-group
        cluster-health
        create-delete"
    `);
  });

  test("has no API where there is none, and no block for one that does not read it", () => {
    const ids = (more: Partial<Conductor>) => wanted({}, more).resources.map(({ id }) => id);
    const wired = "block:/etc/default/magnum-api";
    expect(ids({ apiTakesConfigArguments: false })).not.toContain(wired);
    expect(ids({ apiTakesConfigArguments: false })).toContain("service:magnum-api");
    expect(ids({ hasApi: false, apiTakesConfigArguments: false })).not.toContain("service:magnum-api");
    expect((wanted({}, { hasApi: false }).settleGates ?? []).map(({ id }) => id)).not.toContain(
      "magnum-api-stable",
    );
  });

  test.each(["file:/usr/local/bin/capi-graft", "unit:magnum-capi-helm-watch.path"])(
    "has %s only where the charm's folder is known",
    (resource) => {
      const has = (charmDirectory?: string) =>
        wanted({}, {}, charmDirectory).resources.some(({ id }) => id === resource);
      expect([has("/charm"), has()]).toEqual([true, false]);
    },
  );

  test("never has the kubeconfig's content, only its digest", () => {
    expect(JSON.stringify(wanted())).not.toContain("tok3n");
  });

  test.each([
    ["amd64", "ee88b3c851ae6466a3de507f7be73fe94d54cbf2987cbaa3d1a3832ea331f2cd"],
    ["arm64", "7944e3defd386c76fd92d9e6fec5c2d65a323f6fadc19bfb5e704e3eee10348e"],
  ])("pins helm's official archive for %s", (architecture, archive) => {
    const helm = wanted({}, { architecture }).resources.find(({ id }) => id === "helm:/usr/local/bin/helm");
    expect(helm?.desired).toMatchObject({ archive });
  });

  test("takes helm by the operator's digest where there is one", () => {
    const helm = wanted({ "helm-sha256": "a".repeat(64) }).resources[1];
    expect(helm?.desired).toMatchObject({ archive: "a".repeat(64) });
  });
});

test.each([
  ["1.4.0", 1],
  ["1.3.0", 1],
  ["9.9.9", 0],
])("driver %s has %i known digests", (version, count) => {
  const driver = driverPackage({ "driver-version": version, "driver-index-url": "" }, unit);
  expect(driver.hashes).toHaveLength(count);
  for (const hash of driver.hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
});

describe("the unit as it was before", () => {
  test("has the daemons unwired first, and restarted before the command goes", async () => {
    const { resources, exitGates } = await undoneState(memoryHost(), unit);
    expect({ resources: resources.map(({ id }) => id), exitGates }).toMatchInlineSnapshot(`
      {
        "exitGates": [],
        "resources": [
          "unit:magnum-capi-helm-watch.timer",
          "directory:/etc/systemd/system/timers.target.wants",
          "unit:magnum-capi-helm-watch.path",
          "directory:/etc/systemd/system/multi-user.target.wants",
          "unit:magnum-capi-helm-watch.service",
          "block:/etc/default/magnum-conductor",
          "block:/etc/default/magnum-api",
          "file:/etc/magnum/capi-helm-openstack-ca.pem",
          "directory:/etc/magnum/magnum.conf.d",
          "service:magnum-conductor",
          "service:magnum-api",
          "file:/usr/local/bin/capi-graft",
        ],
      }
    `);
  });

  test("does not ask that a service runs", async () => {
    const { resources } = await undoneState(memoryHost(), unit);
    for (const { id, desired } of resources.filter((it) => it.id.startsWith("service:"))) {
      expect(desired, id).toEqual({ inputs: "current" });
    }
  });

  test("has no services where Magnum is gone", async () => {
    const { resources } = await undoneState(memoryHost(), undefined);
    expect(resources.filter(({ id }) => id.startsWith("service:"))).toEqual([]);
  });
});
