import { afterAll, beforeAll, expect, it } from "vitest";
import { Application } from "../support/juju/application.ts";
import type { HookResult } from "../support/juju/hook-runner.ts";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { mainPids, resolved, sh } from "./look.ts";
import { makeGraftedSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };
const numbers = [0, 1, 2];

interface Outage {
  readonly unit: number;
  readonly service: string;
  /** Seconds since the epoch. */
  readonly from: number;
  readonly to: number;
}

/** When a unit's services were down, from its journal: from the start of their stop to the end of their start. */
async function outages({ conductor }: Site, unit: number, since: number): Promise<readonly Outage[]> {
  const lines = await sh(
    conductor,
    `journalctl --unit magnum-conductor --unit magnum-api --output short-unix --since @${since} | grep -E 'systemd\\[1\\]: (Stopping|Started) ' || true`,
  );
  const found = [
    ...lines.matchAll(/^([\d.]+) .*systemd\[1\]: (Stopping|Started) (magnum-(?:conductor|api))\b/gm),
  ];
  return found.flatMap(([, from, what, service = ""], index) => {
    if (what !== "Stopping") return [];
    const [, to] = found.slice(index).find(([, , then, of]) => then === "Started" && of === service) ?? [];
    return [{ unit, service, from: Number(from), to: Number(to ?? Number.POSITIVE_INFINITY) }];
  });
}

/** Has the second look at what was restarted made now, and not when the daemons have polled a minute later. */
async function lookAgain({ conductor, unit }: Site): Promise<void> {
  await sh(conductor, 'sed -i -E \'s/"dueAt":[0-9]+/"dueAt":0/\' /var/lib/magnum-capi-helm/probation.json');
  expect((await unit.runHook("update-status")).code).toBe(0);
}

/** Three units of one application, whose restarts take turns. */
export function rollTests(recipe: RecipeName): void {
  describeRig(`three units on ${recipe}`, () => {
    let sites: readonly Site[];
    let application: Application<HookResult>;
    const pending = async ({ conductor }: Site) =>
      (await sh(conductor, "ls /var/lib/magnum-capi-helm")).includes("probation.json");

    async function settle(): Promise<void> {
      for (const { hook, unit, result } of await application.settle())
        expect([unit, hook, result.code]).toEqual([unit, hook, 0]);
    }

    /** Goes on, second look after second look, until there is nothing to do. */
    async function finish(): Promise<void> {
      await settle();
      for (let round = 0; round < 4; round += 1) {
        for (const site of sites) if (await pending(site)) await lookAgain(site);
        await settle();
      }
    }

    beforeAll(async () => {
      sites = await Promise.all(numbers.map((number) => makeGraftedSite(recipe, { number })));
      application = new Application(sites.map(({ unit }) => unit));
      await finish();
    });
    afterAll(async () => {
      await Promise.all((sites ?? []).map((site) => site.down()));
    });

    const statuses = () => Promise.all(sites.map(({ unit }) => unit.status()));

    it("never have the services of two of them down at once, by their journals", async () => {
      const since = Date.now() / 1000;
      await Promise.all(sites.map(({ unit }) => unit.configure({ "chart-version": "0.24.1" })));
      await finish();
      expect(await statuses()).toEqual([ready, ready, ready]);
      for (const { conductor } of sites)
        expect(await resolved(conductor, "capi_helm", "default_helm_chart_version")).toBe("0.24.1");
      const down = (await Promise.all(sites.map((site, unit) => outages(site, unit, since)))).flat();
      console.log(down.map((it) => `${it.unit} ${it.service} ${it.from} ${it.to}`).join("\n"));
      for (const unit of numbers) expect(down.filter((it) => it.unit === unit)).toHaveLength(2);
      const together = down.filter((a) =>
        down.some((b) => a.unit !== b.unit && a.from < b.to && b.from < a.to),
      );
      expect(together).toEqual([]);
    });

    it("stop where a gate is closed on one of them, and name it", async () => {
      const [, second, third] = sites as [Site, Site, Site];
      const other = "[capi_helm]\\ndefault_helm_chart_version = 0.24.1\\n";
      await sh(second.conductor, `printf '${other}' > /etc/magnum/magnum.conf.d/99-site.conf`);
      const pids = await mainPids(third.conductor);
      await Promise.all(sites.map(({ unit }) => unit.configure({ "chart-version": "0.25.1" })));
      await finish();
      const [first, blocked, waiting] = await statuses();
      expect(first).toEqual(ready);
      expect(blocked?.status).toBe("blocked");
      expect(waiting).toEqual({
        status: "waiting",
        message: "waiting for its turn to restart (magnum-capi-helm/1 failed)",
      });
      expect(await mainPids(third.conductor)).toEqual(pids);
    });
  });
}
