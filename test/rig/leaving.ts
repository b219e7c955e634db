import { afterAll, beforeAll, expect, it } from "vitest";
import { createUnit, type Unit } from "../support/juju/unit.ts";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { inventory, sh } from "./look.ts";
import { serveVersions } from "./management/crds.ts";
import { startManagement } from "./management/management.ts";
import { postHealthyCluster } from "./management/objects.ts";
import type { OwnManagement } from "./management/server.ts";
import { charmFile, kubeconfig, makeSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };

/** What would leave clusters of a conductor behind, with one that is there. */
export function leavingTests(recipe: RecipeName): void {
  describeRig(`a cluster that would be left behind on ${recipe}`, () => {
    let site: Site;
    let management: OwnManagement;
    /** Of the management cluster that has the cluster. */
    let own: string;
    let bare: string;
    beforeAll(async () => {
      const options = {
        address: "192.0.2.41",
        release: "1.10.8",
        openstack: ["v1alpha6", "v1beta1"],
        served: { openstackclusters: ["v1beta1"] },
      } as const;
      [site, management] = await Promise.all([makeSite(recipe), startManagement(options)]);
      await management.link(site.conductor);
      bare = await inventory(site.conductor);
      own = await site.unit.addSecret({ kubeconfig: management.kubeconfig() });
      await site.unit.grantSecret(own);
      await site.unit.deploy();
      await site.unit.configure({ kubeconfig: own });
      expect(await site.unit.status()).toEqual(ready);
      await postHealthyCluster(management);
    });
    afterAll(async () => {
      await site?.down();
      await management?.down();
    });

    /** Runs some work that is refused: no file of the graft is another one afterwards. */
    async function changesNothing(work: () => Promise<unknown>): Promise<void> {
      const before = await inventory(site.conductor);
      await work();
      expect(await inventory(site.conductor)).toBe(before);
    }

    const graft = (...words: readonly string[]) =>
      site.conductor.exec(["/usr/local/bin/capi-graft", ...words]);

    it("keeps the unit from another management cluster, in words with its number", async () => {
      await changesNothing(async () => {
        await site.unit.configure({ kubeconfig: site.secret });
        expect(await site.unit.status()).toEqual({
          status: "blocked",
          message:
            "not changed, clusters-kept: the kubeconfig leaves 1 cluster behind; next: abandon-clusters=true",
        });
      });
      await site.unit.configure({ kubeconfig: own });
      expect(await site.unit.status()).toEqual(ready);
    });

    it("does not keep it from another login of the same one", async () => {
      const other = management.kubeconfig({ login: { token: "another-token" } });
      await site.unit.updateSecret(own, { kubeconfig: other });
      expect(await site.unit.status()).toEqual(ready);
      expect(await sh(site.conductor, "cat /etc/magnum/kubeconfig")).toBe(other);
    });

    it("keeps it from a driver that would not see the cluster's infrastructure, until that is served", async () => {
      await changesNothing(async () => {
        await site.unit.configure({ "driver-version": "1.3.0" });
        const { status, message } = await site.unit.status();
        expect(status).toBe("blocked");
        expect(message).toContain("v1alpha6");
        const rollback = await graft("rollback", "--to", "1.3.0");
        expect(rollback.code).not.toBe(0);
        expect(rollback.stdout + rollback.stderr).toContain("v1alpha6");
      });
      await serveVersions(management, "openstackclusters", ["v1alpha6", "v1beta1"]);
      await site.unit.runHook("update-status");
      expect(await site.unit.status()).toMatchObject({
        status: "active",
        message: expect.stringContaining("driver 1.3.0 is older"),
      });
      await site.unit.configure({ "driver-version": undefined });
      expect(await site.unit.status()).toEqual(ready);
      await serveVersions(management, "openstackclusters", ["v1beta1"]);
    });

    it("keeps the command from removing the graft", async () => {
      await changesNothing(async () => {
        const { code, stdout, stderr } = await graft("remove");
        expect(code).not.toBe(0);
        expect(stdout + stderr).toContain("a removal leaves 1 cluster behind");
        expect(stdout + stderr).toContain("abandon-clusters");
      });
    });

    it("is left behind where the operator says yes", async () => {
      await site.unit.configure({ "abandon-clusters": true, kubeconfig: site.secret });
      expect(await site.unit.status()).toEqual(ready);
      expect(await sh(site.conductor, "cat /etc/magnum/kubeconfig")).toBe(kubeconfig());
      await site.unit.configure({ "abandon-clusters": undefined, kubeconfig: own });
      expect(await site.unit.status()).toEqual(ready);
      await site.unit.configure({ "abandon-clusters": true, "driver-version": "1.3.0" });
      expect(await site.unit.workloadVersion()).toBe("1.3.0");
      await site.unit.configure({ "abandon-clusters": undefined, "driver-version": undefined });
      expect(await site.unit.status()).toEqual(ready);
    });

    /** The charm once more on the same machine, as an operator deploys it after a removal. */
    async function deployAgain(): Promise<Unit> {
      const jujuDir = "/var/lib/juju-again";
      const unit = await createUnit(site.conductor, {
        charm: charmFile(),
        application: "again",
        config: site.options,
        jujuDir,
      });
      const secret = await unit.addSecret({ kubeconfig: management.kubeconfig() });
      await unit.grantSecret(secret);
      await unit.deploy();
      await unit.configure({ kubeconfig: secret });
      return unit;
    }

    it("keeps the graft in place when Juju removes the unit, and lets it go with the next one, told yes", async () => {
      const hooks = await site.unit.remove();
      expect(hooks.map(({ code }) => code)).toEqual(hooks.map(() => 0));
      const said = (await site.unit.log()).map(({ message }) => message).join("\n");
      expect(said).toContain("not all was removed: a removal leaves 1 cluster behind");
      expect(await sh(site.conductor, "magnum-driver-manage list-drivers")).toContain("k8s_capi_helm_v1");
      const again = await deployAgain();
      expect(await again.status()).toEqual(ready);
      await again.configure({ "abandon-clusters": true });
      await again.remove();
      expect(await inventory(site.conductor)).toBe(bare);
    });
  });
}
