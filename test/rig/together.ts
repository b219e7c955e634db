import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { graftJson, inventory, sh, starts } from "./look.ts";
import { makeGraftedSite, type Site } from "./site.ts";
import { watchAtRest } from "./watching.ts";

const dropIn = "/etc/magnum/magnum.conf.d/00-capi-helm.conf";
const ready = { status: "active", message: "Unit is ready" };

/** The status once the fuse has gone; the last one after 200 s. A repair that did not hold is told before. */
async function fuseStatus(site: Site) {
  const end = performance.now() + 200_000;
  let status = await site.unit.status();
  while (!status.message.includes(" is undone") && performance.now() < end) {
    await sleep(1_000);
    status = await site.unit.status();
  }
  return status;
}

/** Everything that may write on a unit, at the same time; and two writers that never give in. */
export function togetherTests(recipe: RecipeName): void {
  describeRig(`several at once on ${recipe}`, () => {
    let site: Site;
    let good: string;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe, { watch: "on" });
      await watchAtRest(site);
      good = await inventory(site.conductor);
    });
    afterAll(() => site?.down());

    it("a hook, an action, the watch and the command take turns, and one repair is enough", async () => {
      const before = await starts(site.conductor);
      const command = () => site.conductor.exec(["capi-graft", "apply", "--json"], { timeoutMs: 200_000 });
      await sh(site.conductor, `: > ${dropIn}`);
      const [hook, action, first, second, watch] = await Promise.all([
        site.unit.runHook("update-status"),
        site.unit.runAction("apply"),
        command(),
        command(),
        site.conductor.exec(["systemctl", "start", "magnum-capi-helm-watch.service"], {
          timeoutMs: 200_000,
        }),
      ]);
      expect([hook.code, first.code, second.code, watch.code]).toEqual([0, 0, 0, 0]);
      expect([action.status, action.message]).toEqual(["completed", ""]);
      for (const { stdout } of [first, second]) expect(JSON.parse(stdout)).toMatchObject({ "in-line": true });
      await watchAtRest(site);
      expect(await starts(site.conductor)).toEqual(before);
      expect(await inventory(site.conductor)).toBe(good);
      expect(await site.unit.status()).toEqual(ready);
    });

    it("a fight with another writer ends: the unit is blocked, says so, and apply arms it again", async () => {
      await site.unit.configure({ "self-heal-limit": 3 });
      await sh(site.conductor, "rm -f /var/lib/magnum-capi-helm/repairs.json");
      const fight = `while echo "# mine" >> ${dropIn}; do sleep 0.5; done`;
      const limit = "--property=RuntimeMaxSec=600";
      await sh(site.conductor, `systemd-run --quiet --unit=other-writer ${limit} bash -c '${fight}'`);
      try {
        const { status, message } = await fuseStatus(site);
        expect([status, message]).toEqual(["blocked", expect.stringContaining(" is undone")]);
        expect(message).toContain("apply");
      } finally {
        await sh(site.conductor, "systemctl stop other-writer");
      }
      expect((await site.unit.runHook("update-status")).code).toBe(0);
      expect((await site.unit.status()).status).toBe("blocked");

      const { status: ended } = await site.unit.runAction("apply");
      expect(ended).toBe("completed");
      expect(await site.unit.status()).toEqual(ready);
      expect((await graftJson(site.conductor, "verify")).code).toBe(0);
      await site.unit.configure({ "self-heal-limit": undefined });
    });

    it("with self-heal off drift is told and left, until an apply", async () => {
      await site.unit.configure({ "self-heal": false });
      const was = await starts(site.conductor);
      await sh(site.conductor, `chmod 0600 ${dropIn}`);
      expect((await site.unit.runHook("update-status")).code).toBe(0);
      const { status, message } = await site.unit.status();
      expect([status, message]).toEqual(["blocked", expect.stringContaining("self-heal off")]);
      expect(await sh(site.conductor, `stat -c %a ${dropIn}`)).toBe("600\n");
      expect((await site.unit.runAction("apply")).status).toBe("completed");
      expect(await sh(site.conductor, `stat -c %a ${dropIn}`)).toBe("644\n");
      expect(await starts(site.conductor)).toEqual(was);
      await site.unit.configure({ "self-heal": undefined });
      expect(await site.unit.status()).toEqual(ready);
    });

    it("a clock that is set back a day blocks no repair and restarts nothing", async () => {
      await watchAtRest(site);
      const [was, now] = [await starts(site.conductor), "/var/lib/magnum-capi-helm/signature.json"];
      // What was written lies a day ahead, as it does after the clock was set back.
      await sh(site.conductor, `sed -i -E 's/"takenAt":([0-9]+)/"takenAt":9\\1/' ${now}; : > ${dropIn}`);
      expect((await site.unit.runHook("update-status")).code).toBe(0);
      expect(await site.unit.status()).toEqual(ready);
      expect(await inventory(site.conductor)).toBe(good);
      expect(await starts(site.conductor)).toEqual(was);
    });
  });
}
