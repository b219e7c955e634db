import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { rigCache } from "./cache.ts";
import { type Conductor, startConductor } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { issue, makeAuthority } from "./management/certificates.ts";
import type { Client } from "./management/client.ts";
import { startController } from "./management/controller.ts";
import { capiReleases, deadWebhook, removeKind, serveVersions } from "./management/crds.ts";
import { interfaceTo } from "./management/link.ts";
import { type ManagementOptions, startManagement } from "./management/management.ts";
import { healthyObjects, makeNamespace, postHealthyCluster, postObjects } from "./management/objects.ts";
import { type OwnManagement, usualAddress } from "./management/server.ts";
import { fillTokenSecret, requestToken, signedToken } from "./management/service-accounts.ts";
import { kubeconfig } from "./site.ts";

/** Starts a cluster beside the one that all tests share; it ends with the test. */
async function startOwn(options: ManagementOptions): Promise<OwnManagement> {
  const management = await startManagement(options);
  onTestFinished(() => management.down());
  return management;
}

/** The versions in which a group serves a kind. */
async function served({ demand, request }: Client, group: string, plural: string): Promise<string[]> {
  const { status, body } = await request("GET", `/apis/${group}`);
  if (status === 404) return [];
  const { versions } = body as { versions: { version: string }[] };
  const lists = versions.map(async ({ version }) => {
    const list = (await demand("GET", `/apis/${group}/${version}`)) as { resources: { name: string }[] };
    return list.resources.some(({ name }) => name === plural) ? [version] : [];
  });
  return (await Promise.all(lists)).flat();
}

async function statusOf({ request }: Client, path: string): Promise<number> {
  return (await request("GET", path)).status;
}

const clusters = (version: string) => `/apis/cluster.x-k8s.io/${version}/clusters`;

/** HTTP status and body as curl in a conductor sees them. */
async function asked(conductor: Conductor, path: string, token?: string): Promise<string> {
  const { authority, address } = conductor.management.facts;
  const login = token === undefined ? [] : ["--header", `Authorization: Bearer ${token}`];
  writeFileSync(join(conductor.root, "root/ca.crt"), authority.certificate);
  const options = ["--silent", "--show-error", "--max-time", "5", "--cacert", "/root/ca.crt"];
  const url = `https://${address}:6443${path}`;
  const argv = ["curl", ...options, "--write-out", "\n%{http_code}", ...login, url];
  const { stdout, stderr } = await conductor.exec(argv);
  return stdout + stderr;
}

describeRig("the management cluster that all conductors share", () => {
  let conductor: Conductor;
  let other: Conductor;
  beforeAll(async () => {
    [conductor, other] = await Promise.all([
      startConductor({ recipe: "bookworm" }),
      startConductor({ recipe: "bookworm" }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([conductor?.down(), other?.down()]);
  });

  it("is one server, and every conductor reaches it over TLS", async () => {
    expect(other.management.facts).toEqual(conductor.management.facts);
    for (const each of [conductor, other]) {
      const answer = await asked(each, "/version");
      expect(answer).toMatch(/"gitVersion": "v1\.33\.4"[\s\S]*\n200$/);
    }
  });

  it("takes the tokens of the rig's kubeconfigs, with the driver's rights and no more", async () => {
    const token = /token: (\S+)}/.exec(kubeconfig())?.[1];
    const [halves] = conductor.management.facts.tokens;
    for (const each of [token, "another-token", "token-of-another-file", "by-hand", halves?.join("&")]) {
      expect(await asked(conductor, `${clusters("v1beta1")}?limit=1`, each)).toMatch(/\n200$/);
      expect(await asked(conductor, "/api/v1/namespaces/default", each)).toMatch(/\n200$/);
      expect(await asked(conductor, "/api/v1/pods", each)).toMatch(/\n403$/);
      expect(await asked(conductor, "/apis/rbac.authorization.k8s.io/v1/clusterroles", each)).toMatch(
        /\n403$/,
      );
    }
    expect(await asked(conductor, clusters("v1beta1"), "token-without-rights")).toMatch(/\n403$/);
    expect(await asked(conductor, "/api/v1/pods", "token-of-an-admin")).toMatch(/\n200$/);
    expect(await asked(conductor, clusters("v1beta1"), "token-that-nobody-has")).toMatch(/\n401$/);
  });

  it("serves Cluster API 1.11, the OpenStack provider and the addon provider", async () => {
    const { management } = conductor;
    expect(await served(management, "cluster.x-k8s.io", "clusters")).toEqual(["v1beta2", "v1beta1"]);
    const infrastructure = "infrastructure.cluster.x-k8s.io";
    expect(await served(management, infrastructure, "openstackclusters")).toEqual(["v1beta1"]);
    expect(await served(management, infrastructure, "openstackservers")).toEqual(["v1alpha1"]);
    expect(await served(management, "addons.stackhpc.com", "helmreleases")).toEqual(["v1alpha1"]);
    expect(await served(management, "addons.cluster.x-k8s.io", "helmchartproxies")).toEqual([]);
  });

  it("is not on this machine's network, and leads no conductor to another one", async () => {
    const answer = await new Promise((resolve) => {
      const socket = connect({ host: conductor.management.facts.address, port: 6443, timeout: 2000 });
      socket.on("connect", () => resolve("connected"));
      socket.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code));
      socket.on("timeout", () => resolve("ETIMEDOUT"));
      onTestFinished(() => void socket.destroy());
    });
    expect(answer).not.toBe("connected");
    expect(Object.keys(networkInterfaces()).filter((name) => /^(c[0-9]|mgmt)/.test(name))).toEqual([]);
    const { stdout } = await other.exec(["ip", "-brief", "-4", "address", "show", interfaceTo(usualAddress)]);
    const [address] = /10\.[\d.]+/.exec(stdout) ?? [];
    const ping = `: </dev/tcp/${address}/9511`;
    expect(await other.exec(["bash", "-c", ping])).toMatchObject({ code: 0 });
    expect(await conductor.exec(["ip", "route", "add", `${address}/32`, "dev", "mgmt40"])).toMatchObject({
      code: 0,
    });
    expect(await conductor.exec(["timeout", "3", "bash", "-c", ping])).not.toMatchObject({ code: 0 });
  });

  it("has a conductor linked to a second cluster, and taken off it", async () => {
    const second = await startOwn({ address: "192.0.2.41", without: ["clusters"] });
    await second.link(conductor);
    const curl = ["curl", "--silent", "--insecure", "--max-time", "3", "https://192.0.2.41:6443/readyz"];
    expect(await conductor.exec(curl)).toMatchObject({ code: 0, stdout: "ok" });
    expect(await other.exec(curl)).not.toMatchObject({ code: 0 });
    expect(await asked(conductor, "/readyz")).toBe("ok\n200");
    await second.unlink(conductor);
    expect(await conductor.exec(curl)).not.toMatchObject({ code: 0 });
  });
});

/** A process that owns a management cluster, and prints its leader once it is there. */
const owner = `
  import { startServer } from ${JSON.stringify(join(import.meta.dirname, "management/server.ts"))};
  const { facts } = await startServer(JSON.parse(process.argv[1]));
  console.log(facts.leader);
  setInterval(() => {}, 1000);
`;

async function startOwner(options: object): Promise<{ child: ChildProcess; leader: number }> {
  const argv = ["--input-type=module", "--eval", owner, JSON.stringify(options)];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const signal = AbortSignal.timeout(90_000);
  const [line] = await once(createInterface(child.stdout), "line", { signal });
  return { child, leader: Number(line) };
}

/** The processes of this machine that are in a namespace. */
function processesOf(kind: "pid" | "net" | "mnt", namespace: string): string[] {
  return globSync("/proc/[0-9]*").filter((path) => linkOf(`${path}/ns/${kind}`) === namespace);
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

describeRig("a management cluster's life", () => {
  const kinds = ["pid", "net", "mnt"] as const;
  const namespacesOf = (leader: number) =>
    kinds.map((kind) => [kind, linkOf(`/proc/${leader}/ns/${kind}`)] as const);

  it("ends without a trace when the process that started it is killed", async () => {
    const { child, leader } = await startOwner({ address: "192.0.2.42" });
    const namespaces = namespacesOf(leader);
    const left = () => namespaces.flatMap(([kind, id]) => processesOf(kind, id));
    expect(left().length).toBeGreaterThan(10);
    expect(existsSync("/run/management")).toBe(false);
    child.kill("SIGKILL");
    await expect.poll(left, { timeout: 10_000 }).toEqual([]);
    expect(existsSync("/run/management")).toBe(false);
  });

  it("outlives that process for as long as a lock is held, where it is bound to one", async () => {
    mkdirSync(rigCache(), { recursive: true });
    const folder = mkdtempSync(join(rigCache(), "test-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const lock = join(folder, "lock");
    writeFileSync(lock, "");
    const holder = spawn("flock", [lock, "sh", "-c", "echo held; exec cat"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    onTestFinished(() => void holder.kill("SIGKILL"));
    await once(holder.stdout, "data");
    const { child, leader } = await startOwner({ address: "192.0.2.42", lock });
    const namespaces = namespacesOf(leader);
    child.kill("SIGKILL");
    await once(child, "exit");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(processesOf("pid", linkOf(`/proc/${leader}/ns/pid`)).length).toBeGreaterThan(3);
    holder.stdin.end();
    await expect
      .poll(() => namespaces.flatMap(([kind, id]) => processesOf(kind, id)), { timeout: 10_000 })
      .toEqual([]);
  });

  it("is stopped, slowed and started with another certificate", async () => {
    const management = await startOwn({ address: "192.0.2.43", without: ["cluster.x-k8s.io"] });
    const { facts, namespace } = management;
    management.signal("SIGSTOP");
    await expect(management.request("GET", "/readyz", undefined, { timeoutMs: 500 })).rejects.toThrow();
    management.signal("SIGCONT");
    expect(await statusOf(management, "/readyz")).toBe(200);
    await management.stop();
    await expect(management.request("GET", "/readyz", undefined, { timeoutMs: 2000 })).rejects.toThrow();
    const names = ["management.test", facts.address];
    const other = await makeAuthority(namespace.folder, "another");
    const foreign = await issue(namespace.folder, other, { commonName: "kube-apiserver", names });
    await expect(management.start(foreign, 4000)).rejects.toThrow("the API server to be ready");
    await expect(management.request("GET", "/readyz")).rejects.toThrow("certificate");
    await management.stop();
    await management.start(
      await issue(namespace.folder, facts.authority, { commonName: "kube-apiserver", names }),
    );
    expect(await statusOf(management, "/readyz")).toBe(200);
  });

  it("refuses a client certificate that has expired, and knows one of another user", async () => {
    const management = await startOwn({ address: "192.0.2.43", without: ["cluster.x-k8s.io"] });
    const { folder } = management.namespace;
    const { authority } = management.facts;
    const past = new Date(Date.now() - 60_000);
    const wish = { commonName: "magnum", organizations: ["rig:drivers"] };
    const expired = await issue(folder, authority, { ...wish, until: past });
    const valid = await issue(folder, authority, wish);
    const secrets = "/api/v1/secrets";
    expect((await management.request("GET", secrets, undefined, { as: expired })).status).toBe(401);
    expect((await management.request("GET", secrets, undefined, { as: valid })).status).toBe(200);
    expect((await management.request("GET", "/api/v1/pods", undefined, { as: valid })).status).toBe(403);
  });
});

describeRig("the kinds of a management cluster", () => {
  it.each(capiReleases)("of Cluster API %s are served, and take objects of theirs", async (release) => {
    const management = await startOwn({ address: "192.0.2.44", release });
    const versions = release === "1.10.8" ? ["v1beta1"] : ["v1beta2", "v1beta1"];
    for (const [group, plural] of [
      ["cluster.x-k8s.io", "clusters"],
      ["cluster.x-k8s.io", "machinedeployments"],
      ["cluster.x-k8s.io", "machinehealthchecks"],
      ["controlplane.cluster.x-k8s.io", "kubeadmcontrolplanes"],
      ["bootstrap.cluster.x-k8s.io", "kubeadmconfigtemplates"],
      ["addons.cluster.x-k8s.io", "clusterresourcesets"],
    ] as const)
      expect([plural, await served(management, group, plural)]).toEqual([plural, versions]);
    for (const version of versions as ("v1beta1" | "v1beta2")[])
      await postHealthyCluster(management, { name: version, version });
    expect((await management.demand("GET", clusters("v1beta1"))) as object).toMatchObject({
      items: versions.toSorted().map((name) => ({ metadata: { name }, status: { phase: "Provisioned" } })),
    });
  });

  it("are served, left out and taken away as they are asked for", async () => {
    const management = await startOwn({
      address: "192.0.2.45",
      served: { clusters: ["v1beta2"], openstackclusters: ["v1alpha7"] },
      openstack: ["v1alpha6", "v1alpha7", "v1beta1"],
      without: ["addons.stackhpc.com", "machinehealthchecks"],
      helmChartProxy: true,
    });
    const infrastructure = "infrastructure.cluster.x-k8s.io";
    const addons = "addons.cluster.x-k8s.io";
    expect(await served(management, "cluster.x-k8s.io", "clusters")).toEqual(["v1beta2"]);
    expect(await served(management, "cluster.x-k8s.io", "machines")).toEqual(["v1beta2", "v1beta1"]);
    expect(await served(management, "cluster.x-k8s.io", "machinehealthchecks")).toEqual([]);
    expect(await served(management, infrastructure, "openstackclusters")).toEqual(["v1alpha7"]);
    expect(await served(management, infrastructure, "openstackmachinetemplates")).toEqual(
      expect.arrayContaining(["v1alpha6", "v1alpha7", "v1beta1"]),
    );
    expect(await served(management, "addons.stackhpc.com", "helmreleases")).toEqual([]);
    expect(await served(management, addons, "helmchartproxies")).toEqual(["v1alpha1"]);
    expect(await served(management, addons, "clusterresourcesets")).toEqual(["v1beta2", "v1beta1"]);
    await serveVersions(management, "clusters", ["v1beta1", "v1beta2"]);
    expect(await served(management, "cluster.x-k8s.io", "clusters")).toEqual(["v1beta2", "v1beta1"]);
    await removeKind(management, "clusters");
    expect(await served(management, "cluster.x-k8s.io", "clusters")).toEqual([]);
    expect(await statusOf(management, clusters("v1beta1"))).toBe(404);
  });

  it("are converted by Cluster API's own controller; with it killed v1beta1 is served and can't be read", async () => {
    const management = await startOwn({ address: "192.0.2.46" });
    const controller = await startController(management);
    await postHealthyCluster(management, { name: "one", version: "v1beta2", paused: true });
    const one = (version: string) => `/apis/cluster.x-k8s.io/${version}/namespaces/magnum-p1/clusters/one`;
    const reference = { apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1", kind: "OpenStackCluster" };
    expect(await management.demand("GET", one("v1beta1"))).toMatchObject({
      spec: { infrastructureRef: { ...reference, name: "one", namespace: "magnum-p1" } },
      status: { infrastructureReady: true },
    });
    await controller.kill();
    expect(await statusOf(management, one("v1beta1"))).toBe(500);
    expect(await statusOf(management, `${clusters("v1beta1")}?limit=1`)).toBe(500);
    expect(await statusOf(management, one("v1beta2"))).toBe(200);
    expect(await served(management, "cluster.x-k8s.io", "clusters")).toEqual(["v1beta2", "v1beta1"]);
    await controller.start();
    expect(await statusOf(management, one("v1beta1"))).toBe(200);
  });

  it("can't be read in the other version where nothing listens that converts", async () => {
    const management = await startOwn({ address: "192.0.2.47", conversion: deadWebhook });
    expect(await statusOf(management, clusters("v1beta1"))).toBe(200);
    await makeNamespace(management, "magnum-p1");
    await postObjects(management, healthyObjects({ version: "v1beta2" }).clusters);
    expect(await statusOf(management, clusters("v1beta1"))).toBe(500);
    expect(await statusOf(management, clusters("v1beta2"))).toBe(200);
  });
});

describeRig("the service accounts of a management cluster", () => {
  let management: OwnManagement;
  const accounts = "/api/v1/namespaces/default/serviceaccounts";
  const who = async (token: string): Promise<string> => {
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const { status, body } = await management.request("POST", path, review, { as: { token } });
    if (status !== 201) return String(status);
    return (body as { status: { userInfo: { username: string } } }).status.userInfo.username;
  };
  beforeAll(async () => {
    management = await startManagement({ address: "192.0.2.48", without: ["cluster.x-k8s.io"] });
    await management.demand("POST", accounts, { metadata: { name: "magnum" } });
  });
  afterAll(() => management?.down());

  it("log in with a token of the server's, until it expires", async () => {
    const user = "system:serviceaccount:default:magnum";
    const token = await requestToken(management, "default", "magnum", 600);
    expect(await who(token)).toBe(user);
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    expect(await who(signedToken(management, claims))).toBe(user);
    const past = Math.floor(Date.now() / 1000) - 60;
    expect(await who(signedToken(management, { ...claims, exp: past }))).toBe("401");
  });

  it("log in with the token of a Secret, until that is deleted", async () => {
    const secrets = "/api/v1/namespaces/default/secrets";
    const annotations = { "kubernetes.io/service-account.name": "magnum" };
    const type = "kubernetes.io/service-account-token";
    await management.demand("POST", secrets, { metadata: { name: "magnum-token", annotations }, type });
    const token = await fillTokenSecret(management, "default", "magnum-token");
    expect(await who(token)).toBe("system:serviceaccount:default:magnum");
    const { data } = (await management.demand("GET", `${secrets}/magnum-token`)) as {
      data: Record<string, string>;
    };
    expect(Buffer.from(data["token"] ?? "", "base64").toString()).toBe(token);
    await management.demand("DELETE", `${secrets}/magnum-token`);
    await expect.poll(() => who(token), { timeout: 30_000 }).toBe("401");
  });
});
