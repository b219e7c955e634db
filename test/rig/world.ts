import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { inventory, sh } from "./look.ts";
import { mirror } from "./mirror.ts";
import { makeSite, type Site } from "./site.ts";

/**
 * Faults of the world around a unit that is being deployed, one after the other: each gives a clear status, a hook that
 * exits 0 and nothing half-written, and is gone from the status once it is cured. When the last one is, the unit is active.
 */
export function worldTests(recipe: RecipeName): void {
  describeRig(`faults of the world on ${recipe}`, () => {
    let site: Site;
    let before: string;
    beforeAll(async () => {
      site = await makeSite(recipe);
      await sh(site.conductor, `mv /etc/init.d/magnum-conductor /root/; cp -a ${mirror.folder} /root/mirror`);
    });
    afterAll(() => site?.down());

    async function statusAfterHook(): Promise<{ status: string; message: string }> {
      const { code } = await site.unit.runHook("update-status");
      expect(code).toBe(0);
      return await site.unit.status();
    }

    it("waits where Magnum is not installed", async () => {
      before = await inventory(site.conductor);
      const hooks = [...(await site.unit.deploy()), await site.unit.configure({ kubeconfig: site.secret })];
      expect(hooks.map(({ hook, code }) => [hook, code])).toEqual(hooks.map(({ hook }) => [hook, 0]));
      expect(await site.unit.status()).toEqual({
        status: "waiting",
        message: "waiting for magnum-conductor to be installed: /etc/init.d/magnum-conductor is not there",
      });
      expect(await inventory(site.conductor)).toBe(before);
    });

    it("waits while the index and the mirror are down", async () => {
      await sh(site.conductor, `mv /root/magnum-conductor /etc/init.d/; systemctl stop ${mirror.unit}`);
      before = await inventory(site.conductor);
      const { status, message } = await statusAfterHook();
      expect(status).toBe("waiting");
      expect(message).toContain("magnum-capi-helm can't be fetched");
      expect(await inventory(site.conductor)).toBe(before);
    });

    it("is blocked by a wheel with wrong bytes", async () => {
      await sh(
        site.conductor,
        `systemctl start ${mirror.unit}; sleep 1
         for wheel in $(find ${mirror.folder} -name '*1.4.0*.whl'); do echo x >> $wheel; done`,
      );
      const { status, message } = await statusAfterHook();
      expect(status).toBe("blocked");
      expect(message).toContain("magnum-capi-helm 1.4.0 has a wrong sha256; next: repair the mirror");
      expect(await inventory(site.conductor)).toBe(before);
    });

    it("is blocked by a helm archive with wrong bytes", async () => {
      await sh(
        site.conductor,
        `cp -a /root/mirror/. ${mirror.folder}/; echo x >> ${mirror.folder}/helm/helm-v3.17.3-linux-amd64.tar.gz`,
      );
      const { status, message } = await statusAfterHook();
      expect(status).toBe("blocked");
      expect(message).toMatch(
        /^not changed, helm-fetched: helm-sha256 is not the archive's; next: set the digest that you trust$/,
      );
      expect(await inventory(site.conductor)).toBe(before);
    });

    it("is blocked where bin/node is for another architecture, and where it is gone", async () => {
      const folder = site.unit.charmFolder;
      await sh(
        site.conductor,
        `cd ${folder}/bin && cp loader /root/ && echo /lib/ld-linux-other.so.1 > loader`,
      );
      const foreign = await statusAfterHook();
      expect(foreign.status).toBe("blocked");
      expect(foreign.message).toContain("another architecture than x86_64");
      await sh(site.conductor, `cp /root/loader ${folder}/bin/ && mv ${folder}/bin/node /root/`);
      const gone = await statusAfterHook();
      expect(gone.status).toBe("blocked");
      expect(gone.message).toContain("bin/node is missing");
      await sh(site.conductor, `mv /root/node ${folder}/bin/`);
      expect(await inventory(site.conductor)).toBe(before);
    });

    it("is blocked by a full disk under /etc, with nothing half-written, and active once there is room", async () => {
      await sh(
        site.conductor,
        `cp -a /root/mirror/. ${mirror.folder}/
         cp -a /etc/magnum /root/ && mount -t tmpfs -o size=256k,mode=0750,uid=$(id -u magnum),gid=$(id -g magnum) none /etc/magnum
         cp -a /root/magnum/. /etc/magnum/
         dd if=/dev/zero of=/etc/magnum/filler bs=1k 2>/dev/null || true`,
      );
      expect(await statusAfterHook()).toEqual({
        status: "blocked",
        message: expect.stringMatching(
          /^reverted, (file:)?kubeconfig: failed to write kubeconfig.*; next: free space/,
        ),
      });
      expect(await sh(site.conductor, "find /etc/magnum -name '*.capi-graft-tmp' -o -name kubeconfig")).toBe(
        "",
      );
      await sh(site.conductor, "rm /etc/magnum/filler");
      expect(await statusAfterHook()).toEqual({ status: "active", message: "Unit is ready" });
      expect(await sh(site.conductor, "find / -xdev -name '*.capi-graft-tmp'")).toBe("");
    });

    it("is blocked, and no hook fails, where the note that the unit is in line can't be written", async () => {
      const note = "/var/lib/magnum-capi-helm/signature.json";
      await sh(site.conductor, `rm ${note} && mkdir ${note}`);
      const { status, message } = await statusAfterHook();
      expect([status, message]).toEqual([
        "blocked",
        expect.stringContaining("failed to write signature.json: EISDIR"),
      ]);
      await sh(site.conductor, `rmdir ${note}`);
      expect(await statusAfterHook()).toEqual({ status: "active", message: "Unit is ready" });
    });
  });
}
