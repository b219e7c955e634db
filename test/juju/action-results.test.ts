import { describe, expect, test, vi } from "vitest";
import { effectiveConfig } from "../../src/conductor/effective-config.ts";
import { apply, plan } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { checkUpgradeOfLast } from "../../src/conductor/upgrade-check.ts";
import { verifyLast } from "../../src/conductor/verify.ts";
import { effectiveEnd, planEnd, upgradeEnd, verifyEnd } from "../../src/juju/action-results.ts";
import { secrets } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const deferring = { "enable-auto-restarts": false } as const;

async function grafted(options: Readonly<Record<string, unknown>> = {}) {
  const { host } = await conductorMachine();
  await apply(host, wish(options));
  return host;
}

describe("the results of the action plan", () => {
  test("name what an apply would change and restart, without a failure", async () => {
    const host = await grafted();
    const end = planEnd(await plan(host, wish({ "driver-version": "1.3.0" })));
    expect(end.failure).toBeUndefined();
    expect(end.results).toMatchObject({
      "in-line": "false",
      restarts: "magnum-conductor magnum-api",
      deferred: "",
    });
    const changes = JSON.parse(end.results["changes"] ?? "") as { id: string }[];
    expect(changes.map(({ id }) => id)).toContain("pip-package:magnum-capi-helm");
    for (const secret of secrets) expect(JSON.stringify(end)).not.toContain(secret);
  });

  test("name the services that would be left alone apart", async () => {
    const host = await grafted();
    const { results } = planEnd(await plan(host, wish({ ...deferring, "chart-version": "0.26.0" })));
    expect(results).toMatchObject({ restarts: "", deferred: "magnum-conductor magnum-api" });
  });

  test("of a plan that can't be made have the reason", async () => {
    const host = await grafted();
    expect(planEnd(await plan(host, wish({ "helm-version": "three" }))).failure).toMatch(
      /^helm-version: three;/,
    );
    expect(planEnd({ blocked: "set the kubeconfig" }).failure).toBe("set the kubeconfig");
  });
});

describe("the results of the action verify", () => {
  test("count the gates and do not fail in line, a deferred restart included", async () => {
    const host = await grafted(deferring);
    const end = verifyEnd(await verifyLast(host));
    expect(end.failure).toBeUndefined();
    expect(end.results).toMatchObject({
      "in-line": "true",
      closed: "0",
      deferred: "magnum-conductor magnum-api",
    });
    expect((JSON.parse(end.results["gates"] ?? "") as unknown[]).length).toBe(
      Number(end.results["open"]) + Number(end.results["not-checked"]),
    );
  });

  test("fail with what differs, else with the gate that is closed", async () => {
    const host = await grafted();
    await host.fs.write("/usr/bin/helm", "helm 2.0.0", { mode: "0755", uid: 0, gid: 0 });
    expect(verifyEnd(await verifyLast(host)).failure).toMatch(/^the conductor finds \/usr\/bin\/helm/);
    await host.fs.remove(paths.kubeconfig);
    expect(verifyEnd(await verifyLast(host)).failure).toBe(`differs: file:${paths.kubeconfig}`);
  });
});

describe("the results of the action show-effective-config", () => {
  test("have the options of each service, and none of an API that is not there", async () => {
    const host = await grafted({ "chart-version": "0.26.0" });
    const { results, failure } = effectiveEnd(await effectiveConfig(host));
    expect(failure).toBeUndefined();
    expect(results["drivers"]).toBe("k8s_capi_helm_v1 k8s_fedora_coreos_v1");
    const set = { "capi_helm.default_helm_chart_version": { value: "0.26.0", file: paths.dropIn } };
    for (const key of ["conductor", "api"]) expect(JSON.parse(results[key] ?? "")).toMatchObject(set);
    const alone = await conductorMachine({ hasApi: false });
    expect(effectiveEnd(await effectiveConfig(alone.host)).results["api"]).toBe("{}");
  });

  test("fail with the service that would not start", async () => {
    const host = await grafted();
    const site = `${paths.dropInDirectory}/99-site.conf`;
    await host.fs.write(site, "nonsense\n", { mode: "0644", uid: 0, gid: 0 });
    expect(effectiveEnd(await effectiveConfig(host)).failure).toMatch(
      /^magnum-conductor: ConfigFileParseError/,
    );
  });
});

describe("the results of the action upgrade-check", () => {
  async function unreached() {
    const machine = await conductorMachine();
    await apply(machine.host, wish());
    machine.management.down = true;
    return machine.host;
  }

  test("fail where something breaks, with the first of it", async () => {
    const host = await unreached();
    const { results, failure } = upgradeEnd(await checkUpgradeOfLast(host, { capi: "1.16.0" }));
    expect(results).toMatchObject({ breaks: "true", live: "false", driver: "1.4.0", capi: "1.16.0" });
    expect(failure).toBe("breaks Cluster: Cluster v1beta1 is not served: a delete would lose credentials");
    const [first] = JSON.parse(results["consequences"] ?? "") as object[];
    expect(first).toMatchObject({ effect: "breaks", of: "Cluster", "is-today": false });
  });

  test("say why the management cluster was not asked, and do not fail for it", async () => {
    const { results, failure } = upgradeEnd(await checkUpgradeOfLast(await unreached(), {}));
    expect(failure).toBeUndefined();
    expect(results).toMatchObject({ breaks: "false", live: "false", consequences: "[]" });
    expect(results["not-asked"]).toMatch(/./);
    expect(results).not.toHaveProperty("capi");
  });
});
