import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { askPermissions } from "../../src/management/permissions.ts";
import { type Bound, type RbacRule, rbacApi } from "../support/management/rbac-api.ts";
import { type Cluster, inState, layOut, newCluster, takeStep } from "./cluster-life.ts";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { type Report, sh, starts } from "./look.ts";
import { startManagement } from "./management/management.ts";
import { healthyObjects, type Stored } from "./management/objects.ts";
import type { OwnManagement } from "./management/server.ts";
import { fillTokenSecret } from "./management/service-accounts.ts";
import { makeSite, type Site } from "./site.ts";

/** An object of the kit. */
interface KitObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly RbacRule[];
}

interface Checked {
  readonly form: string;
  readonly missing: readonly { readonly resource: string; readonly verb: string }[];
  readonly missingChecks: readonly { readonly resource: string; readonly verb: string }[];
  readonly prepared: readonly string[];
  readonly unprepared: readonly string[];
  readonly state: { readonly state: string; readonly reason?: string; readonly remedy?: string };
}

/** Of a kind, as kubectl would find it. */
function pathOf({ apiVersion, kind, metadata: { namespace } }: KitObject): string {
  const root = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
  return `${root}${namespace === undefined ? "" : `/namespaces/${namespace}`}/${kind.toLowerCase()}s`;
}

const admin = "/root/admin.kubeconfig";
const scoped = "/root/scoped.kubeconfig";

/** A login of the kit, with the real API server, the real driver and the real helm. */
export function rbacTests(recipe: RecipeName): void {
  describeRig(`a login of the kit on ${recipe}`, () => {
    let site: Site;
    let management: OwnManagement;
    beforeAll(async () => {
      // Of a release that stores v1beta1: without its webhooks a newer one loses what only that has.
      const openstack = ["v1alpha6", "v1beta1"];
      const own = startManagement({ address: "192.0.2.41", release: "1.10.8", openstack });
      [site, management] = await Promise.all([makeSite(recipe), own]);
      await management.link(site.conductor);
      await put(admin, management.kubeconfig({ login: management.facts.admin }));
      await site.unit.deploy();
    });
    afterAll(async () => {
      await site?.down();
      await management?.down();
    });

    const put = async (path: string, text: string) => {
      await site.conductor.exec(["sh", "-c", `umask 077; cat > ${path}`], { input: text });
    };

    /** The command, out of the charm's folder: there is none in /usr/local/bin before the graft. */
    const graft = async (...words: readonly string[]) => {
      const program = [`${site.unit.charmFolder}/bin/node`, `${site.unit.charmFolder}/dist/main.cjs`, "cli"];
      return await site.conductor.exec([...program, ...words]);
    };

    const kitOf = async (...words: readonly string[]) => {
      const { code, stdout, stderr } = await graft("rbac", ...words, "--json");
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return (JSON.parse(stdout) as { items: readonly KitObject[] }).items;
    };

    /** What kubectl would do: makes what is not there, and replaces what is. */
    const apply = async (objects: readonly KitObject[]) => {
      for (const object of objects) {
        const { status, text } = await management.request("POST", pathOf(object), object);
        if (status === 409 && object.rules !== undefined)
          await management.demand("PUT", `${pathOf(object)}/${object.metadata.name}`, object);
        else if (status !== 409) expect(text).toContain(`"kind":"${object.kind}"`);
      }
    };

    /** The login's kubeconfig, built with the administrator's as the documents tell. */
    const login = async (name: string) => {
      await fillTokenSecret(management, "capi-graft", `${name}-token`);
      const { code, stdout, stderr } = await graft("kubeconfig", "--from", admin, "--name", name);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return stdout;
    };

    const check = async (path: string, ...words: readonly string[]) => {
      const { code, stdout } = await graft("rbac", "--check", path, "--json", ...words);
      return { code, ...(JSON.parse(stdout) as Checked) };
    };

    /** What a change of the roles comes to: the API server hears of it a moment later. */
    const settled = async (isSo: (checked: Checked) => boolean, ...words: readonly string[]) => {
      for (let tries = 0; ; tries += 1) {
        const checked = await check(scoped, ...words);
        if (isSo(checked) || tries === 20) return checked;
        await sleep(200);
      }
    };

    /** What the stand-in for the API server of the tests in memory answers to the same rules. */
    const expectAsInMemory = async (
      { code: _, state: _state, ...checked }: Checked & { code: number },
      bound: Bound,
    ) => expect(checked).toEqual(await askPermissions(rbacApi(bound), { prefix: "magnum" }));

    const objectsIn = async (namespace: string, path: string) => {
      const { items } = (await management.demand("GET", path.replace("NS", `namespaces/${namespace}`))) as {
        items: readonly { readonly metadata: { readonly name: string }; readonly spec?: unknown }[];
      };
      return items;
    };
    const namesIn = async (namespace: string, path: string) =>
      (await objectsIn(namespace, path)).map(({ metadata }) => metadata.name);

    const paths = {
      clusters: "/apis/cluster.x-k8s.io/v1beta1/NS/clusters",
      deployments: "/apis/cluster.x-k8s.io/v1beta1/NS/machinedeployments",
      controlPlanes: "/apis/controlplane.cluster.x-k8s.io/v1beta1/NS/kubeadmcontrolplanes",
      secrets: "/api/v1/NS/secrets",
    };

    /** What the controllers of a management cluster would say of a cluster of the chart. */
    const makeHealthy = async (cluster: Cluster) => {
      const nodeGroups = cluster.nodeGroups.slice(1).map(({ name }) => name);
      const workload = { namespace: `magnum-${cluster.project}`, name: cluster.release, nodeGroups };
      const { clusters, kubeadmcontrolplanes, machinedeployments, openstackclusters } =
        healthyObjects(workload);
      const all = [clusters, kubeadmcontrolplanes, machinedeployments, openstackclusters].flat();
      const contentType = "application/merge-patch+json";
      await Promise.all(
        all.map(({ path, object, status }: Stored) =>
          management.demand("PATCH", `${path}/${object.metadata.name}/status`, { status }, { contentType }),
        ),
      );
    };

    const done = (error: string | null) => expect(error).toBeNull();

    it("is made by an administrator, and misses nothing", async () => {
      expect(await check(admin)).toMatchObject({ code: 0, form: "admin" });
      await apply(await kitOf());
      const kubeconfig = await login("magnum-capi-helm");
      await put(scoped, kubeconfig);
      const nothing = { missing: [], missingChecks: [], prepared: [], unprepared: [] };
      expect(await check(scoped)).toMatchObject({ code: 0, form: "cluster", ...nothing });
    });

    it("takes the note from a unit that was grafted with an administrator's, without a restart", async () => {
      await useKubeconfig(await sh(site.conductor, `cat ${admin}`));
      expect(await site.unit.status()).toEqual({
        status: "active",
        message: "the kubeconfig is a cluster administrator's; next: capi-graft rbac",
      });
      const before = await starts(site.conductor);
      await useKubeconfig(await sh(site.conductor, `cat ${scoped}`));
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
      expect(await starts(site.conductor)).toEqual(before);
    });

    /** A cluster's whole life, as Magnum has the driver lead it; or the driver of a folder. */
    const live = async (born: Cluster, folder?: string) => {
      const take = (step: Parameters<typeof takeStep>[1], cluster: Cluster) =>
        takeStep(site.conductor, step, cluster, folder);
      const namespace = `magnum-${born.project}`;
      done((await take("create", born)).error);
      expect(await namesIn(namespace, paths.clusters)).toEqual([born.release]);
      expect(await namesIn(namespace, paths.deployments)).toEqual([`${born.release}-default-worker`]);
      expect(await namesIn(namespace, paths.secrets)).toEqual(
        expect.arrayContaining([
          `${born.release}-cloud-credentials`,
          `sh.helm.release.v1.${born.release}.v1`,
        ]),
      );
      await makeHealthy(born);
      expect(await take("status", born)).toMatchObject({
        error: null,
        status: "CREATE_COMPLETE",
      });
      const complete = inState(born, "CREATE_COMPLETE");
      const healthy = await take("health", complete);
      expect(healthy).toMatchObject({ error: null, health: "HEALTHY" });

      const [master, worker] = complete.nodeGroups;
      if (master === undefined || worker === undefined) throw new Error("a cluster without node groups");
      const scaled = inState(complete, "UPDATE_IN_PROGRESS", {
        nodeGroups: [master, { ...worker, count: 3 }],
      });
      done((await take("resize", scaled)).error);
      expect(await objectsIn(namespace, paths.deployments)).toMatchObject([{ spec: { replicas: 3 } }]);

      const upgraded = { ...scaled, version: "1.33.0", chart: "0.27.0" };
      done((await take("upgrade", upgraded)).error);
      expect(await objectsIn(namespace, paths.controlPlanes)).toMatchObject([
        { spec: { version: "v1.33.0" } },
      ]);

      const more = { name: "more", count: 1, status: "CREATE_IN_PROGRESS" };
      const grown = { ...upgraded, nodeGroups: [...upgraded.nodeGroups, more] };
      done((await take("create-node-group", grown)).error);
      expect(await namesIn(namespace, paths.deployments)).toContain(`${born.release}-more`);
      done((await take("delete-node-group", grown)).error);
      expect(await namesIn(namespace, paths.deployments)).not.toContain(`${born.release}-more`);
      const leaving = {
        ...grown,
        nodeGroups: [...upgraded.nodeGroups, { ...more, status: "DELETE_IN_PROGRESS" }],
      };
      done((await take("status", leaving)).error);

      // The older driver knows no rotation.
      const renewed = folder === undefined ? { ...upgraded, credential: "credential-2" } : upgraded;
      if (renewed !== upgraded) done((await take("rotate", renewed)).error);

      const going = inState(renewed, "DELETE_IN_PROGRESS");
      done((await take("delete", going)).error);
      expect(await namesIn(namespace, paths.clusters)).toEqual([]);
      expect(await take("status", going)).toMatchObject({
        error: null,
        status: "DELETE_COMPLETE",
        deletedCredentials: [renewed.credential],
      });
      expect(await namesIn(namespace, paths.secrets)).toEqual([]);
    };

    it("lets the driver and helm create, scale, upgrade and delete a cluster, in a namespace that they make", async () => {
      await live(newCluster(randomBytes(16).toString("hex"), "demo-aaa"));
    });

    it("lets driver 1.3.0 do the same", async () => {
      const folder = await layOut(site.conductor, "1.3.0");
      await live(newCluster(randomBytes(16).toString("hex"), "demo-old"), folder);
    });

    /** What verify finds closed, but for notes: the gates, with their reasons. */
    const closedGates = async () => {
      const { gates } = JSON.parse((await graft("verify", "--json")).stdout) as Report;
      const closed = gates.filter((it) => it.state === "closed" && it.cure !== "note");
      return closed.map(({ id, reason }) => [id, reason]);
    };

    it("without any one of its rules is refused by the gate of permissions, which names what is missing", async () => {
      expect(await closedGates()).toEqual([]);
      const objects = await kitOf();
      const role = objects.find(({ kind }) => kind === "ClusterRole");
      const rules = role?.rules ?? [];
      expect(rules.length).toBeGreaterThan(12);
      for (const rule of rules) {
        await apply([{ ...(role as KitObject), rules: rules.filter((it) => it !== rule) }]);
        const checked = await settled(
          ({ missing, missingChecks }) => missing.length + missingChecks.length > 0,
        );
        const lost = rule.resources.flatMap((resource) => rule.verbs.map((verb) => `${verb} ${resource}`));
        const found = [...checked.missing, ...checked.missingChecks].map((it) => `${it.verb} ${it.resource}`);
        expect(new Set(found)).toEqual(new Set(lost));
        await expectAsInMemory(checked, { cluster: rules.filter((it) => it !== rule) });
        if (rule.resources.join() === "namespaces" && rule.verbs.join() === "get") continue;
        expect(checked.state).toMatchObject({ state: "closed", remedy: "capi-graft rbac" });
        expect(checked.state.reason).toContain(rule.resources[0]);
        expect(await closedGates()).toEqual([["management-permissions", checked.state.reason]]);
      }
      await apply([role as KitObject]);
      expect(await settled(({ state }) => state.state === "open")).toMatchObject({ missing: [] });
    });

    it("by projects says what is not prepared before it is, and works then", async () => {
      const project = randomBytes(16).toString("hex");
      const namespace = `magnum-${project}`;
      const objects = await kitOf("--per-project", namespace, "--name", "by-project");
      const isPreparation = ({ kind, metadata }: KitObject) =>
        metadata.name === namespace || (kind === "RoleBinding" && metadata.namespace === namespace);
      await apply(objects.filter((it) => !isPreparation(it)));
      const kubeconfig = await login("by-project");
      await put(scoped, kubeconfig);
      const [everywhere = [], inside = []] = objects.flatMap(({ rules }) =>
        rules === undefined ? [] : [rules],
      );
      const before = await check(scoped);
      await expectAsInMemory(before, { cluster: everywhere });
      expect(before).toMatchObject({
        code: 2,
        form: "namespaces",
        missingChecks: [],
        unprepared: [namespace],
        state: {
          state: "closed",
          reason: `not prepared: project ${project}`,
          remedy: "capi-graft rbac --per-project",
        },
      });
      await useKubeconfig(kubeconfig);
      expect(await site.unit.status()).toEqual({
        status: "blocked",
        message: "not changed, management-permissions: not prepared; next: capi-graft rbac --per-project",
      });
      const born = newCluster(project, "demo-bbb");
      // The unit refuses it. What the driver would have made of it:
      await sh(
        site.conductor,
        `cp -p /etc/magnum/kubeconfig /root/before; cat ${scoped} > /etc/magnum/kubeconfig`,
      );
      const refused = await takeStep(site.conductor, "create", born);
      expect(refused.error).toContain("403 Client Error: Forbidden");

      await apply(objects.filter(isPreparation));
      const after = await settled(({ state }) => state.state === "open");
      await expectAsInMemory(after, { cluster: everywhere, namespaces: { [namespace]: inside } });
      expect(after).toMatchObject({ missing: [], missingChecks: [], prepared: [namespace], unprepared: [] });
      await sh(site.conductor, "cat /root/before > /etc/magnum/kubeconfig");
      await site.unit.runHook("update-status");
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
      await live(born);
      const stranger = newCluster(randomBytes(16).toString("hex"), "demo-ccc");
      expect((await takeStep(site.conductor, "create", stranger)).error).toContain("403 Client Error");
    });

    const useKubeconfig = async (kubeconfig: string) => {
      const secret = await site.unit.addSecret({ kubeconfig });
      await site.unit.grantSecret(secret);
      await site.unit.configure({ kubeconfig: secret });
    };
  });
}
