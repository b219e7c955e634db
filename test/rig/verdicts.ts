import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { Api } from "../../src/management/api.ts";
import { survey, type Verdict, verdictState } from "../../src/management/verdict.ts";
import { type Conductor, type RecipeName, startConductor } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { askDriver, type DriverSays, fitnessOf, installDrivers } from "./driver-says.ts";
import type { Client } from "./management/client.ts";
import { startController } from "./management/controller.ts";
import { capiReleases, definitions, serveVersions } from "./management/crds.ts";
import { usualToken } from "./management/kubeconfig.ts";
import { type ManagementOptions, startManagement } from "./management/management.ts";
import { healthyObjects, makeNamespace, postObjects, type Stored } from "./management/objects.ts";
import type { OwnManagement } from "./management/server.ts";
import { type Case, cases } from "./verdict-cases.ts";

/** The API as the driver's user has it. */
function apiOf(client: Client): Api {
  const ask = async (method: string, path: string, body: unknown, accept = "application/json") => {
    const answer = await client.request(method, path, body, { as: { token: usualToken }, accept });
    const warning = /^299 \S+ "(.*)"$/.exec(answer.headers["warning"]?.toString() ?? "")?.[1];
    const contentType = answer.headers["content-type"]?.toString() ?? "";
    return { status: answer.status, contentType, body: answer.body, ...(warning ? { warning } : {}) };
  };
  return {
    get: (path, { accept } = {}) => ask("GET", path, undefined, accept),
    post: (path, body) => ask("POST", path, body),
  };
}

async function judged(management: Client, it: Partial<Case> = {}): Promise<Verdict> {
  const found = await survey(apiOf(management), {
    driverVersion: it.driver ?? "1.4.0",
    chartVersion: it.chart ?? "0.25.1",
    chartName: "openstack-cluster",
    apiResources: it.told ?? "auto",
  });
  if ("fault" in found) throw new Error(found.reason);
  return found.verdict;
}

const credentials = {
  metadata: {
    name: "demo-abc-cloud-credentials",
    labels: { "magnum.openstack.org/cluster-uuid": "4a5d0a3c-8a4c-4f6f-9a8c-0a1b2c3d4e5f" },
  },
  stringData: { "clouds.yaml": "{}" },
};

/** In which version objects of a kind are written: the one that is read, or what there is. */
function writtenVersion(verdict: Verdict, kind: string, served: readonly string[]): string {
  const chosen = verdict.kinds.find((it) => it.kind === kind)?.version ?? "";
  return served.includes(chosen) ? chosen : (served[0] ?? "");
}

/** What is served of each kind now. */
async function servedOf(client: Client): Promise<ReadonlyMap<string, readonly string[]>> {
  return new Map(
    (await definitions(client)).map(({ spec }) => [
      spec.names.plural,
      spec.versions.filter(({ served }) => served).map(({ name }) => name),
    ]),
  );
}

const definitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** Has a kind stored in one version: nothing is converted here, and what another version does not know is lost. */
async function storeAs(client: Client, plural: string, version: string): Promise<void> {
  const found = (await definitions(client)).find(({ spec }) => spec.names.plural === plural);
  if (found === undefined) throw new Error(`there is no kind ${plural}`);
  const changes = found.spec.versions.map(({ name }, index) => ({
    op: "replace",
    path: `/spec/versions/${index}/storage`,
    value: name === version,
  }));
  const path = `${definitionsPath}/${found.metadata.name}`;
  await client.demand("PATCH", path, changes, { contentType: "application/json-patch+json" });
}

/** Puts control planes on a server, in the version that they are written in; it takes a moment to store them so. */
async function postControlPlanes(client: Client, objects: readonly Stored[], version: string): Promise<void> {
  await storeAs(client, "kubeadmcontrolplanes", version);
  await postObjects(client, objects);
  const contentType = "application/merge-patch+json";
  for (const { path, object, status } of objects) {
    const own = `${path}/${object.metadata.name}`;
    const isWhole = async () => {
      // A change that differs from nothing would not be stored.
      const metadata = { labels: { written: String(performance.now()) } };
      await client.demand("PATCH", own, { metadata }, { contentType });
      await client.demand("PATCH", `${own}/status`, { status }, { contentType });
      return await client.demand("GET", own);
    };
    await expect.poll(isWhole, { timeout: 30_000 }).toMatchObject({ status });
  }
}

/** Puts a healthy cluster into a project, each of its objects as the driver will read it. */
async function postCluster(
  management: Client,
  verdict: Verdict,
  project: string,
  { proxied, written = {} }: { proxied?: boolean; written?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const namespace = `magnum-${project}`;
  await makeNamespace(management, namespace);
  await management.demand("POST", `/api/v1/namespaces/${namespace}/secrets`, credentials);
  const served = await servedOf(management);
  const kinds = [
    ["clusters", "Cluster"],
    ["machinedeployments", "MachineDeployment"],
    ["kubeadmcontrolplanes", "K8sControlPlane"],
    ["openstackclusters", "OpenstackCluster"],
    ["helmreleases", "HelmRelease"],
    ["manifests", "Manifests"],
  ] as const;
  for (const [plural, kind] of kinds) {
    const versions = served.get(plural) ?? [];
    if (versions.length === 0) continue;
    const version = written[plural] ?? writtenVersion(verdict, kind, versions);
    const core = version === "v1beta2" ? "v1beta2" : "v1beta1";
    const objects = healthyObjects({ namespace, version: core, openstack: version, paused: true });
    if (plural === "kubeadmcontrolplanes") await postControlPlanes(management, objects[plural], version);
    else await postObjects(management, objects[plural]);
  }
  if (proxied === true) {
    const path = `/apis/addons.cluster.x-k8s.io/v1alpha1/namespaces/${namespace}/helmchartproxies`;
    const labels = { "addons.stackhpc.com/cluster": "demo-abc" };
    const kind = { apiVersion: "addons.cluster.x-k8s.io/v1alpha1", kind: "HelmChartProxy" };
    await management.demand("POST", path, { ...kind, metadata: { name: "cni", labels } });
  }
}

const faultsOf = ({ kinds }: Verdict) =>
  kinds.filter(({ state }) => state !== "ready").map(({ kind, state }) => `${kind} ${state}`);

const toldBy = ({ apiResources }: Verdict) =>
  Object.fromEntries(
    Object.entries(JSON.parse(apiResources) as Record<string, { api_version: string }>).map(([kind, it]) => [
      kind,
      it.api_version.split("/").at(-1),
    ]),
  );

function verdictCells(verdict: Verdict): string[] {
  const told = Object.entries(toldBy(verdict)).map(([kind, version]) => `${kind} ${version}`);
  const faults = faultsOf(verdict);
  return [
    verdict.state,
    faults.length === 0 ? "-" : faults.join(", "),
    verdict.chart.state,
    told.length === 0 ? "{}" : told.join(", "),
  ];
}

function driverCells({ health, creation, nodegroup_deletion, addons, deletion }: DriverSays): string[] {
  const cell = (part: { readonly error?: string }, text: string) =>
    part.error === undefined ? text : "error";
  return [
    cell(health, health.status),
    cell(creation, creation.status),
    cell(nodegroup_deletion, String(nodegroup_deletion.gone)),
    cell(addons, String(addons.seen)),
    cell(deletion, deletion.status),
    deletion.credentials ? "kept" : "LOST",
  ];
}

/** How well the driver should get on with the kinds, the chart apart. */
function kindsState({ kinds }: Verdict) {
  const states = kinds.map(({ state }) => state);
  return states.includes("broken") ? "broken" : states.includes("degraded") ? "degraded" : "ready";
}

/** Verdicts on real API servers, and what the real driver makes of a healthy cluster there. */
export function verdictTests(recipe: RecipeName): void {
  describeRig(`the verdict on a management cluster, and the driver itself on ${recipe}`, () => {
    let conductor: Conductor;
    const rows: string[][] = [];

    beforeAll(async () => {
      conductor = await startConductor({ recipe });
      await installDrivers(conductor, ["1.4.0", "1.3.0"]);
    });

    afterAll(async () => {
      await conductor?.down();
      console.log(tableOf(rows));
    });

    async function startOwn(options: ManagementOptions): Promise<OwnManagement> {
      const management = await startManagement(options);
      await management.link(conductor);
      return management;
    }

    async function says(management: OwnManagement, verdict: Verdict, project: string, driver = "1.4.0") {
      return await askDriver(conductor, {
        version: driver,
        kubeconfig: management.kubeconfig(),
        apiResources: driver === "1.4.0" ? verdict.apiResources : "",
        project,
      });
    }

    const note = (title: string, verdict: Verdict, said: DriverSays) =>
      rows.push([title, ...verdictCells(verdict), ...driverCells(said)]);

    it.each(capiReleases.map((release, index) => [release, `192.0.2.${60 + index}`] as const))(
      "Cluster API %s is ready, and the driver finds the cluster healthy",
      async (release, address) => {
        const management = await startOwn({ release, address });
        onTestFinished(async () => {
          await management.unlink(conductor);
          await management.down();
        });
        const empty = await judged(management);
        await postCluster(management, empty, "p1");
        const verdict = await judged(management);
        for (const it of [empty, verdict]) {
          expect(it).toMatchObject({ state: "ready", apiResources: "{}", notes: [] });
        }
        const said = await says(management, verdict, "p1");
        note(`Cluster API ${release}`, verdict, said);
        expect(said).toMatchObject({
          health: { status: "HEALTHY" },
          creation: { status: "CREATE_COMPLETE", version: "v1.32.4" },
          nodegroup_deletion: { gone: true },
          addons: { seen: 2 },
          deletion: { status: "DELETE_IN_PROGRESS", credentials: true },
        });
      },
    );

    it("Cluster API's own webhook is ready, broken while it is down, and ready again", async () => {
      const management = await startOwn({ address: "192.0.2.65" });
      onTestFinished(async () => {
        await management.unlink(conductor);
        await management.down();
      });
      const controller = await startController(management);
      const stored = { clusters: "v1beta2", machinedeployments: "v1beta2" };
      await postCluster(management, await judged(management), "p1", { written: stored });
      const live = await judged(management);
      expect(live).toMatchObject({ state: "ready", apiResources: "{}" });
      const saidLive = await says(management, live, "p1");
      note("the real webhook, up", live, saidLive);
      expect(fitnessOf(saidLive)).toBe("ready");
      await controller.kill();
      const dead = await judged(management);
      expect(faultsOf(dead)).toEqual(["Cluster broken", "MachineDeployment broken"]);
      expect(dead).toMatchObject({ state: "broken", apiResources: "{}", chart: { state: "ready" } });
      expect(verdictState(dead)).toMatchObject({
        state: "closed",
        cure: "time",
        reason: expect.stringMatching(
          /^Cluster v1beta1 is served but can't be read \(500: conversion webhook for cluster\.x-k8s\.io\/v1beta2, Kind=Cluster failed: Post/,
        ),
      });
      const saidDead = await says(management, dead, "p1");
      note("the real webhook, killed", dead, saidDead);
      expect(fitnessOf(saidDead)).toBe("broken");
      expect(saidDead.health.error).toContain("500 Server Error");
      expect(saidDead.deletion).toMatchObject({ status: "DELETE_IN_PROGRESS", credentials: true });
      await controller.start();
      expect((await judged(management)).state).toBe("ready");
    });

    describeRig("on a server that serves what is asked of it", () => {
      let management: OwnManagement;
      let everything: ReadonlyMap<string, readonly string[]>;

      beforeAll(async () => {
        const openstack = ["v1alpha6", "v1alpha7", "v1beta1", "v1beta2"];
        management = await startOwn({ address: "192.0.2.66", openstack, helmChartProxy: true });
        everything = await servedOf(management);
      });

      afterAll(async () => {
        await management?.unlink(conductor);
        await management?.down();
      });

      it.each(cases.map((it, index) => [it.title, it, `p${index}`] as const))(
        "%s",
        async (title, it, project) => {
          const { served = {}, faults, chartState, apiResources = {}, driver, proxied = false } = it;
          for (const [plural, versions] of Object.entries(served))
            await serveVersions(management, plural, versions);
          onTestFinished(async () => {
            for (const plural of Object.keys(served))
              await serveVersions(management, plural, everything.get(plural) ?? []);
          });
          await postCluster(management, await judged(management, it), project, { proxied });
          const verdict = await judged(management, it);
          const said = await says(management, verdict, project, driver);
          note(title, verdict, said);
          expect({ faults: faultsOf(verdict), chart: verdict.chart.state, told: toldBy(verdict) }).toEqual({
            faults,
            chart: chartState,
            told: apiResources,
          });
          const [expected] = it.driverState ?? [kindsState(verdict)];
          expect({ ...said, fitness: fitnessOf(said) }).toMatchObject({ fitness: expected });
        },
      );
    });
  });
}

const heads = [
  ...["management cluster", "verdict", "kinds with faults", "chart", "api_resources"],
  ...["health", "creation", "node group gone", "addons", "deletion", "credentials"],
];

function tableOf(rows: readonly (readonly string[])[]): string {
  const all = [heads, heads.map(() => "---"), ...rows];
  return all.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
