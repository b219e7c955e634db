import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { hangs, hurry, limits } from "./hurry.ts";
import { forgetRepairs, sh } from "./look.ts";
import { makeGraftedSite, type Site } from "./site.ts";

const dropIn = "/etc/magnum/magnum.conf.d/00-capi-helm.conf";
const ready = { status: "active", message: "Unit is ready" };
const unanswered = (name: string) => ({
  status: "waiting",
  message: `${name} gave no answer within 60 s; next: is the controller up?`,
});

/** What Juju and systemd are asked with hangs, ignores signals, and has a child: hooks and actions end, and say so. */
export function hangingCommandsTests(recipe: RecipeName): void {
  describeRig(`commands that hang on ${recipe}`, () => {
    let site: Site;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe);
      hurry(site, [
        [limits.hookCommand, "usualTimeoutMs = 8e3"],
        [limits.stub, "timeout -k 1 8"],
      ]);
    });
    afterAll(() => site?.down());

    /** Has a program hang while something is done to a unit with a drift; what was logged, and the mode of its drop-in. */
    async function whileHanging<T>(program: string, work: () => Promise<T>) {
      const file = join(site.conductor.root, program);
      const kept = program.includes("/juju/") ? readFileSync(file) : undefined;
      await forgetRepairs(site.conductor);
      await sh(site.conductor, `chmod 0600 ${dropIn}`);
      const lines = (await site.unit.log()).length;
      writeFileSync(file, hangs);
      chmodSync(file, 0o755);
      const result = await work();
      if (kept === undefined) rmSync(file);
      else writeFileSync(file, kept);
      const mode = (await sh(site.conductor, `stat -c %a ${dropIn}`)).trim();
      const log = (await site.unit.log()).slice(lines).map(({ message }) => message);
      return { result, mode, log: log.join("\n") };
    }

    const tool = (name: string) =>
      posix.join("/var/lib/juju/tools", `unit-${site.unit.name.replace("/", "-")}`, name);

    async function expectConverged() {
      expect((await site.unit.runHook("update-status")).code).toBe(0);
      expect(await site.unit.status()).toEqual(ready);
      expect(await sh(site.conductor, `stat -c %a ${dropIn}`)).toBe("644\n");
      expect(await sh(site.conductor, "pgrep -f '[s]leep 1000' || echo none")).toBe("none\n");
    }

    it.each(["config-get", "secret-get"])("%s is in the status, and nothing is changed", async (name) => {
      const { result, mode } = await whileHanging(tool(name), () => site.unit.runHook("update-status"));
      expect([result.code, mode]).toEqual([0, "600"]);
      expect(await site.unit.status()).toEqual(unanswered(name));
      await expectConverged();
    });

    it.each(["status-set", "is-leader", "juju-log"])(
      "%s is in the unit's log, and the repair is made",
      async (name) => {
        const { result, mode, log } = await whileHanging(tool(name), () =>
          site.unit.runHook("update-status"),
        );
        expect([result.code, mode]).toEqual([0, "644"]);
        expect(log).toContain(`${name} gave no answer within 8 s`);
        expect(result.ms).toBeLessThan(120_000);
        expect(await site.unit.status()).toEqual(ready);
        await expectConverged();
      },
    );

    it("systemctl is named by an action, and by the status", async () => {
      const { result, mode, log } = await whileHanging("/usr/local/sbin/systemctl", () =>
        site.unit.runAction("apply"),
      );
      const message = "systemctl show magnum-conductor failed; next: is systemd running on this machine?";
      expect([result.status, result.message, mode]).toEqual(["failed", message, "600"]);
      expect(await site.unit.status()).toEqual({ status: "blocked", message });
      expect(log).toContain("systemctl show magnum-conductor failed: no answer within 30 s");
      await expectConverged();
    });
  });
}
