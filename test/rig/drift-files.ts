import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { driftOf, forgetRepairs, graftJson, inventory, resolved, sh, starts } from "./look.ts";
import { makeGraftedSite, type Site } from "./site.ts";

const dropIn = "/etc/magnum/magnum.conf.d/00-capi-helm.conf";
const defaults = "/etc/default/magnum-conductor";

/** Drift of files, each alone: a plan names it, the next hook repairs it, and nothing is restarted. */
export function driftFilesTests(recipe: RecipeName): void {
  describeRig(`drift of files on ${recipe}`, () => {
    let site: Site;
    let good: string;
    let untouched: Awaited<ReturnType<typeof starts>>;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe);
      good = await inventory(site.conductor);
      untouched = await starts(site.conductor);
    });
    beforeEach(() => forgetRepairs(site.conductor));
    afterAll(() => site?.down());

    const repaired: readonly {
      title: string;
      damage: string;
      drift: Record<string, readonly (string | RegExp)[]>;
    }[] = [
      {
        title: "an edited drop-in",
        damage: `sed -i s/0.25.1/0.10.1/ ${dropIn}`,
        drift: { [`file:${dropIn}`]: ["capi_helm.default_helm_chart_version: 0.10.1 -> 0.25.1", /^sha256/] },
      },
      {
        title: "a deleted drop-in",
        damage: `rm ${dropIn}`,
        drift: { [`file:${dropIn}`]: ["capi_helm.default_helm_chart_version: undefined -> 0.25.1"] },
      },
      {
        title: "a drop-in that the daemons can't read",
        damage: `chmod 0600 ${dropIn}`,
        drift: { [`file:${dropIn}`]: ["mode: 0600 -> 0644"] },
      },
      {
        title: "a drop-in directory that the daemons can't list",
        damage: "chmod 0700 /etc/magnum/magnum.conf.d",
        drift: { "directory:/etc/magnum/magnum.conf.d": ["mode: 0700 -> 0755"] },
      },
      {
        title: "a block that was taken out",
        damage: `sed -i '/BEGIN magnum-capi-helm/,/END magnum-capi-helm/d' ${defaults}`,
        drift: { [`block:${defaults}`]: [/^block: absent -> [0-9a-f]{64}$/] },
      },
      {
        title: "a defaults file that somebody turned to CRLF",
        damage: `sed -i 's/$/\\r/' ${defaults}`,
        drift: { [`block:${defaults}`]: [/^block: /, "line-ends: CRLF -> LF"] },
      },
      {
        title: "a truncated kubeconfig",
        damage: ": > /etc/magnum/kubeconfig",
        drift: { "file:/etc/magnum/kubeconfig": [/^sha256: e3b0c442/] },
      },
      {
        title: "a kubeconfig that everybody can read",
        damage: "chmod 0644 /etc/magnum/kubeconfig",
        drift: { "file:/etc/magnum/kubeconfig": ["mode: 0644 -> 0600"] },
      },
      {
        title: "a kubeconfig that belongs to root",
        damage: "chown root:root /etc/magnum/kubeconfig",
        drift: { "file:/etc/magnum/kubeconfig": ["owner: root:root -> magnum:magnum"] },
      },
      {
        title: "a command that was taken away",
        damage: "rm /usr/local/bin/capi-graft",
        drift: { "file:/usr/local/bin/capi-graft": [/^kind: undefined -> file$/] },
      },
    ];

    /** What a plan says differs. The command itself may be what is missing, so the charm's own program is asked. */
    async function planned(): Promise<ReturnType<typeof driftOf>> {
      const folder = site.unit.charmFolder;
      const argv = [`${folder}/bin/node`, `${folder}/dist/main.cjs`, "cli", "plan", "--json"];
      const { code, stdout } = await site.conductor.exec(argv);
      expect(code).toBe(2);
      return driftOf(JSON.parse(stdout));
    }

    it.each(repaired)(
      "$title is named by a plan and repaired without a restart",
      async ({ damage, drift }) => {
        await sh(site.conductor, damage);
        const found = await planned();
        expect(Object.keys(found)).toEqual(Object.keys(drift));
        for (const [id, lines] of Object.entries(drift)) {
          const wanted = lines.map((line) => (typeof line === "string" ? line : expect.stringMatching(line)));
          expect(found[id]).toEqual(expect.arrayContaining(wanted));
        }
        const { code } = await site.unit.runHook("update-status");
        expect(code).toBe(0);
        expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
        expect(await inventory(site.conductor)).toBe(good);
        expect(await starts(site.conductor)).toEqual(untouched);
      },
    );

    it("a defaults file that another writer replaced keeps that writer's lines beside the block", async () => {
      await sh(site.conductor, `printf 'USE_SYSLOG=no\\n' > ${defaults}`);
      const { document } = await graftJson(site.conductor, "plan");
      expect(Object.keys(driftOf(document))).toEqual([`block:${defaults}`]);
      await site.unit.runHook("update-status");
      const text = await sh(site.conductor, `cat ${defaults}`);
      expect(text).toMatch(/^USE_SYSLOG=no\n# BEGIN magnum-capi-helm/);
      expect(await starts(site.conductor)).toEqual(untouched);
      await sh(site.conductor, `sed -i 1d ${defaults}`);
      await site.unit.runHook("update-status");
      expect(await inventory(site.conductor)).toBe(good);
    });

    it("a later drop-in that overrides ours is reported with its file, and left alone", async () => {
      const later = "/etc/magnum/magnum.conf.d/99-operator.conf";
      await sh(site.conductor, `printf '[capi_helm]\\ndefault_helm_chart_version = 0.1.0\\n' > ${later}`);
      const { code, document } = await graftJson(site.conductor, "plan");
      const closed = document.gates.filter(({ state }) => state === "closed");
      expect([code, driftOf(document)]).toEqual([2, {}]);
      const reason = "sets [capi_helm] default_helm_chart_version";
      const inFull = `${later} ${reason}: it is 0.1.0, not 0.25.1`;
      expect(closed.map((gate) => gate.reason)).toEqual([inFull, inFull]);
      await site.unit.runHook("update-status");
      const { status, message } = await site.unit.status();
      expect([status, message]).toEqual([
        "blocked",
        `99-operator.conf ${reason}; next: take it out of that file`,
      ]);
      await sh(site.conductor, `test -f ${later} && rm ${later}`);
      await site.unit.runHook("update-status");
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
      expect(await resolved(site.conductor, "capi_helm", "default_helm_chart_version")).toBe("0.25.1");
      expect(await starts(site.conductor)).toEqual(untouched);
    });
  });
}
