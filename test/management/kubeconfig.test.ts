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
