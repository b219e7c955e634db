import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import {
  commandLine,
  graftJson,
  inventory,
  livePath,
  mainPids,
  pastProbation,
  sh,
  stamps,
  starts,
} from "./look.ts";
import { makeSite, type Site } from "./site.ts";

/** A unit's whole life, from deploy to removal, on one kind of conductor. */
export function lifeTests(recipe: RecipeName, juju: "3.6.28" | "4.0.15"): void {
  describeRig(`a unit's life on ${recipe}, Juju ${juju}`, () => {
    let site: Site;
    let before: string;
    beforeAll(async () => {
      site = await makeSite(recipe, { juju });
      await sh(site.conductor, "printf 'ULIMIT=1024' > /etc/default/magnum-conductor");
      before = await inventory(site.conductor, "deep");
    });
    afterAll(() => site?.down());

    it("is blocked with the command to run until the kubeconfig is set", async () => {
      const hooks = await site.unit.deploy();
      expect(hooks.map(({ code }) => code)).toEqual(hooks.map(() => 0));
      expect(await site.unit.status()).toEqual({
        status: "blocked",
        message: "the option kubeconfig is not set; next: juju config magnum-capi-helm kubeconfig=secret:ID",
      });
      expect(await inventory(site.conductor, "deep")).toBe(before);
    });

    it("is active with the driver's version once it is set, and every gate that is checked is open", async () => {
      const first = await starts(site.conductor);
      await site.unit.configure({ kubeconfig: site.secret });
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
      expect(await site.unit.workloadVersion()).toBe("1.4.0");
      const { code, document } = await graftJson(site.conductor, "verify");
      expect(code).toBe(0);
      // A log says nothing yet where the daemons have not polled.
      const gates = document.gates.filter(({ id }) => !id.endsWith("-log"));
      const checked = gates.filter(({ state }) => state !== "not checked");
      expect(checked.map(({ id, state }) => `${id} ${state}`)).toEqual([
        "magnum-conductor-stable open",
        "magnum-api-stable open",
        "magnum-api-answers open",
        "show-args open",
        "driver-enumerated open",
        "magnum-conductor-options open",
        "magnum-api-options open",
        "driver-login open",
        "helm-on-path open",
        "magnum-conductor-live open",
        "pending-releases open",
        "kubeconfig-valid open",
        "management-tcp open",
        "management-tls open",
        "management-login open",
        "management-permissions open",
        "management-api-versions open",
        "management-projects open",
        "management-lifecycle open",
        "management-admin open",
        "chart-reachable open",
        "leftover-exec-start open",
        "leftover-enabled-drivers open",
        "leftover-driver-copy open",
        "leftover-wiring open",
        "leftover-helm open",
      ]);
      const unchecked = gates.filter(({ state }) => state === "not checked").map(({ id }) => id);
      expect(unchecked).toEqual(expect.arrayContaining(["trust", "create-delete"]));
      expect(gates.filter(({ state }) => state === "closed")).toEqual([]);
      const last = await starts(site.conductor);
      expect([last.conductor - first.conductor, last.api - first.api]).toEqual([1, 1]);
    });

    it("gives the daemons the driver, the directory and helm, by Magnum's own tools and /proc", async () => {
      const list = await sh(site.conductor, "magnum-driver-manage list-drivers");
      expect(list).toContain("k8s_capi_helm_v1");
      const line = (await commandLine(site.conductor)).join(" ");
      expect(line).toContain("--config-file=/etc/magnum/magnum.conf --config-dir /etc/magnum/magnum.conf.d");
      const path = await livePath(site.conductor);
      const where = await sh(
        site.conductor,
        `runuser -u magnum -- env -i PATH=${path} sh -c 'command -v helm'`,
      );
      expect(where.trim()).toBe("/usr/local/bin/helm");
      expect(await sh(site.conductor, "stat -c '%a %U:%G' /etc/magnum/kubeconfig")).toBe(
        "600 magnum:magnum\n",
      );
    });

    it("writes nothing and restarts nothing in the hooks that follow, with two hook commands", async () => {
      await pastProbation(site);
      const [was, pids] = [await stamps(site.conductor), await mainPids(site.conductor)];
      for (const hook of ["update-status", "start", "juju-info-relation-changed", "update-status"]) {
        const { code, stdout, stderr, calls } = await site.unit.runHook(hook);
        expect([hook, code, stdout, stderr]).toEqual([hook, 0, "", ""]);
        expect(calls.map((call) => call.command).toSorted()).toEqual(["config-get", "secret-get"]);
      }
      expect(await stamps(site.conductor)).toBe(was);
      expect(await mainPids(site.conductor)).toEqual(pids);
    });

    it("writes nothing either when it looks at everything", async () => {
      await sh(site.conductor, "rm /var/lib/magnum-capi-helm/signature.json");
      await site.unit.runHook("update-status");
      const [was, pids] = [await stamps(site.conductor), await mainPids(site.conductor)];
      const { code, document } = await graftJson(site.conductor, "apply");
      expect([code, document["in-line"]]).toEqual([0, true]);
      expect(await stamps(site.conductor)).toBe(was);
      expect(await mainPids(site.conductor)).toEqual(pids);
    });

    it("shows the kubeconfig's token nowhere but in its own files", async () => {
      const hits = await sh(
        site.conductor,
        "grep -rl token-that-no-log-may-show /etc /usr/local /var/lib/magnum-capi-helm /var/log /run 2>/dev/null || true",
      );
      expect(hits.trim().split("\n").toSorted()).toEqual([
        "/etc/magnum/kubeconfig",
        "/var/lib/magnum-capi-helm/kubeconfig",
      ]);
      const log = (await site.unit.log()).map(({ message }) => message).join("\n");
      const argv = (await site.unit.calls()).map((call) => call.argv.join(" ")).join("\n");
      const journal = await sh(site.conductor, "journalctl --output cat");
      expect(`${log}${argv}${journal}`).not.toContain("token-that-no-log-may-show");
    });

    it("leaves the machine as it was before, and the daemons running without the graft", async () => {
      const hooks = await site.unit.remove();
      expect(hooks.map(({ code }) => code)).toEqual(hooks.map(() => 0));
      expect(await inventory(site.conductor, "deep")).toBe(before);
      expect((await commandLine(site.conductor)).join(" ")).not.toContain("--config-dir");
      expect(await sh(site.conductor, "magnum-driver-manage list-drivers")).not.toContain("k8s_capi_helm_v1");
      expect(await sh(site.conductor, "find / -xdev -name '*.capi-graft-tmp'")).toBe("");
    });
  });
}
