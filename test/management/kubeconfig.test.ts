import { generateKeyPairSync } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { judgeKubeconfig, managementServer, readManagement } from "../../src/management/kubeconfig.ts";
import { dataOf, kubeconfigObject, kubeconfigText, logins, pems, secrets } from "../support/kubeconfigs.ts";

const whole = "a whole kubeconfig in YAML";
const login = "a token, or certificate and key";

/** No finding may repeat what stands in the file. */
function judged(text: string) {
  const finding = judgeKubeconfig(text);
  for (const secret of secrets) expect(JSON.stringify(finding) ?? "").not.toContain(secret);
  return finding;
}

/** A kubeconfig whose cluster has these besides its server and authority. */
function withCluster(more: object): string {
  const [entry] = kubeconfigObject().clusters;
  return kubeconfigText({ clusters: [{ ...entry, cluster: { ...entry?.cluster, ...more } }] });
}

function withUser(user: object): string {
  return stringify(kubeconfigObject(user));
}

/** A finding without the line that it names. */
function reasonOf(text: string): string | undefined {
  return judged(text)
    ?.reason.replace(/, line \d+\)$/, ")")
    .replace(/ \(line \d+\)$/, "");
}

describe("a kubeconfig that the driver can use", () => {
  test.each([
    ["token", { token: logins.token.token, differences: [] }],
    ["certificate data", { certificate: { cert: pems.certificate, key: pems.key }, differences: [] }],
    [
      "certificate data and token",
      {
        certificate: { cert: pems.certificate, key: pems.key },
        differences: ["its token is not used: the certificate counts"],
      },
    ],
  ] as const)("is read as server, authority and login: %s", (form, login) => {
    const server = new URL("https://192.0.2.10:6443");
    expect(readManagement(withUser(logins[form]))).toEqual({ server, ca: pems.authority, ...login });
    expect(managementServer(withUser(logins[form]))).toEqual(server);
  });

  test("may be JSON, which is YAML", () => {
    expect(judged(JSON.stringify(kubeconfigObject()))).toBeUndefined();
  });

  test("is judged by its current context, whatever else is in it", () => {
    const config = kubeconfigObject();
    const other = { name: "other", user: logins.exec };
    const users = [other, ...config.users];
    expect(judged(stringify({ ...config, users }))).toBeUndefined();
  });

  test("may leave trust to the public authorities, which is said", () => {
    const text = kubeconfigText({ clusters: [{ name: "capi", cluster: { server: "https://capi:6443" } }] });
    const read = readManagement(text);
    expect(read).not.toHaveProperty("ca");
    expect(read).toMatchObject({ differences: ["no certificate authority: the public ones count"] });
  });

  test.each([
    ["a path in its server", { server: "https://rancher.test/k8s/clusters/c-m-1" }],
    ["what is off or empty", { "insecure-skip-tls-verify": false, "proxy-url": "", "tls-server-name": null }],
    ["what means nothing to either", { "disable-compression": true, extensions: [] }],
    ["several authorities", { "certificate-authority-data": dataOf(pems.authority + pems.certificate) }],
    ["words between them", { "certificate-authority-data": dataOf(`# CA\n${pems.authority}# end\n`) }],
    [
      "base64 on several lines",
      {
        "certificate-authority-data": `${dataOf(pems.authority).slice(0, 40)}\n${dataOf(pems.authority).slice(40)}\n`,
      },
    ],
  ])("may have a cluster with %s", (_, more) => {
    expect(judged(withCluster(more))).toBeUndefined();
  });
});

describe("a kubeconfig is refused, without a word of its content,", () => {
  test.each([
    ["user and password", "its user has username (not read)"],
    ["token file", "its user has tokenFile (not read)"],
    ["exec", "its user has exec (not read)"],
    ["auth provider", "its user has auth-provider (not read)"],
    ["token and exec", "its user has exec (not read)"],
    ["certificate alone", "its user has a certificate without its key"],
    ["key alone", "its user has a key without its certificate"],
    ["nothing", "its user has no credentials"],
    ["empty token", "its user has no credentials"],
  ] as const)("when its user has: %s", (form, reason) => {
    expect(judged(withUser(logins[form]))).toMatchObject({ accepted: login });
    expect(reasonOf(withUser(logins[form]))).toBe(reason);
  });

  const { certificate, key } = { certificate: dataOf(pems.certificate), key: dataOf(pems.key) };
  const pair = { "client-certificate-data": certificate, "client-key-data": key };
  const strange = dataOf(
    generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  );
  const locked = dataOf(
    generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
    }).privateKey,
  );
  test.each([
    ["certificate paths", logins["certificate paths"], "its client-certificate is a path"],
    ["a path of the key alone", logins["certificate data and key path"], "its client-key is a path"],
    ["an empty path", { ...pair, "client-certificate": "" }, "its client-certificate is empty"],
    ["a path beside a token", { ...logins.token, "client-key": "a.key" }, "its client-key is a path"],
    [
      "a certificate that is no base64",
      { ...pair, "client-certificate-data": pems.certificate },
      "its client-certificate-data is no base64",
    ],
    [
      "one that is no PEM",
      { ...pair, "client-certificate-data": dataOf("x".repeat(99)) },
      "its client-certificate-data is no certificate",
    ],
    [
      "one that is cut off",
      { ...pair, "client-certificate-data": dataOf(pems.certificate.slice(0, -60)) },
      "its client-certificate-data is no certificate",
    ],
    [
      "one that is damaged",
      { ...pair, "client-certificate-data": dataOf(pems.certificate.replace("MII", "MIA")) },
      "its client-certificate-data is no certificate",
    ],
    ["an empty one", { ...pair, "client-certificate-data": "" }, "its client-certificate-data is no base64"],
    ["none", { ...pair, "client-certificate-data": null }, "its client-certificate-data is no text"],
    ["a key that is a number", { ...pair, "client-key-data": 5 }, "its client-key-data is no text"],
    [
      "a key that is no key",
      { ...pair, "client-key-data": certificate },
      "its client-key-data is no key without a password",
    ],
    [
      "a key with a password",
      { ...pair, "client-key-data": locked },
      "its client-key-data is no key without a password",
    ],
    [
      "another key",
      { ...pair, "client-key-data": strange },
      "its client-key-data is not of its client-certificate-data",
    ],
    [
      "a certificate alone beside a token",
      { ...logins.token, ...logins["certificate alone"] },
      "its user has a certificate without its key",
    ],
    ["a password beside a token", { ...logins.token, username: "admin" }, "its user has username (not read)"],
    [
      "a file beside a token",
      { ...logins.token, ...logins["token file"] },
      "its user has tokenFile (not read)",
    ],
    ["somebody to act as", { ...logins.token, as: "admin" }, "its user has as (not read)"],
    ["groups to act in", { ...logins.token, "as-groups": ["a"] }, "its user has as-groups (not read)"],
    [
      "a token with an end of a line",
      { token: `${secrets[0]}\n` },
      "its token has blanks or ends of lines in it",
    ],
    ["a token of two words", { token: `${secrets[0]} x` }, "its token has blanks or ends of lines in it"],
  ])("when its user has %s", (_, user, reason) => {
    expect(reasonOf(withUser(user))).toBe(reason);
  });

  const notRead = (name: string) => `its cluster has ${name} (not read)`;
  test.each([
    ["no check of the server", { "insecure-skip-tls-verify": true }, notRead("insecure-skip-tls-verify")],
    ["that in quotes", { "insecure-skip-tls-verify": "true" }, notRead("insecure-skip-tls-verify")],
    ["another name for it", { "tls-server-name": "api" }, notRead("tls-server-name")],
    ["a proxy", { "proxy-url": "http://a:b@c" }, notRead("proxy-url")],
    [
      "a path to its authority",
      { "certificate-authority": "/etc/ca.crt" },
      "its certificate-authority is a path",
    ],
    ["a relative one", { "certificate-authority": "ca.crt" }, "its certificate-authority is a path"],
    [
      "an empty one, for which the driver leaves the data",
      { "certificate-authority": "" },
      "its certificate-authority is empty",
    ],
    ["nothing for it", { "certificate-authority": null }, "its certificate-authority is empty"],
    [
      "an authority that is PEM already",
      { "certificate-authority-data": pems.authority },
      "its certificate-authority-data is no base64",
    ],
    [
      "one with a blank in it, which Python takes and Go does not",
      { "certificate-authority-data": dataOf(pems.authority).replace("S", "S ") },
      "its certificate-authority-data is no base64",
    ],
    [
      "one that is empty",
      { "certificate-authority-data": "" },
      "its certificate-authority-data is no base64",
    ],
    [
      "one that is no certificate",
      { "certificate-authority-data": key },
      "its certificate-authority-data is no certificate",
    ],
    ["a login in its server", { server: "https://a:b@capi:6443" }, "its server has a login in it"],
    ["a query in its server", { server: "https://capi:6443/?a=b" }, "its server has more than a path"],
    ["no port of its server that is one", { server: "https://capi:64430000" }, "its server is no URL"],
    ["a blank in its server", { server: "https://capi:6443 " }, "its server is no URL"],
  ])("when its cluster has %s", (_, more, reason) => {
    expect(reasonOf(withCluster(more))).toBe(reason);
  });

  test("with the line to change", () => {
    const text = kubeconfigText();
    const lines = (finding: string) => judged(finding)?.reason.match(/line (\d+)\)$/)?.[1];
    const at = (word: string) => String(text.split("\n").findIndex((it) => it.includes(word)) + 1);
    const changed = (word: string, by: string) => text.replace(new RegExp(`${word}: \\S+`), by);
    expect(lines(changed("token", "exec: {command: x}"))).toBe(at("token: "));
    expect(lines(changed("server", "server: http://x"))).toBe(at("server: "));
    expect(lines(changed("certificate-authority-data", "certificate-authority: x"))).toBe(at("-data: "));
    expect(lines(changed("current-context", "current-context: other"))).toBe(at("current-context: "));
    expect(lines(changed("kind", "kind: List"))).toBe(at("kind: "));
    const named = JSON.stringify({ ...kubeconfigObject({ exec: {} }) });
    expect(lines(`# ours\n${named}`)).toBe("2");
  });

  test.each([
    ["empty", "", "it is empty"],
    ["only blanks", " \n\n", "it is empty"],
    ["no YAML", `token: [${secrets[0]}\nx: {`, "it is not a YAML mapping"],
    ["a text", secrets[0], "it is not a YAML mapping"],
    ["a list", `- ${secrets[0]}\n`, "it is not a YAML mapping"],
    ["a comment alone", "# nothing\n", "it is not a YAML mapping"],
    ["another mapping", `kind: Config\ntoken: ${secrets[0]}\n`, "it has no list of clusters: is it cut off?"],
  ])("when it is %s", (_, text, reason) => {
    expect(judged(text)).toEqual({ reason, accepted: whole });
  });

  test("also where a YAML reader would warn, showing the line", async () => {
    const warnings: string[] = [];
    const listen = (warning: Error) => void warnings.push(warning.message);
    process.on("warning", listen);
    onTestFinished(() => void process.off("warning", listen));
    expect(judged(`clusters: !secret ${secrets[0]}\n`)).toMatchObject({ accepted: whole });
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });

  test("wherever it is cut off", () => {
    const text = kubeconfigText();
    const keys = text.lastIndexOf("current-context");
    expect(judged(text)).toBeUndefined();
    for (let length = 0; length < keys + "current-context: cap".length; length += 1) {
      expect(judged(text.slice(0, length)), `cut off after ${length} characters`).toBeDefined();
    }
  });

  test.each([
    ["no current-context", { "current-context": undefined }, "it has no current-context"],
    ["an empty one", { "current-context": "" }, "it has no current-context"],
    ["one that is a number", { "current-context": 5 }, "it has no current-context"],
    ["one that does not exist", { "current-context": "other" }, "its current-context names no context"],
    ["contexts that are texts", { contexts: ["capi"] }, "one of its contexts has no name"],
    ["users without a name", { users: [{ user: logins.token }] }, "one of its users has no name"],
    [
      "two users of one name, of which helm takes neither",
      { users: [...kubeconfigObject().users, ...kubeconfigObject(logins.exec).users] },
      "two of its users have one name",
    ],
    ["a name that is a number", { contexts: [{ name: 5, context: {} }] }, "one of its contexts has no name"],
    ["another kind", { kind: "Secret" }, "its kind is not Config"],
    ["another version", { apiVersion: "v2" }, "its apiVersion is not v1"],
    ["a context without content", { contexts: [{ name: "capi" }] }, "its current-context names no context"],
    ["no list of users", { users: "magnum" }, "it has no list of users: is it cut off?"],
    ["no list of contexts", { contexts: null }, "it has no list of contexts: is it cut off?"],
    ["an empty list of users", { users: [] }, "its current context names no user"],
    ["a user without content", { users: [{ name: "magnum" }] }, "its current context names no user"],
    ["no such cluster", { clusters: [] }, "its current context has no cluster with an https server"],
    [
      "a server without TLS",
      { clusters: [{ name: "capi", cluster: { server: "http://capi:8080" } }] },
      "its current context has no cluster with an https server",
    ],
    [
      "a cluster without a server",
      { clusters: [{ name: "capi", cluster: {} }] },
      "its current context has no cluster with an https server",
    ],
  ])("when it has %s", (_, more, reason) => {
    const text = stringify({ ...kubeconfigObject(), ...more });
    expect(reasonOf(text)).toBe(reason);
    expect(judged(text)).toMatchObject({ accepted: expect.stringMatching(/./) });
  });
});

describe("a kubeconfig that other readers than ours would read otherwise is refused:", () => {
  const good = kubeconfigText();
  const token = (value: string) => good.replace(/token: .*/, `token: ${value}`);
  const noMap = "it is not a YAML mapping";
  const laughs = ["a: &a [x, x]", ..."bcdefghij".split("").map((it) => `${it}: &${it} [${laugh(it)}]`)];
  test.each([
    ["a tag that makes an object of Python", token("!!python/object:os.system x"), noMap],
    ["a tag that nobody knows", token("!vault x"), noMap],
    ["a token that is true", token("yes"), "its token is no text"],
    ["a token that is a date", token("2001-01-01"), "its token is no text"],
    ["a token that is a number", token("123456.1234567890123456"), "its token is no text"],
    ["a name twice", `${good}kind: Config\n`, noMap],
    ["two documents", `${good}---\n${good}`, noMap],
    ["a NUL", `${good}# \0\n`, "it has control characters"],
    ["a control character", `${good}x: \u0001\n`, "it has control characters"],
    ["a separator of lines", `${good}x: a\u2028b\n`, "it has control characters"],
    ["a tab for a blank", good.replace("token: ", "token:\t"), "it has a tab outside of quotes"],
    ["tabs for its indent", good.replaceAll("  ", "\t"), "it has a tab outside of quotes"],
    ["aliases that blow it up", `${laughs.join("\n")}\n${good}`, noMap],
  ])("%s", (_, text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });

  function laugh(name: string): string {
    return Array(9)
      .fill(`*${String.fromCharCode(name.charCodeAt(0) - 1)}`)
      .join(", ");
  }

  test.each([
    ["a mark of the order of bytes", `\ufeff${good}`],
    ["ends of lines of Windows", good.replaceAll("\n", "\r\n")],
    ["an alias and a merge", `x: &x {y: z}\nv: {<<: *x}\n${good}`],
    ["tabs in quotes and comments", `${good}x: "a\tb"\n# c\td\n`],
    ["dots at its end", `---\n${good}...\n`],
    ["sixty clusters", kubeconfigText({ more: Array(60).fill({ cluster: { server: "https://x" } }) })],
  ])("but not %s", (_, text) => {
    expect(judged(text)).toBeUndefined();
  });
});

describe("a kubeconfig that is too much is refused within seconds:", () => {
  const good = kubeconfigText();
  const full = (unit: string) => `${good}x: ${unit.repeat(260_000 / unit.length)}`;
  test.each([
    ["5 MB of lines", "a: b\n".repeat(1_000_000), "it has 5000000 characters"],
    [
      "many names",
      `zz:\n${Array.from({ length: 20_000 }, (_, i) => ` k${i}: v\n`).join("")}`,
      "it has too much in it",
    ],
    ...["{}", "}", "{", "[", "- ", "? ", "&a ", "*a ", "!a ", "'a' ", "|\n", '"', "- x\n", "{a: "].map(
      (unit) => [`as much of ${JSON.stringify(unit)} as fits`, full(unit), "it has too much in it"],
    ),
    ...["{}", "}", "[", "&a ", "*a ", "? "].map((unit) => [
      `deep or broken: 4000 times ${JSON.stringify(unit)}`,
      `${good}x: ${unit.repeat(4_000)}`,
      "it is not a YAML mapping",
    ]),
  ])("%s", (_, text, reason) => {
    const began = performance.now();
    expect(judged(text)?.reason).toBe(reason);
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
