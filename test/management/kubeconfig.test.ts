import { describe, expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { judgeKubeconfig } from "../../src/management/kubeconfig.ts";
import { kubeconfigObject, kubeconfigText, logins, secrets } from "../support/kubeconfigs.ts";

const whole = "a whole kubeconfig in YAML";
const login = "a token, or certificate and key";

/** No finding may repeat what stands in the file. */
function judged(text: string) {
  const finding = judgeKubeconfig(text);
  for (const secret of secrets) expect(JSON.stringify(finding) ?? "").not.toContain(secret);
  return finding;
}

describe("a kubeconfig that the driver can use", () => {
  test.each([
    "token",
    "certificate data",
    "certificate paths",
    "certificate data and key path",
    "token and exec",
  ] as const)("logs in with: %s", (form) => {
    expect(judged(stringify(kubeconfigObject(logins[form])))).toBeUndefined();
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

  test.each([
    ["no certificate authority", { server: "https://capi:6443" }],
    ["keys that the driver ignores", { server: "https://capi:6443", "insecure-skip-tls-verify": true }],
  ])("may have a cluster with %s", (_, cluster) => {
    expect(judged(kubeconfigText({ clusters: [{ name: "capi", cluster }] }))).toBeUndefined();
  });
});

describe("a kubeconfig is refused, without a word of its content,", () => {
  test.each([
    ["user and password", "its user has username (not read)"],
    ["token file", "its user has tokenFile (not read)"],
    ["exec", "its user has exec (not read)"],
    ["auth provider", "its user has auth-provider (not read)"],
    ["certificate alone", "its user has a certificate without its key"],
    ["key alone", "its user has no credentials"],
    ["nothing", "its user has no credentials"],
    ["empty token", "its user has no credentials"],
  ] as const)("when its user has: %s", (form, reason) => {
    expect(judged(stringify(kubeconfigObject(logins[form])))).toEqual({ reason, accepted: login });
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
    ["contexts that are texts", { contexts: ["capi"] }, "its current-context names no context"],
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
    expect(judged(text)).toMatchObject({ reason, accepted: expect.stringMatching(/./) });
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
    expect(judged(text)).toMatchObject({ reason });
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
