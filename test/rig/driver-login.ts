import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { viewGates } from "../../src/conductor/gates.ts";
import { liveRoots } from "../../src/conductor/roots.ts";
import type { Host } from "../../src/host/host.ts";
import { localHost } from "../../src/host/local-host.ts";
import { type Management, readManagement } from "../../src/management/kubeconfig.ts";
import { judge } from "../../src/reconcile/gate.ts";
import { conductorFacts } from "../support/conductor-facts.ts";
import { type Conductor, type RecipeName, startConductor } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { sh } from "./look.ts";
import { makeAuthority } from "./management/certificates.ts";
import type { Client } from "./management/client.ts";
import { startManagement } from "./management/management.ts";
import { mirror } from "./mirror.ts";

/** Gives a group a right in all namespaces. */
async function bind({ demand }: Client, group: string, rule: object): Promise<void> {
  const api = "rbac.authorization.k8s.io";
  const common = { apiVersion: `${api}/v1`, metadata: { name: "of-a-group" } };
  await demand("POST", `/apis/${api}/v1/clusterroles`, { ...common, kind: "ClusterRole", rules: [rule] });
  await demand("POST", `/apis/${api}/v1/clusterrolebindings`, {
    ...common,
    kind: "ClusterRoleBinding",
    roleRef: { apiGroup: api, kind: "ClusterRole", name: "of-a-group" },
    subjects: [{ apiGroup: api, kind: "Group", name: group }],
  });
}

/** The driver's real client, asked by the program's own gate, in an environment that gets in its way. */
export function driverLoginTests(recipe: RecipeName): void {
  describeRig(`the driver's own login on ${recipe}`, () => {
    let conductor: Conductor;
    let usual: string;
    beforeAll(async () => {
      conductor = await startConductor({ recipe });
      usual = conductor.management.kubeconfig();
      await sh(
        conductor,
        `PIP_BREAK_SYSTEM_PACKAGES=1 pip install --quiet --no-deps --index-url ${mirror.indexUrl} magnum-capi-helm==1.4.0`,
      );
    });
    afterAll(() => conductor?.down());

    async function place(text: string): Promise<void> {
      await conductor.exec(["tee", "/etc/magnum/kubeconfig"], { input: text });
      await sh(conductor, "chown magnum: /etc/magnum/kubeconfig && chmod 0600 /etc/magnum/kubeconfig");
    }

    /** The gate, as the program judges it, by commands that run in the conductor. */
    async function judged(kinds: readonly string[] = ["Cluster", "Machine"], text = usual) {
      await place(text);
      const management = readManagement(text) as Management;
      const host: Host = {
        ...localHost(),
        run: async (argv, { input, timeoutMs } = {}) => {
          const limits = {
            ...(input === undefined ? {} : { input }),
            ...(timeoutMs === undefined ? {} : { timeoutMs }),
          };
          const result = await conductor.exec(argv, limits);
          return { ...result, ok: result.code === 0, timedOut: false };
        },
      };
      const gates = viewGates({ ...conductorFacts, hasApi: false }, [], liveRoots, { management, kinds });
      return (await judge(host, gates)).find(({ id }) => id === "driver-login");
    }

    it("is open, with the versions that it reads, and leaves no copy of a certificate behind", async () => {
      expect(await judged()).toMatchObject({
        state: "open",
        detail: "by token: Cluster v1beta1, Machine v1beta1",
      });
      expect(await sh(conductor, "find /tmp /var/tmp -user magnum -type f")).toBe("");
    });

    it("asks for a single object where the kubeconfig may not list, as the driver does", async () => {
      const own = await startManagement({ address: "192.0.2.41" });
      onTestFinished(() => own.down());
      await own.link(conductor);
      await bind(own, "rig:nobodies", {
        apiGroups: ["cluster.x-k8s.io"],
        resources: ["clusters"],
        verbs: ["get"],
      });
      const text = own.kubeconfig({ login: { token: "token-without-rights" } });
      expect(await judged(["Cluster", "Machine"], text)).toMatchObject({
        state: "open",
        detail: "by token: Cluster v1beta1, Machine v1beta1 (403)",
      });
    });

    it("goes by the environment of /etc/default: another bundle of authorities is named", async () => {
      const other = await makeAuthority("/tmp", "another-authority");
      await conductor.exec(["tee", "/etc/magnum/bundle.pem"], { input: other.certificate });
      await sh(
        conductor,
        "echo 'export REQUESTS_CA_BUNDLE=/etc/magnum/bundle.pem' >>/etc/default/magnum-conductor",
      );
      expect(await judged()).toMatchObject({
        state: "closed",
        cure: "operator",
        reason: expect.stringMatching(/^the driver does not trust \S+:6443 \(/),
        remedy: "unset REQUESTS_CA_BUNDLE for the conductor",
      });
      const { authority } = conductor.management.facts;
      await conductor.exec(["tee", "/etc/magnum/bundle.pem"], { input: authority.certificate });
      expect(await judged()).toMatchObject({
        state: "closed",
        cure: "note",
        reason: "REQUESTS_CA_BUNDLE takes the place of the kubeconfig's CA",
      });
      await sh(conductor, "rm /etc/default/magnum-conductor");
    });

    it("goes by the daemon's ~/.netrc, and names it", async () => {
      const { address } = conductor.management.facts;
      const text = `machine ${address} login a password b`;
      await sh(conductor, `echo '${text}' >/var/lib/magnum/.netrc && chown magnum: /var/lib/magnum/.netrc`);
      expect(await judged()).toMatchObject({
        reason: "the API server refuses the driver's login",
        remedy: "take the server out of ~/.netrc of the daemon",
      });
      await sh(conductor, "rm /var/lib/magnum/.netrc");
    });

    it("goes through a proxy of the environment, which is not there", async () => {
      await sh(
        conductor,
        "echo 'export https_proxy=http://me:pa55@127.0.0.1:9' >/etc/default/magnum-conductor",
      );
      const state = await judged();
      expect(state).toMatchObject({ cure: "time", reason: expect.stringContaining("proxy does not let it") });
      expect(JSON.stringify(state)).not.toContain("pa55");
      await sh(conductor, "rm /etc/default/magnum-conductor");
    });

    it("is not checked where no driver is installed", async () => {
      await sh(conductor, "PIP_BREAK_SYSTEM_PACKAGES=1 pip uninstall --quiet --yes magnum-capi-helm");
      expect(await judged()).toMatchObject({ state: "not checked", reason: "the driver is not loaded" });
    });
  });
}
