import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { mainPids, resolved, sh, starts } from "./look.ts";
import { makeGraftedSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };
const both = "magnum-conductor magnum-api";

/** A policy that forbids what a file of its folder names, and does beforehand what another one says. */
const policy = `
[ -x /run/policy-first ] && mv /run/policy-first /run/policy-once && /run/policy-once
grep -qsx "$1 $2" /etc/policy-rc.d/*.policy && exit 101
exit 0
`;

/** A unit of another name that runs what a packaged one runs. */
function copyOf(service: string): string {
  return `sed 's/^Description=.*/Description=of another make/' /lib/systemd/system/${service}.service \
    > /etc/systemd/system/openstack-${service}.service && systemctl daemon-reload`;
}

/** Who else decides what runs: the principal, an operator, a policy, and whoever made the services. */
export function principalTests(recipe: RecipeName): void {
  describeRig(`beside the principal on ${recipe}`, () => {
    let site: Site;
    let chart = 0;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe);
    });
    afterAll(() => site?.down());

    const change = async () => {
      chart = 1 - chart;
      await site.unit.configure({ "chart-version": `0.24.${chart}` });
      expect(await resolved(site.conductor, "capi_helm", "default_helm_chart_version")).toBe(`0.24.${chart}`);
      return await site.unit.status();
    };
    const look = async () => {
      expect((await site.unit.runHook("update-status")).code).toBe(0);
      return await site.unit.status();
    };
    /** How often each service is started meanwhile, by whom ever. */
    const startsIn = async (work: () => Promise<unknown>) => {
      const before = await starts(site.conductor);
      await work();
      const after = await starts(site.conductor);
      return { conductor: after.conductor - before.conductor, api: after.api - before.api };
    };

    it("paused, it gets all that is written; resumed by the principal, it runs with that, and is not restarted again", async () => {
      const count = await startsIn(async () => {
        await sh(site.conductor, `systemctl stop ${both}; systemctl disable ${both}; systemctl mask ${both}`);
        expect(await change()).toEqual({
          status: "active",
          message: "magnum-conductor is masked: the principal is paused; next: resume the principal",
        });
        expect(await look()).toMatchObject({ status: "active" });
        expect(await mainPids(site.conductor)).toEqual({ conductor: 0, api: 0 });
        expect(await sh(site.conductor, `systemctl is-enabled ${both} || true`)).toBe("masked\nmasked\n");
        await sh(
          site.conductor,
          `systemctl unmask ${both}; systemctl enable ${both}; systemctl start ${both}`,
        );
        expect(await look()).toEqual(ready);
      });
      expect(count).toEqual({ conductor: 1, api: 1 });
    });

    it("a conductor that an operator stopped stays so through a change, and the status says it", async () => {
      const count = await startsIn(async () => {
        await sh(site.conductor, "systemctl stop magnum-conductor");
        expect(await change()).toEqual({
          status: "blocked",
          message: "magnum-conductor is stopped; next: systemctl start magnum-conductor",
        });
        expect((await mainPids(site.conductor)).conductor).toBe(0);
        await sh(site.conductor, "systemctl start magnum-conductor");
        expect(await look()).toEqual(ready);
      });
      expect(count).toEqual({ conductor: 1, api: 1 });
    });

    it("policy-rc.d forbids restarts: they are made when its rules go, or when the action is run", async () => {
      const forbid =
        "printf 'magnum-conductor restart\\nmagnum-api.service restart\\n' > /etc/policy-rc.d/a.policy";
      const [lines, path] = [policy, "/usr/sbin/policy-rc.d"];
      // Without a first line, as invoke-rc.d takes it too.
      const written = await site.conductor.exec(
        ["sh", "-c", `mkdir -p /etc/policy-rc.d && cat > ${path} && chmod 0755 ${path} && ${forbid}`],
        { input: lines },
      );
      expect(written.code).toBe(0);
      const deferred = {
        status: "active",
        message:
          "restart deferred by policy-rc.d: magnum-conductor, magnum-api; next: run the action restart-services",
      };
      expect(await startsIn(async () => expect(await change()).toEqual(deferred))).toEqual({
        conductor: 0,
        api: 0,
      });
      expect(await look()).toEqual(deferred);
      const { results } = await site.unit.runAction("restart-services");
      expect(results).toMatchObject({ "in-line": "true", restarts: both });
      expect(await change()).toEqual(deferred);
      await sh(site.conductor, "rm /etc/policy-rc.d/a.policy");
      expect(await startsIn(async () => expect(await look()).toEqual(ready))).toEqual({
        conductor: 1,
        api: 1,
      });
    });

    it("a restart by the principal between our write and ours is noticed, and not repeated", async () => {
      // A daemon that takes its time to end has ours give up on the policy, which is another case.
      await sh(
        site.conductor,
        `for unit in ${both}; do
          mkdir -p /run/systemd/system/$unit.service.d
          printf '[Service]\\nKillSignal=SIGKILL\\n' >/run/systemd/system/$unit.service.d/quick.conf
        done; systemctl daemon-reload`,
      );
      const script = `printf '#!/bin/sh\\nsystemctl restart ${both}\\n' > /run/policy-first && chmod 0755 /run/policy-first`;
      await sh(site.conductor, script);
      const count = await startsIn(async () => expect(await change()).toEqual(ready));
      expect(count).toEqual({ conductor: 1, api: 1 });
      await sh(site.conductor, "test -e /run/policy-once && rm /run/policy-once /usr/sbin/policy-rc.d");
      await sh(site.conductor, "rm /run/systemd/system/*/quick.conf; systemctl daemon-reload");
    });

    it("an API in a service of another name is found by what listens, and restarted by that name", async () => {
      const pid = () => sh(site.conductor, "systemctl show --property MainPID --value openstack-magnum-api");
      await sh(
        site.conductor,
        `systemctl disable --now magnum-api; ${copyOf("magnum-api")}; systemctl start openstack-magnum-api`,
      );
      expect(await look()).toEqual(ready);
      const before = await pid();
      const count = await startsIn(async () => expect(await change()).toEqual(ready));
      expect(count).toEqual({ conductor: 1, api: 0 });
      expect(await pid()).not.toBe(before);
      expect(await sh(site.conductor, "systemctl is-active magnum-api || true")).toBe("inactive\n");
    });

    it("a conductor in a service of another name is named, and left alone", async () => {
      await sh(
        site.conductor,
        `systemctl stop magnum-conductor; ${copyOf("magnum-conductor")}; systemctl start openstack-magnum-conductor; sleep 2`,
      );
      expect(await look()).toEqual({
        status: "blocked",
        message: "the conductor runs as openstack-magnum-conductor; next: run it as magnum-conductor",
      });
      await sh(site.conductor, "systemctl stop openstack-magnum-conductor; systemctl start magnum-conductor");
      expect(await look()).toEqual(ready);
    });
  });
}
