import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { driverWheel } from "../support/wheels.ts";
import { type HelmVersion, helmTarballName } from "./artifacts.ts";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { endProbationNow, mainPids, sh, stamps, starts } from "./look.ts";
import { mirror } from "./mirror.ts";
import { kubeconfig, makeSite, mirrorOptions, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };

/** As the charm has them where nobody sets them: what they name is out of reach. */
const defaults = { "driver-index-url": "", "helm-url": "", "helm-sha256": "" };

/** A kubeconfig whose login the driver does not read. */
const withoutLogin = kubeconfig().replace(/{token: .*}/, "{exec: {command: login}}");

/** Files that can't be used, and what the status says of them. */
const wrongFiles: readonly (readonly [string, () => string | Promise<Uint8Array>, string])[] = [
  ["driver-wheel", () => driverWheel({ name: "magnum" }), "driver-wheel: a wheel of magnum"],
  ["helm", () => "no archive", "helm: can't be unpacked"],
  ["kubeconfig", () => withoutLogin, "kubeconfig: its user has exec;"],
];

/** Files are attached instead of fetched: a unit that reaches nothing is grafted, and a wrong file is refused. */
export function attachedTests(recipe: RecipeName, juju: "3.6.28" | "4.0.15"): void {
  describeRig(`attached files on ${recipe}, Juju ${juju}`, () => {
    let site: Site;
    const served = (pattern: string): Buffer => {
      const [file] = globSync(join(site.conductor.root, mirror.folder, pattern));
      if (file === undefined) throw new Error(`the mirror has no ${pattern}`);
      return readFileSync(file);
    };
    const wheel = (version: string) => served(`simple/magnum-capi-helm/magnum_capi_helm-${version}-*.whl`);
    const helm = (version: HelmVersion) => served(`helm/${helmTarballName(version)}`);
    const good = (name: string): string | Uint8Array =>
      ({ "driver-wheel": wheel("1.4.0"), helm: helm("3.17.3") })[name] ?? kubeconfig();

    /** What the conductor's mirror was asked for so far. */
    const asked = () =>
      sh(
        site.conductor,
        `journalctl --unit ${mirror.unit} --output cat | grep -oE '"(GET|HEAD) /(simple|helm)[^ ]*' || true`,
      );

    /** How often the conductor and the API were started by it. */
    async function startsOf(work: () => Promise<unknown>): Promise<readonly [number, number]> {
      const before = await starts(site.conductor);
      await work();
      const after = await starts(site.conductor);
      return [after.conductor - before.conductor, after.api - before.api];
    }

    beforeAll(async () => {
      site = await makeSite(recipe, { juju, config: defaults });
    });
    afterAll(() => site?.down());

    it("all three of them graft a unit that has no route but to the management cluster", async () => {
      const routes = "ls /sys/class/net; ip route show table main; ip -6 route show table main";
      expect(await sh(site.conductor, routes)).toMatch(/^lo\nmgmt40\n192\.0\.2\.40 dev mgmt40 [^\n]*\n$/);
      for (const name of ["driver-wheel", "helm", "kubeconfig"])
        await site.unit.attachResource(name, good(name));
      await site.unit.deploy();
      expect(await site.unit.status()).toEqual(ready);
      expect(await site.unit.workloadVersion()).toBe("1.4.0");
      expect(await sh(site.conductor, "cat /etc/magnum/kubeconfig")).toBe(kubeconfig());
      expect(await sh(site.conductor, "magnum-driver-manage list-drivers")).toContain("k8s_capi_helm_v1");
    });

    it("a hook with nothing to do asks for none of them", async () => {
      await endProbationNow(site);
      const { calls } = await site.unit.runHook("update-status");
      expect(calls.map(({ command }) => command)).toEqual(["config-get"]);
    });

    it("they win over an index and a mirror that have the same: neither is asked", async () => {
      expect(await startsOf(() => site.unit.configure(mirrorOptions()))).toEqual([0, 0]);
      expect(await site.unit.status()).toEqual(ready);
      expect(await asked()).toBe("");
    });

    it.each(wrongFiles)("a wrong %s is refused by name, and the right one cures it", async (...row) => {
      const [name, wrong, reason] = row;
      const [before, pids] = [await stamps(site.conductor, "without it"), await mainPids(site.conductor)];
      await site.unit.attachResource(name, await wrong());
      const { status, message } = await site.unit.status();
      expect([status, message]).toEqual(["blocked", expect.stringContaining(reason)]);
      expect(message).toContain(`; next: juju attach-resource magnum-capi-helm ${name}=FILE`);
      expect(await stamps(site.conductor, "without it")).toBe(before);
      await site.unit.attachResource(name, good(name));
      expect(await site.unit.status()).toEqual(ready);
      expect(await mainPids(site.conductor)).toEqual(pids);
    });

    it("a driver that somebody uninstalls is put back out of what is kept, from the same wheel", async () => {
      await sh(
        site.conductor,
        "cd / && PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip --quiet uninstall --yes magnum-capi-helm; rm -rf /var/lib/juju/agents/*/resources",
      );
      await site.unit.runHook("update-status");
      expect(await site.unit.status()).toEqual(ready);
      expect(await sh(site.conductor, "capi-graft status")).toMatch(
        /version=1\.4\.0 \(attached [0-9a-f]{12}\)/,
      );
      expect(await asked()).toBe("");
    });

    // From here on nothing differs from one distribution to the other.
    const everywhere = recipe === "bookworm";

    it.runIf(everywhere)("another file takes the place of each, and is not fetched either", async () => {
      const helmThere = () => sh(site.conductor, "/usr/local/bin/helm version --short");
      expect(await startsOf(() => site.unit.attachResource("helm", helm("3.17.2")))).toEqual([0, 0]);
      expect(await helmThere()).toMatch(/^v3\.17\.2/);
      const other = kubeconfig("token-of-another-file");
      expect(await startsOf(() => site.unit.attachResource("kubeconfig", other))).toEqual([0, 0]);
      expect(await sh(site.conductor, "cat /etc/magnum/kubeconfig")).toBe(other);
      expect(await startsOf(() => site.unit.attachResource("driver-wheel", wheel("1.3.0")))).toEqual([1, 1]);
      expect(await site.unit.status()).toEqual({
        status: "active",
        message: "driver 1.3.0 is older than the default; next: attach a wheel of 1.4.0",
      });
      expect(await site.unit.workloadVersion()).toBe("1.3.0");
      expect(await asked()).toBe("");
    });

    it.runIf(everywhere)("an empty file means none: what the options say is fetched", async () => {
      await site.unit.attachResource("helm", "");
      expect(await sh(site.conductor, "/usr/local/bin/helm version --short")).toMatch(/^v3\.17\.3/);
      expect(await startsOf(() => site.unit.attachResource("driver-wheel", ""))).toEqual([1, 1]);
      expect(await site.unit.status()).toEqual(ready);
      expect(await site.unit.workloadVersion()).toBe("1.4.0");
      const requests = await asked();
      expect(requests).toContain("/simple/magnum-capi-helm/");
      expect(requests).toContain(`/helm/${helmTarballName("3.17.3")}`);
    });

    it.runIf(everywhere)(
      "an empty kubeconfig leaves the unit serving, and a secret wins over a file",
      async () => {
        await site.unit.attachResource("kubeconfig", "");
        expect(await site.unit.status()).toEqual({
          status: "blocked",
          message:
            "the option kubeconfig is not set; next: juju config magnum-capi-helm kubeconfig=secret:ID",
        });
        const there = () => sh(site.conductor, "cat /etc/magnum/kubeconfig");
        expect(await there()).toBe(kubeconfig("token-of-another-file"));
        expect(await startsOf(() => site.unit.configure({ kubeconfig: site.secret }))).toEqual([0, 0]);
        await site.unit.attachResource("kubeconfig", kubeconfig("token-that-loses"));
        expect(await site.unit.status()).toEqual(ready);
        expect(await there()).toBe(kubeconfig());
      },
    );
  });
}
