import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { statusMessage } from "../../src/juju/message.ts";
import { kubeconfigIn, uriTrouble } from "../../src/juju/secret.ts";

const uri = "secret:d1abc3f2v7as7cq2m0k0";
const app = "magnum-capi-helm";
const set = "juju config magnum-capi-helm kubeconfig=secret:ID";
const grant = `juju grant-secret ${uri} magnum-capi-helm`;
const update = `juju update-secret ${uri} kubeconfig#file=PATH`;

interface Line {
  readonly id: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly rc: number;
}

/** What the real commands printed. */
function recorded(version: string, id: string): Line {
  const file = join(import.meta.dirname, `../fixtures/juju/hook-commands-juju-${version}.jsonl`);
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
  const line = lines.map((text) => JSON.parse(text) as Line).find((it) => it.id === id);
  if (line === undefined) throw new Error(`${version} has no line ${id}`);
  return line;
}

function statusOf(answer: { code: number; stdout?: string; stderr?: string }, isInForce = false) {
  const found = kubeconfigIn({ stdout: "", ...answer }, uri, { app, isInForce });
  if (!("trouble" in found)) throw new Error("there is no trouble");
  const { cure, reason, remedy } = found.trouble;
  return { cure, message: statusMessage(reason, remedy) };
}

describe("the option kubeconfig", () => {
  test.each([
    ["", "the option kubeconfig is not set"],
    ["capi-mgmt", "kubeconfig is a name, no secret URI"],
    ["secret:short", "kubeconfig is no secret URI"],
    ["https://example.org/x", "kubeconfig is no secret URI"],
    ["--label=x", "kubeconfig is no secret URI"],
    ["apiVersion: v1\nkind: Config\n", "kubeconfig is no secret URI"],
    [`${uri}\n`, "kubeconfig is no secret URI"],
  ])("that is %j is refused in words, without what it is", (value, reason) => {
    const trouble = uriTrouble(value, app);
    expect(trouble).toEqual({ cure: "operator", reason, remedy: set });
    expect(statusMessage(reason, set)).toBe(`${reason}; next: ${set}`);
  });

  test.each([uri, uri.slice(7), "secret://2c9a64f0-6b1f-4a8c-8a55-3f0cbb0e6d11/d1abc3f2v7as7cq2m0v0"])(
    "that is %j may be a secret",
    (value) => expect(uriTrouble(value, app)).toBeUndefined(),
  );
});

describe.each(["3.6", "4.0"])("what secret-get of Juju %s answers", (version) => {
  const answerOf = (id: string) => {
    const { rc, ...line } = recorded(version, id);
    return { code: rc, ...line };
  };

  test.each<[title: string, id: string, isInForce: boolean, message: string]>([
    ["not granted", "secret-get-denied", false, `kubeconfig is not granted; next: ${grant}`],
    ["revoked later", "secret-get-denied", true, `grant revoked, unit serves on; next: ${grant}`],
    ["gone", "secret-get-unknown", false, `the secret of kubeconfig is gone; next: ${set}`],
    [
      "gone, in its long form",
      "secret-get-unknown-full",
      false,
      `the secret of kubeconfig is gone; next: ${set}`,
    ],
    ["gone later", "secret-get-unknown", true, `secret is gone, unit serves on; next: ${set}`],
    ["refused as a URI", "secret-get-bad-uri", false, `kubeconfig is no secret URI; next: ${set}`],
  ])("for a secret that is %s has its own status and command", (_, id, isInForce, message) => {
    expect(statusOf(answerOf(id), isInForce)).toEqual({ cure: "operator", message });
    expect(message.length).toBeLessThanOrEqual(100);
  });

  test("for a secret with the key is the text, byte for byte", () => {
    const answer = answerOf("secret-get-bare-id");
    expect(kubeconfigIn(answer, uri, { app, isInForce: false })).toEqual({
      text: "apiVersion: v1\nkind: Config\nclusters:\n- name: mgmt\n",
    });
  });
});

describe("a secret that can be read", () => {
  test.each([
    ['{"config":"x"}', "no key kubeconfig in it"],
    ['{"kubeconfig":7}', "no key kubeconfig in it"],
    ["null", "no key kubeconfig in it"],
    ['{"kubeconfig":""}', "its kubeconfig is empty"],
    ['{"kubeconfig":" \\n"}', "its kubeconfig is empty"],
  ])("and holds %s has its own status and command", (stdout, reason) => {
    const { cure, message } = statusOf({ code: 0, stdout });
    expect({ cure, message }).toEqual({ cure: "operator", message: `${reason}; next: ${update}` });
    expect(message.length).toBeLessThanOrEqual(100);
  });
});

describe("a secret-get that fails otherwise", () => {
  test.each([-1, 124, 137])("with %i, ended by a time limit, is for time to cure", (code) => {
    expect(statusOf({ code })).toEqual({
      cure: "time",
      message: "secret-get gave no answer within 60 s; next: is the controller up?",
    });
  });

  test("in words that are not known counts as not granted, which is what Juju's exit code means most often", () => {
    const stderr = "ERROR secret backend not found\n";
    expect(statusOf({ code: 1, stderr }).message).toBe(`kubeconfig is not granted; next: ${grant}`);
  });
});
