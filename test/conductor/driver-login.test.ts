import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { DaemonView, DriverLook, DriverRead } from "../../src/conductor/daemon-view.ts";
import { driverLoginGate } from "../../src/conductor/driver-login.ts";
import { viewGates } from "../../src/conductor/gates.ts";
import { paths } from "../../src/conductor/paths.ts";
import { liveRoots, stagedRoots } from "../../src/conductor/roots.ts";
import { stage } from "../../src/conductor/staged.ts";
import type { Host } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { type Management, readManagement } from "../../src/management/kubeconfig.ts";
import { judge } from "../../src/reconcile/gate.ts";
import { conductorFacts } from "../support/conductor-facts.ts";
import { kubeconfigText, logins, pems } from "../support/kubeconfigs.ts";
import { conductorMachine } from "../support/machine/conductor-machine.ts";
import { install } from "../support/machine/fake-python.ts";

const server = new URL("https://192.0.2.10:6443");
const ours: Management = { server, ca: pems.authority, token: "tok3n", differences: [] };
const digest = (text: string) => createHash("sha256").update(text).digest("hex");
const read = (name: string, more: Partial<DriverRead> = {}): DriverRead => ({
  version: `${name}.x-k8s.io/v1beta1`,
  plural: `${name}s`,
  status: 200,
  readable: true,
  ...more,
});
const well: DriverLook = {
  server: "https://192.0.2.10:6443",
  login: "token",
  ca: digest(pems.authority),
  certificate: null,
  bundle: null,
  netrc: false,
  proxy: false,
  kinds: { Cluster: read("cluster"), Machine: read("machine") },
};

async function judged(look: Partial<DriverLook> | undefined, management = ours) {
  const login = look === undefined ? {} : { login: { ...well, ...look } };
  const view: DaemonView = { drivers: ["k8s_capi_helm_v1"], options: {}, ...login };
  const [result] = await judge(memoryHost(), [
    driverLoginGate(async () => view, { management, kinds: ["Cluster", "Machine"] }),
  ]);
  return result;
}

const closed = (cure: string, reason: string | RegExp, remedy: string | RegExp = /.../) => ({
  state: "closed",
  cure,
  reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
  remedy: typeof remedy === "string" ? remedy : expect.stringMatching(remedy),
});

describe("the driver's own login", () => {
  test("is open with what it got, and how", async () => {
    expect(await judged({})).toMatchObject({
      state: "open",
      detail: "by token: Cluster v1beta1, Machine v1beta1",
    });
    const kinds = { Cluster: read("cluster"), HelmChartProxy: read("x", { status: 404, readable: false }) };
    expect(await judged({ kinds, proxy: true })).toMatchObject({
      detail: "by token, through its proxy: Cluster v1beta1, HelmChartProxy v1beta1 (404)",
    });
  });

  test("is not checked where no driver loads", async () => {
    expect(await judged(undefined)).toMatchObject({
      state: "not checked",
      reason: "the driver is not loaded",
    });
  });

  test.each([
    [{ server: "https://192.0.2.11:6443" }, "server"],
    [{ server: "none" }, "server"],
    [{ login: "certificate" }, "login"],
    [{ ca: null }, "certificate authority"],
    [{ ca: digest("other") }, "certificate authority"],
    [{ certificate: digest("other") }, "client certificate"],
  ] as const)("has to be what we read in the kubeconfig: %j", async (look, what) => {
    expect(await judged(look)).toMatchObject(
      closed("operator", `the driver reads another ${what} in the kubeconfig than we do`),
    );
  });

  test("is the same with a certificate, and a path in the server", async () => {
    const certificate = { cert: pems.certificate, key: pems.key };
    const other = { ...ours, certificate, server: new URL("https://rancher.test/k8s/c-1/") };
    const same = { login: "certificate", certificate: digest(pems.certificate) } as const;
    expect(await judged({ ...same, server: "https://rancher.test/k8s/c-1" }, other)).toMatchObject({
      state: "open",
    });
  });

  const why = "unable to get local issuer certificate";
  test.each([
    [
      { error: "SSLError", why },
      {},
      closed("operator", `the driver does not trust 192.0.2.10:6443 (${why})`, "put in the right CA"),
    ],
    [
      { error: "SSLError", why },
      { bundle: "REQUESTS_CA_BUNDLE" },
      closed("operator", /does not trust/, "unset REQUESTS_CA_BUNDLE for the conductor"),
    ],
    [
      { error: "OSError" },
      { bundle: "CURL_CA_BUNDLE" },
      closed("operator", /does not trust .* \(OSError\)$/, "unset CURL_CA_BUNDLE for the conductor"),
    ],
    [
      { error: "SSLError", why: "WRONG_VERSION_NUMBER" },
      {},
      closed("operator", /gets no TLS from .* \(WRONG_VERSION_NUMBER\)$/, "look at the kubeconfig's server"),
    ],
    [{ error: "ProxyError" }, { proxy: true }, closed("time", /proxy does not let it to/)],
    [{ error: "ConnectTimeout" }, {}, closed("time", /no answer from .* in time \(ConnectTimeout\)$/)],
    [{ error: "ReadTimeout" }, {}, closed("time", /no answer from .* in time \(ReadTimeout\)$/)],
    [{ error: "Late" }, {}, closed("time", /no answer from .* in time \(Late\)$/)],
    [{ error: "ConnectionError" }, {}, closed("time", /no connection to .* \(ConnectionError\)$/)],
  ])("that fails with %j says who has to act", async (failure, more, expected) => {
    expect(await judged({ failure, kinds: {}, ...more })).toMatchObject(expected);
  });

  test.each([
    [{ status: 401, readable: false }, {}, "renew the kubeconfig"],
    [{ status: 403, readable: false, anonymous: true }, {}, "renew the kubeconfig"],
    [{ status: 401, readable: false }, { netrc: true }, "take the server out of ~/.netrc of the daemon"],
  ] as const)("that is refused says so: %j", async (more, look, remedy) => {
    expect(await judged({ kinds: { Cluster: read("cluster", more) }, ...look })).toMatchObject(
      closed("operator", "the API server refuses the driver's login", remedy),
    );
  });

  test.each([
    [
      read("cluster", { status: 500, readable: false }),
      closed("time", "the driver can't read Cluster (500)"),
    ],
    [
      read("cluster", { status: 429, readable: false }),
      closed("time", "the driver can't read Cluster (429)"),
    ],
    [
      { error: "TypeError" },
      closed("operator", "the driver can't ask for Cluster (TypeError)", "see api-resources"),
    ],
    [read("cluster", { readable: false }), closed("operator", / gives the driver no Kubernetes objects$/)],
  ])("needs what it reads: %j", async (cluster, expected) => {
    expect(await judged({ kinds: { Machine: read("machine"), Cluster: cluster } })).toMatchObject(expected);
  });

  test.each([403, 404])("leaves %i of a kind to the gates on these", async (status) => {
    const kinds = { Cluster: read("cluster", { status, readable: false }) };
    expect(await judged({ kinds })).toMatchObject({ state: "open" });
  });

  test("is noted where the environment has other authorities than the kubeconfig", async () => {
    expect(await judged({ bundle: "REQUESTS_CA_BUNDLE" })).toMatchObject(
      closed("note", "REQUESTS_CA_BUNDLE takes the place of the kubeconfig's CA"),
    );
    const { ca: _, ...bare } = ours;
    expect(await judged({ bundle: "REQUESTS_CA_BUNDLE", ca: null }, bare)).toMatchObject({
      state: "open",
      detail: expect.stringContaining("with REQUESTS_CA_BUNDLE"),
    });
  });

  test("that can't begin names the error", async () => {
    expect(await judged({ error: "KeyError", kinds: {} })).toMatchObject(
      closed("operator", "the driver can't use the kubeconfig (KeyError)"),
    );
  });
});

describe("on a machine", () => {
  const text = kubeconfigText();
  const management = readManagement(text) as Management;
  const login = { management, kinds: ["Cluster"] };

  async function grafted() {
    const machine = await conductorMachine();
    install(machine.python, "1.4.0");
    await machine.host.fs.write(paths.kubeconfig, text, { mode: "0600", uid: 111, gid: 112 });
    return machine;
  }

  test("it is asked in the view of the conductor, in the environment of /etc/default, and no second time", async () => {
    const { host } = await grafted();
    host.commands.length = 0;
    const results = await judge(host, viewGates(conductorFacts, [], liveRoots, login));
    expect(results.find(({ id }) => id === "driver-login")).toMatchObject({
      state: "open",
      detail: "by token: Cluster v1beta1",
    });
    const asked = host.commands.filter((argv) => argv.includes("-"));
    expect(asked).toHaveLength(1);
    const [own] = asked;
    const { views } = JSON.parse(own?.at(-1) ?? "") as { readonly views: readonly object[] };
    expect(views).toMatchObject([{ management: { kubeconfig: paths.kubeconfig, kinds: ["Cluster"] } }, {}]);
    expect(views[1]).not.toHaveProperty("management");
    const script = own?.[own.indexOf("-c") + 1] ?? "";
    expect(script).toContain(`for file in ${paths.defaults}/openstack ${paths.defaults}/magnum-conductor;`);
    expect(own?.slice(0, 6)).toEqual(["runuser", "-u", "magnum", "--", "env", "-i"]);
  });

  test("it is not asked for where nobody wants to know", async () => {
    const { host } = await grafted();
    host.commands.length = 0;
    const results = await judge(host, viewGates(conductorFacts, []));
    expect(results.map(({ id }) => id)).not.toContain("driver-login");
    expect(host.commands.filter((argv) => argv.includes("sh"))).toEqual([]);
  });

  test("a kubeconfig that is not in its place yet goes with the program, to no file and no command line", async () => {
    const { host } = await grafted();
    const next = kubeconfigText({ "current-context": "capi", extensions: [] });
    const parts = {
      unit: conductorFacts,
      dropIn: "",
      proxies: undefined,
      driver: undefined,
      helm: undefined,
    };
    const roots = await stage(host, parts);
    expect(roots).toEqual(stagedRoots(`${paths.staging}/proof`));
    const inputs: string[] = [];
    const listening: Host = {
      ...host,
      run: async (argv, options) => {
        if (argv.join().includes('"management"')) inputs.push(String(options?.input));
        return await host.run(argv, options);
      },
    };
    const gates = viewGates(conductorFacts, [], roots, { ...login, kubeconfig: next });
    const results = await judge(listening, gates);
    expect(results.find(({ id }) => id === "driver-login")).toMatchObject({ state: "open" });
    const given = inputs.map((text) => /^KUBECONFIG = "(.+)"$/m.exec(text)?.[1] ?? "");
    expect(given.map((text) => Buffer.from(text, "base64").toString())).toEqual([next]);
    const words = JSON.stringify(host.commands);
    for (const text of [next, logins.token.token, ...given]) expect(words).not.toContain(text);
    expect(await host.fs.list(`${paths.staging}/proof`)).not.toContain("kubeconfig");
  });

  test("files of /etc/default that end the shell give no view", async () => {
    const host = {
      ...memoryHost(),
      run: async () => ({ ok: true, code: 0, stdout: "\n", stderr: "", timedOut: false }),
    };
    const results = await judge(host, viewGates({ ...conductorFacts, hasApi: false }, [], liveRoots, login));
    expect(results.map(({ id, state }) => [id, state])).toContainEqual(["driver-login", "not checked"]);
    expect(results.find(({ id }) => id === "magnum-conductor-options")).toMatchObject({
      state: "closed",
      reason: "a file of /etc/default ends the shell",
    });
  });
});
