import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { inventory, mainPids, sh, starts } from "./look.ts";
import { makeGraftedSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };
const state = "/var/lib/magnum-capi-helm";

/** Units that have all of the graft's bytes, and nothing that says so: they are taken over with no restart. */
export function adoptTests(recipe: RecipeName): void {
  describeRig(`a unit that is grafted already on ${recipe}`, () => {
    let site: Site;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe);
    });
    afterAll(() => site?.down());

    /** Inode and change time of every file of the graft but our own state. */
    const files = () =>
      sh(
        site.conductor,
        "find /etc /usr/local ! -name '*.pyc' ! -name __pycache__ -printf '%p %i %C@\\n' | sort",
      );

    async function takenOver(lose: string): Promise<void> {
      const before = {
        files: await files(),
        pids: await mainPids(site.conductor),
        starts: await starts(site.conductor),
      };
      await sh(site.conductor, lose);
      const { code } = await site.unit.runHook("update-status");
      expect(code).toBe(0);
      expect(await site.unit.status()).toEqual(ready);
      expect(await mainPids(site.conductor)).toEqual(before.pids);
      expect(await starts(site.conductor)).toEqual(before.starts);
      expect(await files()).toBe(before.files);
    }

    it("is taken over with no restart and no file touched where the records of its processes are lost", async () => {
      await takenOver(`rm -r ${state}/processes ${state}/signature.json`);
    });

    it("is taken over with no restart and no file touched where the whole state directory is lost", async () => {
      await takenOver(`rm -r ${state}`);
      expect(await sh(site.conductor, `ls ${state}`)).toMatch(
        /desired\.json\n(.*\n)*kubeconfig\n(.*\n)*processes\n/,
      );
    });

    it("is repaired afterwards without a restart, as before", async () => {
      const before = await mainPids(site.conductor);
      await sh(site.conductor, "echo '# by hand' >> /etc/magnum/magnum.conf.d/00-capi-helm.conf");
      await site.unit.runHook("update-status");
      expect(await site.unit.status()).toEqual(ready);
      expect(await mainPids(site.conductor)).toEqual(before);
      expect(await sh(site.conductor, "cat /etc/magnum/magnum.conf.d/00-capi-helm.conf")).not.toContain(
        "by hand",
      );
    });

    it("loses what is the charm's alone at removal, though what stood before the graft is known no more", async () => {
      const pids = await mainPids(site.conductor);
      await site.unit.remove();
      const left = await inventory(site.conductor);
      expect(left).not.toMatch(/magnum-capi-helm-watch|capi-graft|\/var\/lib\/magnum-capi-helm/);
      expect(await sh(site.conductor, "cat /etc/default/magnum-conductor")).toBe("");
      expect(await sh(site.conductor, "magnum-driver-manage list-drivers")).toContain("k8s_capi_helm_v1");
      expect((await mainPids(site.conductor)).conductor).not.toBe(pids.conductor);
    });
  });
}
