import { afterEach, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { inventory, sh } from "./look.ts";
import { mirror } from "./mirror.ts";
import { makeSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };
const temporaries = "find / -xdev -name '*.capi-graft-tmp'";

/** Faults of the world around a unit: a clear status, hook exit 0, nothing half-written, and cured they are gone. */
export function worldTests(recipe: RecipeName): void {
  describeRig(`faults of the world on ${recipe}`, () => {
    const sites: Site[] = [];
    afterEach(() => Promise.all(sites.splice(0).map((site) => site.down())));

    async function site(): Promise<Site> {
      const made = await makeSite(recipe);
      sites.push(made);
      return made;
    }

    async function deployed(it: Site): Promise<{ status: string; message: string }> {
      const hooks = [...(await it.unit.deploy()), await it.unit.configure({ kubeconfig: it.secret })];
      expect(hooks.map(({ hook, code }) => [hook, code])).toEqual(hooks.map(({ hook }) => [hook, 0]));
      return await it.unit.status();
    }

    async function heals(it: Site): Promise<void> {
      const { code } = await it.unit.runHook("update-status");
      expect([code, await it.unit.status()]).toEqual([0, ready]);
    }

    it("waits where Magnum is not installed, and grafts once it is", async () => {
      const it = await site();
      await sh(it.conductor, "mv /etc/init.d/magnum-conductor /root/");
      const before = await inventory(it.conductor);
      expect(await deployed(it)).toEqual({
        status: "waiting",
        message: "waiting for magnum-conductor to be installed: /etc/init.d/magnum-conductor is not there",
      });
      expect(await inventory(it.conductor)).toBe(before);
      await sh(it.conductor, "mv /root/magnum-conductor /etc/init.d/");
      await heals(it);
    });

    it("waits while the index and the mirror are down, with nothing written", async () => {
      const it = await site();
      await sh(it.conductor, `systemctl stop ${mirror.unit}`);
      const before = await inventory(it.conductor);
      const { status, message } = await deployed(it);
      expect(status).toBe("waiting");
      expect(message).toContain("http://127.0.0.1:8080/simple/ does not give magnum-capi-helm");
      expect(await inventory(it.conductor)).toBe(before);
      await sh(it.conductor, `systemctl start ${mirror.unit}`);
      await heals(it);
    });

    it("is blocked by wrong bytes from the mirror, with nothing written", async () => {
      const it = await site();
      await sh(
        it.conductor,
        `cd ${mirror.folder} && cp -a . /root/mirror
         for wheel in $(find . -name '*1.4.0*.whl'); do echo x >> $wheel; done`,
      );
      const before = await inventory(it.conductor);
      const wheel = await deployed(it);
      expect(wheel.status).toBe("blocked");
      expect(wheel.message).toContain(
        "a wheel of magnum-capi-helm 1.4.0 with a wrong sha256; next: repair the mirror",
      );
      await sh(
        it.conductor,
        `cp -a /root/mirror/. ${mirror.folder}/; echo x >> ${mirror.folder}/helm/helm-v3.17.3-linux-amd64.tar.gz`,
      );
      await it.unit.runHook("update-status");
      const helm = await it.unit.status();
      expect(helm.status).toBe("blocked");
      expect(helm.message).toMatch(/^helm-sha256=[0-9a-f]{12}\.\.\. is not that of .*; got [0-9a-f]{64}$/);
      expect(await inventory(it.conductor)).toBe(before);
      await sh(it.conductor, `cp -a /root/mirror/. ${mirror.folder}/`);
      await heals(it);
    });

    it("is blocked by a full disk under /etc, with nothing half-written", async () => {
      const it = await site();
      await sh(
        it.conductor,
        `cp -a /etc/magnum /root/ && mount -t tmpfs -o size=256k,mode=0750,uid=$(id -u magnum),gid=$(id -g magnum) none /etc/magnum
         cp -a /root/magnum/. /etc/magnum/
         dd if=/dev/zero of=/etc/magnum/filler bs=1k 2>/dev/null || true`,
      );
      const { status, message } = await deployed(it);
      expect([status, message]).toEqual([
        "blocked",
        "failed to write /etc/magnum/kubeconfig: ENOSPC; next: free space on that filesystem",
      ]);
      expect(await sh(it.conductor, "find /etc/magnum -name '*.capi-graft-tmp' -o -name kubeconfig")).toBe(
        "",
      );
      await sh(it.conductor, "rm /etc/magnum/filler");
      await heals(it);
      expect(await sh(it.conductor, temporaries)).toBe("");
    });

    it("is blocked where bin/node is for another architecture, and where it is gone", async () => {
      const it = await site();
      await it.unit.deploy();
      const folder = it.unit.charmFolder;
      await sh(
        it.conductor,
        `cd ${folder}/bin && cp loader /root/ && echo /lib/ld-linux-other.so.1 > loader`,
      );
      const foreign = await it.unit.configure({ kubeconfig: it.secret });
      expect([foreign.code, (await it.unit.status()).status]).toEqual([0, "blocked"]);
      expect((await it.unit.status()).message).toContain("another architecture than x86_64");
      await sh(it.conductor, `cp /root/loader ${folder}/bin/ && mv ${folder}/bin/node /root/`);
      const gone = await it.unit.runHook("update-status");
      expect([gone.code, (await it.unit.status()).status]).toEqual([0, "blocked"]);
      await sh(it.conductor, `mv /root/node ${folder}/bin/`);
      await heals(it);
    });
  });
}
