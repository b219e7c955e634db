import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { driftOf, forgetRepairs, graftJson, mainPids, sh, starts } from "./look.ts";
import { mirror } from "./mirror.ts";
import { makeGraftedSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };

/** Drift of the driver, helm and the services: named, repaired, with no more restarts than it needs. */
export function driftSoftwareTests(recipe: RecipeName): void {
  describeRig(`drift of software on ${recipe}`, () => {
    let site: Site;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe);
    });
    beforeEach(() => forgetRepairs(site.conductor));
    afterAll(() => site?.down());

    const pip = (args: string) =>
      sh(site.conductor, `cd / && PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip --quiet ${args}`);
    const install = (version: string) =>
      pip(`install --no-deps --index-url ${mirror.indexUrl} magnum-capi-helm==${version}`);
    const plan = async () => driftOf((await graftJson(site.conductor, "plan")).document);

    /** Runs one hook, and gives how often each service was started by it. */
    async function heal(hook = "update-status"): Promise<{ conductor: number; api: number }> {
      const before = await starts(site.conductor);
      const { code } = await site.unit.runHook(hook);
      expect(code).toBe(0);
      const after = await starts(site.conductor);
      return { conductor: after.conductor - before.conductor, api: after.api - before.api };
    }

    it("an uninstalled driver is installed again, and each service restarted once", async () => {
      await pip("uninstall --yes magnum-capi-helm");
      const drift = await plan();
      expect(Object.keys(drift)).toEqual([
        "pip-package:magnum-capi-helm",
        "service:magnum-conductor",
        "service:magnum-api",
      ]);
      expect(drift["pip-package:magnum-capi-helm"]).toContain("version: undefined -> 1.4.0");
      expect(await heal()).toEqual({ conductor: 1, api: 1 });
      expect(await site.unit.status()).toEqual(ready);
      expect(await sh(site.conductor, "magnum-driver-manage list-drivers")).toContain("k8s_capi_helm_v1");
    });

    it("a downgraded driver is put back, and each service restarted once", async () => {
      await install("1.3.0");
      expect((await plan())["pip-package:magnum-capi-helm"]).toEqual(["version: 1.3.0 -> 1.4.0"]);
      expect(await heal()).toEqual({ conductor: 1, api: 1 });
      expect(await site.unit.status()).toEqual(ready);
    });

    it("a driver with an edited file is put back", async () => {
      await sh(
        site.conductor,
        "for file in /usr/local/lib/python3.*/dist-packages/magnum_capi_helm/driver.py; do echo '# edited' >> $file; done",
      );
      expect((await plan())["pip-package:magnum-capi-helm"]).toEqual([
        "files: damaged: magnum_capi_helm/driver.py -> intact",
      ]);
      expect(await heal()).toEqual({ conductor: 1, api: 1 });
      expect(await site.unit.status()).toEqual(ready);
    });

    it("a removed helm is put back without a restart", async () => {
      await sh(site.conductor, "rm /usr/local/bin/helm");
      expect(Object.keys(await plan())).toEqual(["helm:/usr/local/bin/helm"]);
      expect(await heal()).toEqual({ conductor: 0, api: 0 });
      expect(await sh(site.conductor, "helm version --template '{{.Version}}'")).toBe("v3.17.3");
    });

    it("another binary in helm's place is replaced without a restart", async () => {
      await sh(site.conductor, "cp /bin/true /usr/local/bin/helm");
      const drift = await plan();
      expect(Object.keys(drift)).toEqual(["helm:/usr/local/bin/helm"]);
      expect(drift["helm:/usr/local/bin/helm"]?.[1]).toMatch(
        /^archive: unknown \(binary [0-9a-f]{12}\) -> [0-9a-f]{64}$/,
      );
      expect(await heal()).toEqual({ conductor: 0, api: 0 });
      expect(await sh(site.conductor, "helm version --template '{{.Version}}'")).toBe("v3.17.3");
    });

    it("an API that runs with older drivers is restarted, and it alone", async () => {
      await install("1.3.0");
      await sh(site.conductor, "systemctl restart magnum-api && sleep 1");
      await install("1.4.0");
      await sh(site.conductor, "sleep 1; systemctl restart magnum-conductor");
      expect(await plan()).toEqual({
        "service:magnum-api": ["inputs: older than pip-package:magnum-capi-helm -> current"],
      });
      expect(await heal()).toEqual({ conductor: 0, api: 1 });
      expect(await site.unit.status()).toEqual(ready);
    });

    it("a conductor that an operator stopped is reported and left stopped", async () => {
      await sh(site.conductor, "systemctl stop magnum-conductor");
      expect(await plan()).toEqual({ "service:magnum-conductor": ["active: inactive -> active"] });
      expect(await heal()).toEqual({ conductor: 0, api: 0 });
      expect(await site.unit.status()).toEqual({
        status: "blocked",
        message: "magnum-conductor is stopped; next: systemctl start magnum-conductor",
      });
      expect((await mainPids(site.conductor)).conductor).toBe(0);
      await sh(site.conductor, "systemctl start magnum-conductor");
      expect(await heal()).toEqual({ conductor: 0, api: 0 });
      expect(await site.unit.status()).toEqual(ready);
    });

    it("a masked conductor is a paused principal: noted, and neither unmasked nor started", async () => {
      await sh(site.conductor, "systemctl stop magnum-conductor && systemctl mask magnum-conductor");
      expect(await heal()).toEqual({ conductor: 0, api: 0 });
      const { status, message } = await site.unit.status();
      expect([status, message]).toEqual([
        "active",
        "magnum-conductor is masked: the principal is paused; next: resume the principal",
      ]);
      expect(await sh(site.conductor, "systemctl is-enabled magnum-conductor || true")).toBe("masked\n");
      await sh(site.conductor, "systemctl unmask magnum-conductor && systemctl start magnum-conductor");
      expect(await heal()).toEqual({ conductor: 0, api: 0 });
      expect(await site.unit.status()).toEqual(ready);
    });

    it("a conductor that our damaged drop-in keeps from starting is brought back with it", async () => {
      await sh(
        site.conductor,
        "echo nonsense >> /etc/magnum/magnum.conf.d/00-capi-helm.conf; systemctl restart magnum-conductor; sleep 4",
      );
      await heal();
      expect(await site.unit.status()).toEqual(ready);
      expect((await mainPids(site.conductor)).conductor).toBeGreaterThan(0);
    });

    it("a failed conductor is held while a foreign line breaks its start, and brought back when that is cured", async () => {
      await sh(
        site.conductor,
        `sed -i '1i BROKEN="unterminated' /etc/default/magnum-conductor
         systemctl restart magnum-conductor || true
         for i in $(seq 20); do [ "$(systemctl is-active magnum-conductor)" = failed ] && exit 0; sleep 0.5; done; exit 1`,
      );
      expect(await plan()).toEqual({ "service:magnum-conductor": ["active: failed -> active"] });
      expect((await heal()).api).toBe(0);
      const { status, message } = await site.unit.status();
      expect(status).toBe("blocked");
      expect(message).toMatch(/show-args ends with 2.*; next: look at \/etc\/default\/magnum-conductor$/);
      await sh(site.conductor, "sed -i 1d /etc/default/magnum-conductor");
      expect(await heal()).toEqual({ conductor: 1, api: 0 });
      expect(await site.unit.status()).toEqual(ready);
    });
  });
}
