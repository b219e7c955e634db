import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { addCluster } from "./gates.ts";
import { graftJson, mainPids, type Report, sh, stamps } from "./look.ts";
import { issue } from "./management/certificates.ts";
import { type Front, type FrontMode, startFront } from "./management/front.ts";
import { startManagement } from "./management/management.ts";
import { runInNetwork } from "./management/namespace.ts";
import type { OwnManagement } from "./management/server.ts";
import { requestToken } from "./management/service-accounts.ts";
import { makeSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };

/** Seconds that a look may take, whatever the management cluster does: 30 of the driver, and room for a busy machine. */
const limitSeconds = 60;

type Gates = Readonly<Record<string, Report["gates"][number]>>;

/** What a management cluster can do to a grafted unit; its good graft goes on all the while. */
export function managementFaultTests(recipe: RecipeName): void {
  describeRig(`faults of the management cluster on ${recipe}`, () => {
    let management: OwnManagement;
    let front: Front;
    let site: Site;
    let tokens: readonly string[];

    const fronted = (token: string) => management.kubeconfig({ server: front.url, login: { token } });
    const give = (kubeconfig: string) => site.unit.updateSecret(site.secret, { kubeconfig });

    beforeAll(async () => {
      management = await startManagement({ address: "192.0.2.45" });
      front = await startFront(management);
      tokens = management.facts.tokens.map((halves) => halves.join("&"));
      site = await makeSite(recipe);
      await management.link(site.conductor);
      await give(fronted(tokens[0] ?? ""));
      await site.unit.deploy();
      await site.unit.configure({ kubeconfig: site.secret });
      expect(await site.unit.status()).toEqual(ready);
    });
    afterAll(async () => {
      await site?.down();
      await management?.down();
    });

    /** What a look finds, which may not take longer than its limit nor change anything. */
    async function look(): Promise<Gates> {
      const [before, pids] = [await stamps(site.conductor, "without it"), await mainPids(site.conductor)];
      const began = performance.now();
      const { document } = await graftJson(site.conductor, "verify");
      const seconds = (performance.now() - began) / 1_000;
      console.log(`verify took ${seconds.toFixed(1)} s`);
      expect(seconds).toBeLessThan(limitSeconds);
      expect(await stamps(site.conductor, "without it")).toBe(before);
      expect(await mainPids(site.conductor)).toEqual(pids);
      expect(await sh(site.conductor, "systemctl is-active magnum-conductor magnum-api")).toBe(
        "active\nactive\n",
      );
      return Object.fromEntries(document.gates.map((it) => [it.id, it]));
    }

    const open = { state: "open" };
    const closed = (reason: string | RegExp) => ({
      state: "closed",
      reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
    });
    const notChecked = { state: "not checked" };
    const place = "192.0.2.45:7443";

    it("are none at first: every gate on it is open", async () => {
      const gates = await look();
      const ids = ["kubeconfig-valid", "management-tcp", "management-tls", "management-login"];
      for (const id of [...ids, "management-permissions", "management-api-versions", "driver-login"])
        expect(gates[id], id).toMatchObject(open);
    });

    it.each<[mode: FrontMode, tcp: object, tls: object, login: object, driver: object]>([
      [
        "down",
        closed(`no connection to ${place} (refused)`),
        notChecked,
        notChecked,
        closed(`the driver gets no connection to ${place} (ConnectionError)`),
      ],
      [
        "slow",
        open,
        open,
        closed(`${place}: no answer within 10 s`),
        closed(`the driver gets no answer from ${place} in time (ReadTimeout)`),
      ],
      [
        "reset",
        open,
        open,
        closed(`${place}: the connection ended early`),
        closed(`the driver gets no connection to ${place} (ConnectionError)`),
      ],
      [
        "other authority",
        open,
        closed(`the CA of the kubeconfig does not vouch for ${place}`),
        notChecked,
        closed(new RegExp(`^the driver does not trust ${place} \\(`)),
      ],
      ["429", open, open, closed(`${place} answers 429`), closed("the driver can't read Cluster (429)")],
      ["503", open, open, closed(`${place} answers 503`), closed("the driver can't read Cluster (503)")],
      [
        "junk",
        open,
        open,
        closed(`${place} is no Kubernetes API server (text/html, 200)`),
        closed(`${place} gives the driver no Kubernetes objects`),
      ],
      [
        "garbage",
        open,
        open,
        closed(`${place} is no Kubernetes API server (application/json, 200)`),
        closed(`${place} gives the driver no Kubernetes objects`),
      ],
      [
        "redirect",
        open,
        open,
        closed(`${place} sends us elsewhere (302)`),
        closed(`the driver gets no connection to ${place} (ConnectionError)`),
      ],
    ])("%s: told by its own gate, and nothing else is touched", async (mode, tcp, tls, login, driver) => {
      await front.set(mode);
      const gates = await look();
      expect(gates["management-tcp"]).toMatchObject(tcp);
      expect(gates["management-tls"]).toMatchObject(tls);
      expect(gates["management-login"]).toMatchObject(login);
      for (const id of ["management-permissions", "management-api-versions"])
        expect(gates[id]).toMatchObject(notChecked);
      expect(gates["driver-login"]).toMatchObject(driver);
      await front.set("pass");
    });

    it("a black hole ends after 5 s, not with the look", async () => {
      const own = ["ip", "address", "delete", "192.0.2.45/32", "dev", "lo"];
      await runInNetwork(management.namespace, own);
      const gates = await look();
      expect(gates["management-tcp"]).toMatchObject(
        closed(`no connection to ${place} (no answer within 5 s)`),
      );
      await runInNetwork(
        management.namespace,
        own.map((it) => (it === "delete" ? "add" : it)),
      );
    });

    it("one that asks for patience twice gets it", async () => {
      await front.set("429 twice");
      const gates = await look();
      expect(gates["management-login"]).toMatchObject(open);
      expect(gates["management-api-versions"]).toMatchObject(open);
      await front.set("pass");
    });

    it("discovery of 10 MB is read", async () => {
      await front.set("big discovery");
      const gates = await look();
      expect(gates["management-api-versions"]).toMatchObject(open);
      await front.set("pass");
    });

    it("discovery that is garbage closes the gate on versions alone", async () => {
      await front.set("garbage discovery");
      const gates = await look();
      expect(gates["management-api-versions"]).toMatchObject(closed(/no discovery document/));
      for (const id of ["management-login", "management-permissions", "driver-login"])
        expect(gates[id]).toMatchObject(open);
      await front.set("pass");
    });

    it("while it is down a change is refused before anything is written, and made once it is up", async () => {
      await front.set("down");
      const [before, pids] = [await stamps(site.conductor, "without it"), await mainPids(site.conductor)];
      await site.unit.configure({ "default-network-driver": "cilium" });
      const { status, message } = await site.unit.status();
      expect([status, message]).toEqual([
        "waiting",
        expect.stringMatching(/^not changed, management-tcp: no connection/),
      ]);
      expect(await stamps(site.conductor, "without it")).toBe(before);
      expect(await mainPids(site.conductor)).toEqual(pids);
      await front.set("pass");
      await site.unit.runHook("update-status");
      expect(await site.unit.status()).toEqual(ready);
      expect(await sh(site.conductor, "cat /etc/magnum/magnum.conf.d/00-capi-helm.conf")).toContain("cilium");
    });

    it("another token is used by the daemons at once, without a restart", async () => {
      await sh(site.conductor, addCluster);
      const pids = await mainPids(site.conductor);
      const used = async (token: string | undefined) => {
        for (let waits = 0; waits < 100; waits += 1) {
          if (front.tokensOf("python-requests").includes(token ?? "")) return true;
          await sleep(1_000);
        }
        return false;
      };
      expect(await used(tokens[0])).toBe(true);
      await give(fronted(tokens[1] ?? ""));
      expect(await site.unit.status()).toEqual(ready);
      front.tokensOf("python-requests");
      expect(await used(tokens[1])).toBe(true);
      expect(front.tokensOf("python-requests")).not.toContain(tokens[0]);
      expect(await mainPids(site.conductor)).toEqual(pids);
    });

    it("a token that is revoked is told from one that has ended", async () => {
      const [namespace, account] = ["default", "rotated"];
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      const rbac = "rbac.authorization.k8s.io";
      await management.demand("POST", path, { metadata: { name: account } });
      await management.demand("POST", `/apis/${rbac}/v1/clusterrolebindings`, {
        metadata: { name: account },
        roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "rig-driver" },
        subjects: [{ kind: "ServiceAccount", name: account, namespace }],
      });
      const token = await requestToken(management, namespace, account);
      await give(fronted(token));
      const note = expect.stringMatching(/^less than a day left: the kubeconfig's token ends on /);
      expect(await site.unit.status()).toEqual({ status: "active", message: note });
      await management.demand("DELETE", `${path}/${account}`);
      // For seconds the API server remembers whom it knew.
      const isKnown = async () =>
        (await management.request("GET", "/version", undefined, { as: { token } })).status !== 401;
      for (let waits = 0; waits < 60 && (await isKnown()); waits += 1) await sleep(500);
      const gates = await look();
      expect(gates["management-login"]).toMatchObject(
        closed("login refused: token of the kubeconfig (it is revoked, or of another cluster)"),
      );
      expect(gates["driver-login"]).toMatchObject(closed("the API server refuses the driver's login"));
      await give(fronted(tokens[2] ?? ""));
      expect(await site.unit.status()).toEqual(ready);
    });

    it("a client certificate that ends is told before, and blocks after", async () => {
      const { authority } = management.facts;
      const until = new Date(Date.now() + 90_000);
      const login = await issue("/tmp", authority, {
        commonName: "magnum",
        organizations: ["rig:drivers"],
        until,
      });
      await give(management.kubeconfig({ login }));
      const note = expect.stringMatching(
        /^less than a day left: the kubeconfig's client certificate ends on /,
      );
      expect(await site.unit.status()).toEqual({ status: "active", message: note });
      await sleep(Math.max(0, until.getTime() - Date.now()) + 1_500);
      const gates = await look();
      const day = new Date(until).toISOString().slice(0, 10);
      expect(gates["kubeconfig-valid"]).toMatchObject(
        closed(`the kubeconfig's client certificate ended on ${day}`),
      );
      expect(gates["management-login"]).toMatchObject(
        closed(`login refused: client certificate of the kubeconfig (it ended on ${day})`),
      );
      expect(gates["driver-login"]).toMatchObject(closed("the API server refuses the driver's login"));
      await give(management.kubeconfig({ login: { token: tokens[3] ?? "" } }));
      expect(await site.unit.status()).toEqual(ready);
    });
  });
}
