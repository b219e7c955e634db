import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { type HttpsReply, memoryHost } from "../../src/host/memory-host.ts";
import { judgeKubeconfig } from "../../src/management/kubeconfig.ts";
import { clusterRules, kit, plainKit, projectRules } from "../../src/management/rbac.ts";
import { scopedKubeconfig } from "../../src/management/scoped-kubeconfig.ts";
import { runLine } from "../support/command.ts";
import { httpsOf, rbacApi } from "../support/management/rbac-api.ts";

const ca = readFileSync(join(import.meta.dirname, "../fixtures/ca/ca.pem"), "utf8");
const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.tok3n-of-the-login";
const server = "https://10.0.0.5:6443";

/** A machine that is no conductor, with some files, and the command to call on it. */
async function machine(files: Readonly<Record<string, string>> = {}, https?: HttpsReply) {
  const host = memoryHost({ reply: () => undefined, ...(https === undefined ? {} : { https }) });
  for (const [path, text] of Object.entries(files)) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    await host.fs.makeDirectory(folder, { mode: "0755", uid: 0, gid: 0 });
    await host.fs.write(path, text, { mode: "0600", uid: 0, gid: 0 });
  }
  const call = (line: string) => runLine(host, line);
  return { host, call };
}

describe("capi-graft rbac, on any machine,", () => {
  test("prints a login for the whole cluster, as YAML and as JSON", async () => {
    const { host, call } = await machine();
    const { code, out, err } = await call("rbac");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const objects = kit({ name: "magnum-capi-helm", namespace: "capi-graft", perProject: [] });
    expect(plainKit(objects)).toEqual({
      apiVersion: "v1",
      kind: "List",
      items: parseAllDocuments(out).map((it) => it.toJS() as unknown),
    });
    expect(JSON.parse((await call("rbac --json")).out)).toEqual(plainKit(objects));
    expect(host.commands).toEqual([]);
  });

  test("prints one for namespaces, under the names that are asked for", async () => {
    const { call } = await machine();
    const { out } = await call(
      "rbac --per-project magnum-a,magnum-b,magnum-a --name site --namespace logins --json",
    );
    const options = { name: "site", namespace: "logins", perProject: ["magnum-a", "magnum-b"] };
    expect(JSON.parse(out)).toEqual(plainKit(kit(options)));
  });
});

describe("capi-graft kubeconfig", () => {
  test("builds the form that the driver takes, of files", async () => {
    const { call } = await machine({ "/root/ca.pem": ca, "/root/token": `${token}\n` });
    const { code, out, err } = await call(
      `kubeconfig --server ${server}/ --ca /root/ca.pem --token-file /root/token`,
    );
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(judgeKubeconfig(out)).toBeUndefined();
    expect(parse(out)).toEqual({
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: "management",
          cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") },
        },
      ],
      users: [{ name: "magnum-capi-helm", user: { token } }],
      contexts: [{ name: "magnum-capi-helm", context: { cluster: "management", user: "magnum-capi-helm" } }],
      "current-context": "magnum-capi-helm",
    });
  });

  test("takes the token from standard input, and the public authorities without --ca", async () => {
    const { call } = await machine({ "/dev/stdin": token });
    const { out } = await call(`kubeconfig --server ${server} --token-file - --name site --json`);
    expect(judgeKubeconfig(out)).toBeUndefined();
    expect(JSON.parse(out)).toMatchObject({
      clusters: [{ cluster: { server } }],
      users: [{ name: "site", user: { token } }],
      "current-context": "site",
    });
    expect(out).not.toContain("certificate-authority");
  });

  test.each([
    [
      "a file that is not there",
      "--token-file /root/none",
      "/root/none is not there; next: name an existing",
    ],
    ["an empty token", "--token-file /root/empty", "/root/empty has no token; next: the token alone"],
    ["two words for a token", "--token-file /root/words", "/root/words has no token"],
    ["no certificate", "--token-file /root/token --ca /root/token", "/root/token has"],
    ["an empty file of certificates", "--token-file /root/token --ca /root/empty", "/root/empty has nothing"],
    ["a private key", "--token-file /root/token --ca /root/key", "/root/key has a private key"],
  ])("refuses %s, without showing what it read", async (_, line, message) => {
    const { call } = await machine({
      "/root/token": token,
      "/root/empty": "",
      "/root/words": `${token} ${token}`,
      "/root/key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
    });
    const { code, out, err } = await call(`kubeconfig --server ${server} ${line}`);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`capi-graft: ${message}`);
    expect(err).not.toContain("tok3n");
    expect(err).not.toContain("c2VjcmV0");
  });
});

const admin = JSON.stringify(scopedKubeconfig({ name: "admin", server, ca, token: "an-admin-s-own-token" }));

/** A server that has one secret. */
function secretServer(status: number, data: Readonly<Record<string, string>> = {}): HttpsReply {
  return ({ ca: trusted }, { path, headers }) => {
    const isAdmin = headers["authorization"] === "Bearer an-admin-s-own-token" && trusted === ca;
    const isThere = path === "/api/v1/namespaces/capi-graft/secrets/magnum-capi-helm-token";
    const found = !isAdmin ? 401 : isThere ? status : 404;
    return { ok: true, status: found, headers: {}, body: JSON.stringify({ data }) };
  };
}

describe("capi-graft kubeconfig --from", () => {
  const data = { token: Buffer.from(token).toString("base64"), "ca.crt": "b3RoZXI=" };

  test("fetches the token, and trusts what the administrator trusts", async () => {
    const { call } = await machine({ "/root/admin": admin }, secretServer(200, data));
    const { code, out } = await call("kubeconfig --from /root/admin --json");
    expect(code).toBe(0);
    expect(judgeKubeconfig(out)).toBeUndefined();
    expect(JSON.parse(out)).toEqual(scopedKubeconfig({ name: "magnum-capi-helm", server, ca, token }));
  });

  test("names the server as the conductor reaches it, where that is another address", async () => {
    const { call } = await machine({ "/root/admin": admin }, secretServer(200, data));
    const { out } = await call("kubeconfig --from /root/admin --server https://192.0.2.1:6443 --json");
    expect(JSON.parse(out)).toMatchObject({ clusters: [{ cluster: { server: "https://192.0.2.1:6443" } }] });
  });

  test.each([
    [
      "no such secret",
      secretServer(404),
      "there is no secret capi-graft/magnum-capi-helm-token; next: capi-graft rbac | kubectl apply -f -",
    ],
    [
      "a secret that is not filled yet",
      secretServer(200, {}),
      "the secret capi-graft/magnum-capi-helm-token has no token yet; next: try again in a moment",
    ],
    [
      "a refusal",
      secretServer(403),
      "the secret capi-graft/magnum-capi-helm-token can't be read: HTTP 403; next: use an administrator's kubeconfig",
    ],
    ["nobody there", undefined, "no connection to 10.0.0.5:6443"],
  ] as const)("says what is wrong with %s", async (_, https, message) => {
    const { call } = await machine({ "/root/admin": admin }, https);
    const { code, out, err } = await call("kubeconfig --from /root/admin");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`capi-graft: ${message}`);
    expect(err).not.toContain("an-admin-s-own-token");
  });

  test("refuses a kubeconfig that can't be read, with what is accepted", async () => {
    const { call } = await machine({ "/root/admin": "a: 1\n" });
    expect((await call("kubeconfig --from /root/admin")).err).toMatch(
      /^capi-graft: \/root\/admin: it has no list/,
    );
    expect((await call("kubeconfig --from /root/none")).err).toContain("/root/none is not there");
  });
});

describe("capi-graft rbac --check", () => {
  const check = async (bound: Parameters<typeof rbacApi>[0], more = "") => {
    const { call } = await machine({ "/root/k": admin }, httpsOf(rbacApi(bound)));
    return await call(`rbac --check /root/k${more}`);
  };

  test("of a login of the kit finds that nothing is missing", async () => {
    expect(await check({ cluster: clusterRules() })).toEqual({
      code: 0,
      out: "for the whole management cluster\nnothing is missing\n",
      err: "",
    });
  });

  test("of one with a rule less shows each verb that is missing, with what it is needed for, and ends with 2", async () => {
    const left = clusterRules().filter(
      ({ resources }) => !resources.includes("roles") && !resources.includes("kubeadmcontrolplanes"),
    );
    const { code, out } = await check({ cluster: left });
    expect(code).toBe(2);
    expect(out).toMatch(/^for the whole management cluster\nmissing:\n/);
    expect(out).toMatch(
      /\n {2}patch {3}roles\.rbac\.authorization\.k8s\.io +everywhere {2}helm: the cluster's autoscaler *\n/,
    );
    expect(out).toMatch(/\nmissing for our checks alone:\n {2}list {2}kubeadmcontrolplanes\.controlplane/);
  });

  test("of an administrator's says how to do better", async () => {
    const all = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
    const { code, out } = await check({ cluster: [all] });
    expect({ code, out }).toEqual({
      code: 0,
      out: "a cluster administrator's: next: capi-graft rbac\nnothing is missing\n",
    });
  });

  test("of one by projects tells which are prepared, those too that are asked for by name", async () => {
    const { everywhere, inside } = projectRules(["magnum-a"]);
    const bound = { cluster: everywhere, namespaces: { "magnum-a": inside } };
    expect((await check(bound)).out).toBe(
      "for namespaces that are prepared\nprepared: magnum-a\nnothing is missing\n",
    );
    const { code, out } = await check(bound, " --per-project magnum-a,site-b");
    expect({ code, out }).toEqual({
      code: 2,
      out: "for namespaces that are prepared\nprepared: magnum-a\nnot prepared: site-b\n",
    });
  });

  test("is one document with --json", async () => {
    const { out } = await check({ cluster: [] }, " --json");
    const document = JSON.parse(out) as { missing: unknown[] };
    expect(document).toMatchObject({ form: "cluster", state: { state: "closed", cure: "operator" } });
    expect(document.missing[0]).toEqual({
      group: "",
      resource: "namespaces",
      verb: "create",
      why: "first cluster of a project: its namespace",
      user: "driver",
    });
  });
});
