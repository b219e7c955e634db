import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { runCli } from "../../src/cli/cli.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { judgeKubeconfig } from "../../src/management/kubeconfig.ts";
import { kit, plainKit } from "../../src/management/rbac.ts";

const ca = readFileSync(join(import.meta.dirname, "../fixtures/ca/ca.pem"), "utf8");
const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.tok3n-of-the-login";
const server = "https://10.0.0.5:6443";

/** A machine that is no conductor, with some files, and the command to call on it. */
async function machine(files: Readonly<Record<string, string>> = {}) {
  const host = memoryHost({ reply: () => undefined });
  for (const [path, text] of Object.entries(files)) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    await host.fs.makeDirectory(folder, { mode: "0755", uid: 0, gid: 0 });
    await host.fs.write(path, text, { mode: "0600", uid: 0, gid: 0 });
  }
  const call = async (line: string) => {
    const said = { out: "", err: "" };
    const code = await runCli(line.split(" "), {
      host,
      out: (text) => {
        said.out += text;
      },
      err: (text) => {
        said.err += text;
      },
      colour: false,
    });
    return { code, ...said };
  };
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
