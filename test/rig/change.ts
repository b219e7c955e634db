import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { graftJson, mainPids, resolved, sh, starts } from "./look.ts";
import { mirror } from "./mirror.ts";
import { kubeconfig, makeGraftedSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };
const dropIn = "/etc/magnum/magnum.conf.d/00-capi-helm.conf";

/** What a unit's operator changes, and a hook that is killed in the middle of it. */
export function changeTests(recipe: RecipeName): void {
  describeRig(`changes of the configuration on ${recipe}`, () => {
    let site: Site;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe);
    });
    afterAll(() => site?.down());

    /** Everything that a graft writes, but the drop-in and our own state. */
    const others = () =>
      sh(
        site.conductor,
        `find /etc /usr/local ! -path ${dropIn} ! -path /etc/magnum/magnum.conf.d ! -name '*.pyc' -printf '%p %i %C@\\n' | sort`,
      );

    async function startsOf(
      work: () => Promise<unknown>,
    ): Promise<readonly [conductor: number, api: number]> {
      const before = await starts(site.conductor);
      await work();
      const after = await starts(site.conductor);
      return [after.conductor - before.conductor, after.api - before.api];
    }

    const machine = '{"Machine": {"api_version": "cluster.x-k8s.io/v1beta2"}}';
    it.each([
      ["chart-version", "0.24.1", undefined, "default_helm_chart_version", "0.24.1", "0.25.1"],
      [
        "chart-repository",
        mirror.otherChartsUrl,
        mirror.chartsUrl,
        "helm_chart_repo",
        mirror.otherChartsUrl,
        mirror.chartsUrl,
      ],
      ["api-resources", machine, undefined, "api_resources", machine.replaceAll(" ", ""), "{}"],
    ])(
      "%s rewrites the drop-in alone, restarts each service once, and back",
      async (option, to, from, name, now, back) => {
        const was = await others();
        expect(await startsOf(() => site.unit.configure({ [option]: to }))).toEqual([1, 1]);
        expect(await site.unit.status()).toEqual(ready);
        expect(await resolved(site.conductor, "capi_helm", name)).toBe(now);
        expect(await others()).toBe(was);
        expect(await startsOf(() => site.unit.configure({ [option]: from }))).toEqual([1, 1]);
        expect(await resolved(site.conductor, "capi_helm", name)).toBe(back);
        expect(await others()).toBe(was);
        expect(await site.unit.status()).toEqual(ready);
      },
    );

    it("driver-version goes down to 1.3.0 with a drop-in that it understands, and up again", async () => {
      expect(await startsOf(() => site.unit.configure({ "driver-version": "1.3.0" }))).toEqual([1, 1]);
      expect(await site.unit.status()).toEqual({
        status: "active",
        message: "driver 1.3.0 is older than the default; next: set driver-version=1.4.0",
      });
      expect(await site.unit.workloadVersion()).toBe("1.3.0");
      expect(await sh(site.conductor, `cat ${dropIn}`)).not.toContain("api_resources");
      expect(await resolved(site.conductor, "capi_helm", "default_helm_chart_version")).toBe("0.25.1");
      expect(await startsOf(() => site.unit.configure({ "driver-version": undefined }))).toEqual([1, 1]);
      expect(await site.unit.workloadVersion()).toBe("1.4.0");
      expect(await resolved(site.conductor, "capi_helm", "api_resources")).toBe("{}");
    });

    it("a new revision of the kubeconfig is written without a restart", async () => {
      const update = () => site.unit.updateSecret(site.secret, { kubeconfig: kubeconfig("another-token") });
      expect(await startsOf(update)).toEqual([0, 0]);
      expect(await sh(site.conductor, "cat /etc/magnum/kubeconfig")).toBe(kubeconfig("another-token"));
      expect(await sh(site.conductor, "stat -c '%a %U:%G' /etc/magnum/kubeconfig")).toBe(
        "600 magnum:magnum\n",
      );
      expect(await site.unit.status()).toEqual(ready);
    });

    it("a kubeconfig whose grant is taken back leaves the unit as it is, with the command that cures it", async () => {
      const pids = await mainPids(site.conductor);
      await site.unit.revokeSecret(site.secret);
      await site.unit.runHook("update-status");
      expect(await site.unit.status()).toEqual({
        status: "blocked",
        message: `grant revoked, unit serves on; next: juju grant-secret ${site.secret} magnum-capi-helm`,
      });
      await site.unit.grantSecret(site.secret);
      await site.unit.runHook("update-status");
      expect(await site.unit.status()).toEqual(ready);
      expect(await mainPids(site.conductor)).toEqual(pids);
    });

    it("a hook that is killed between the write and the restart is finished by the next one", async () => {
      const before = await starts(site.conductor);
      // A systemctl that sleeps before a restart: the hook is between the write and the restart until it is killed.
      await sh(
        site.conductor,
        'mv /usr/bin/systemctl /usr/bin/systemctl.real && printf \'#!/bin/sh\\n[ "$1" != restart ] || sleep 60\\nexec /usr/bin/systemctl.real "$@"\\n\' > /usr/bin/systemctl && chmod 0755 /usr/bin/systemctl',
      );
      const configuring = site.unit.configure({ "chart-version": "0.24.0" }).catch((error: unknown) => error);
      await waitFor(async () => (await sh(site.conductor, `cat ${dropIn}`)).includes("0.24.0"));
      await sh(site.conductor, "pkill -KILL -f 'dist/[m]ain.cjs'; pkill -KILL -f '[s]leep 60' || true");
      await configuring;
      await sh(site.conductor, "mv /usr/bin/systemctl.real /usr/bin/systemctl");
      expect(await starts(site.conductor)).toEqual(before);
      const { document } = await graftJson(site.conductor, "plan");
      expect(document["in-line"]).toBe(false);

      const { code } = await site.unit.runHook("config-changed");
      expect(code).toBe(0);
      expect(await site.unit.status()).toEqual(ready);
      const after = await starts(site.conductor);
      expect([after.conductor - before.conductor, after.api - before.api]).toEqual([1, 1]);
      expect(await resolved(site.conductor, "capi_helm", "default_helm_chart_version")).toBe("0.24.0");
    });
  });
}

async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error("waited 60 s in vain");
    await sleep(100);
  }
}
