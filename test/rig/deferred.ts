import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { graftJson, mainPids, resolved, sh } from "./look.ts";
import { makeGraftedSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };
const deferred = {
  status: "active",
  message: "restart deferred: magnum-conductor, magnum-api; next: run the action restart-services",
};

/** Restarts that wait for the operator. */
export function deferredTests(recipe: RecipeName): void {
  describeRig(`restarts that are deferred on ${recipe}`, () => {
    let site: Site;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe);
    });
    afterAll(() => site?.down());

    it("a change is written and in force, the services keep their processes, and hooks are quiet", async () => {
      const pids = await mainPids(site.conductor);
      await site.unit.configure({ "enable-auto-restarts": false, "chart-version": "0.24.1" });
      expect(await site.unit.status()).toEqual(deferred);
      expect(await resolved(site.conductor, "capi_helm", "default_helm_chart_version")).toBe("0.24.1");
      const signature = () => sh(site.conductor, "stat -c '%i %Z' /var/lib/magnum-capi-helm/signature.json");
      const before = await signature();
      await site.unit.runHook("update-status");
      expect(await signature()).toBe(before);
      expect(await mainPids(site.conductor)).toEqual(pids);
      expect((await graftJson(site.conductor, "plan")).document["in-line"]).toBe(true);
    });

    it("show-effective-config has what the files say now, with the file", async () => {
      const { results, status } = await site.unit.runAction("show-effective-config");
      expect(status).toBe("completed");
      expect(JSON.parse(String(results["conductor"]))).toMatchObject({
        "capi_helm.default_helm_chart_version": {
          value: "0.24.1",
          file: "/etc/magnum/magnum.conf.d/00-capi-helm.conf",
        },
        "capi_helm.namespace_prefix": { value: "magnum", file: "" },
      });
    });

    it("restart-services restarts both, once, and verify holds", async () => {
      const pids = await mainPids(site.conductor);
      const result = await site.unit.runAction("restart-services");
      expect(result.results).toMatchObject({ "in-line": "true", restarts: "magnum-conductor magnum-api" });
      expect(await site.unit.status()).toEqual(ready);
      const after = await mainPids(site.conductor);
      expect(after.conductor).not.toBe(pids.conductor);
      expect(after.api).not.toBe(pids.api);
      expect((await site.unit.runAction("restart-services")).results).toMatchObject({ restarts: "" });
      expect(await mainPids(site.conductor)).toEqual(after);
      expect((await site.unit.runAction("verify")).status).toBe("completed");
    });
  });
}
