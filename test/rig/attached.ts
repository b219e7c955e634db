import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { driverWheel } from "../support/wheels.ts";
import { helmTarballName } from "./artifacts.ts";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { mainPids, pastProbation, sh, stamps } from "./look.ts";
import { mirror } from "./mirror.ts";
import { kubeconfig, makeSite, type Site } from "./site.ts";

/** A port on which nothing listens. */
const nowhere = "http://127.0.0.1:9";

/** Files are attached instead of fetched: a unit that reaches nothing is grafted, and a wrong file is refused. */
export function attachedTests(recipe: RecipeName, juju: "3.6.28" | "4.0.15"): void {
  describeRig(`attached files on ${recipe}, Juju ${juju}`, () => {
    let site: Site;
    const served = (pattern: string): Buffer => {
      const [file] = globSync(join(site.conductor.root, mirror.folder, pattern));
      if (file === undefined) throw new Error(`the mirror has no ${pattern}`);
      return readFileSync(file);
    };
    const wheel = () => served("simple/magnum-capi-helm/magnum_capi_helm-1.4.0-*.whl");

    beforeAll(async () => {
      const config = {
        "driver-index-url": `${nowhere}/simple/`,
        "helm-url": `${nowhere}/helm.tar.gz`,
        "helm-sha256": "",
      };
      site = await makeSite(recipe, { juju, config });
    });
    afterAll(() => site?.down());

    it("all three of them graft a unit that reaches neither an index nor a mirror", async () => {
      await site.unit.attachResource("driver-wheel", wheel());
      await site.unit.attachResource("helm", served(`helm/${helmTarballName("3.17.3")}`));
      await site.unit.attachResource("kubeconfig", kubeconfig());
      await site.unit.deploy();
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
      expect(await site.unit.workloadVersion()).toBe("1.4.0");
      expect(await sh(site.conductor, "cat /etc/magnum/kubeconfig")).toBe(kubeconfig());
    });

    it("a hook with nothing to do asks for none of them", async () => {
      await pastProbation(site);
      await site.unit.runHook("update-status");
      const { calls } = await site.unit.runHook("update-status");
      expect(calls.map(({ command }) => command)).toEqual(["config-get"]);
    });

    it("a wheel of another package is refused by name, and the right one cures it", async () => {
      const before = await stamps(site.conductor, "without it");
      const pids = await mainPids(site.conductor);
      await site.unit.attachResource("driver-wheel", await driverWheel({ name: "magnum" }));
      expect(await site.unit.status()).toEqual({
        status: "blocked",
        message:
          "driver-wheel: it is a wheel of magnum; next: juju attach-resource magnum-capi-helm driver-wheel=FILE",
      });
      expect(await stamps(site.conductor, "without it")).toBe(before);
      await site.unit.attachResource("driver-wheel", wheel());
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
      expect(await mainPids(site.conductor)).toEqual(pids);
    });

    it("a driver that somebody uninstalls is put back out of what is kept, from the same wheel", async () => {
      await sh(
        site.conductor,
        "cd / && PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip --quiet uninstall --yes magnum-capi-helm; rm -rf /var/lib/juju/agents/*/resources",
      );
      await site.unit.runHook("update-status");
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
      expect(await sh(site.conductor, "capi-graft status")).toMatch(
        /version=1\.4\.0 \(attached [0-9a-f]{12}\)/,
      );
    });
  });
}
