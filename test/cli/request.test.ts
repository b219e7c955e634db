import { describe, expect, test } from "vitest";
import { help, helpOf } from "../../src/cli/help.ts";
import { parseRequest } from "../../src/cli/request.ts";
import { optionsOf, verbNames, verbOption } from "../../src/cli/verbs.ts";

const run = (verb: string, given: object = {}, json = false) => ({ kind: "run", verb, json, given });

const noVerb = {
  kind: "wrong",
  reason:
    "a verb is needed: plan, apply, verify, status, show-effective-config, restart-services, heal-log, rollback, remove, rbac, kubeconfig, upgrade-check",
};

describe("a command line", () => {
  test.each<[string, object]>([
    ["plan", run("plan")],
    ["apply", run("apply")],
    ["verify", run("verify")],
    ["status", run("status")],
    ["remove", run("remove")],
    ["heal-log", run("heal-log")],
    ["heal-log --limit 5", run("heal-log", { limit: "5" })],
    ["heal-log --json --since 2026-03-01", run("heal-log", { since: "2026-03-01" }, true)],
    ["heal-log --since=2026-03-01T12:00:00Z", run("heal-log", { since: "2026-03-01T12:00:00Z" })],
    ["rollback", run("rollback")],
    ["rollback --to 1.3.0", run("rollback", { to: "1.3.0" })],
    ["show-effective-config", run("show-effective-config")],
    ["restart-services", run("restart-services")],
    ["restart-services --deferred-only", run("restart-services", { "deferred-only": true })],
    ["remove --abandon-clusters", run("remove", { "abandon-clusters": true })],
    ["apply --deferred-only", { kind: "wrong", reason: "--deferred-only is for restart-services" }],
    ["rollback --to last", { kind: "wrong", reason: expect.stringContaining("--to is previous, or a") }],
    ["plan --to previous", { kind: "wrong", reason: "--to is for rollback" }],
    ["heal-log --limit 0", { kind: "wrong", reason: "--limit is a number from 1 on" }],
    ["heal-log --limit 1.5", { kind: "wrong", reason: "--limit is a number from 1 on" }],
    ["heal-log --since 5", { kind: "wrong", reason: expect.stringContaining("--since is an ISO time") }],
    ["heal-log --since 2026-13-01", { kind: "wrong", reason: expect.stringContaining("--since is an ISO") }],
    ["plan --limit 5", { kind: "wrong", reason: "--limit is for heal-log" }],
    ["apply --since 2026-03-01", { kind: "wrong", reason: "--since is for heal-log" }],
    ["plan --json", run("plan", {}, true)],
    ["--json plan", run("plan", {}, true)],
    ["apply --config /etc/x.yaml", run("apply", { config: "/etc/x.yaml" })],
    ["apply --config=x.yaml --json", run("apply", { config: "x.yaml" }, true)],
    ["--help", { kind: "help" }],
    ["-h", { kind: "help" }],
    ["plan --help", { kind: "help", verb: "plan" }],
    ["--help rbac", { kind: "help", verb: "rbac" }],
    ["graft --help", { kind: "help" }],
    [
      "remove --config x.yaml",
      { kind: "wrong", reason: "--config is for plan, apply, verify, status, upgrade-check" },
    ],
    ["rbac", run("rbac")],
    ["upgrade-check", run("upgrade-check")],
    [
      "upgrade-check --driver 1.3.0 --chart 0.27.0 --capi 1.16.0-rc.1 --json",
      run("upgrade-check", { driver: "1.3.0", chart: "0.27.0", capi: "1.16.0-rc.1" }, true),
    ],
    ["upgrade-check --config /root/x", run("upgrade-check", { config: "/root/x" })],
    ["upgrade-check --capi v1.16", { kind: "wrong", reason: expect.stringContaining("--capi is a version") }],
    ["plan --capi 1.16.0", { kind: "wrong", reason: "--capi is for upgrade-check" }],
    ["rbac --per-project magnum-a,magnum-b", run("rbac", { "per-project": "magnum-a,magnum-b" })],
    ["rbac --name x --namespace y --json", run("rbac", { name: "x", namespace: "y" }, true)],
    ["rbac --check /etc/k", run("rbac", { check: "/etc/k" })],
    ["rbac --per-project a,,b", { kind: "wrong", reason: expect.stringContaining("names of namespaces") }],
    ["rbac --per-project a_b", { kind: "wrong", reason: expect.stringContaining("names of namespaces") }],
    [`rbac --name ${"x".repeat(51)}`, { kind: "wrong", reason: expect.stringContaining("50 at most") }],
    ["rbac --namespace A", { kind: "wrong", reason: "--namespace is the name of a namespace" }],
    ["rbac --from /root/admin", { kind: "wrong", reason: "--from is for kubeconfig" }],
    [
      "kubeconfig --server https://10.0.0.5:6443 --ca ca.pem --token-file -",
      run("kubeconfig", { server: "https://10.0.0.5:6443", ca: "ca.pem", "token-file": "-" }),
    ],
    ["kubeconfig --from /root/admin", run("kubeconfig", { from: "/root/admin" })],
    ["kubeconfig", { kind: "wrong", reason: "kubeconfig needs --server and --token-file, or --from" }],
    [
      "kubeconfig --server https://a",
      { kind: "wrong", reason: "kubeconfig needs --server and --token-file, or --from" },
    ],
    [
      "kubeconfig --from a --ca b",
      { kind: "wrong", reason: expect.stringContaining("leave out --token-file and --ca") },
    ],
    ...["http://a", "https://me:pw@a", "https://a/path", "a:6443"].map((url): [string, object] => [
      `kubeconfig --token-file - --server ${url}`,
      { kind: "wrong", reason: "--server is an https URL without credentials" },
    ]),
    ["", noVerb],
    ["graft", noVerb],
    ["Plan", noVerb],
    ["plan apply now", { kind: "wrong", reason: "too much: apply now" }],
    ["plan --force", { kind: "wrong", reason: expect.stringContaining("'--force'") }],
    ["plan --json=yes", { kind: "wrong", reason: expect.stringContaining("'--json'") }],
    ["apply --config", { kind: "wrong", reason: expect.stringContaining("'--config <value>'") }],
    ["plan -x", { kind: "wrong", reason: expect.stringContaining("'-x'") }],
  ])("capi-graft %s", (line, request) => {
    expect(parseRequest(line === "" ? [] : line.split(" "))).toEqual(request);
  });
});

function expectScreen(text: string) {
  const lines = text.split("\n");
  expect(lines.length).toBeLessThanOrEqual(24);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(text).toMatch(/^[\x20-\x7e\n]+\n$/);
  expect(text).toContain("exit code: 0 in line, 2 drift or a closed gate, 1 error, 64 wrong use");
}

describe("the help text", () => {
  test("fits a screen of 80 by 24", () => {
    expectScreen(help);
  });

  test("names every verb, and the options that all take", () => {
    const [before = ""] = help.split("exit code");
    const words = [...before.matchAll(/^ {2}(-{0,2}[a-z-]+)/gm)].map(([, word]) => word);
    expect(words).toEqual([...verbNames, "--json", "--help"]);
  });
});

describe.each(verbNames)("the help of %s", (verb) => {
  test("fits a screen of 80 by 24", () => {
    expectScreen(helpOf(verb));
  });

  test("names what it takes, twice, and nothing else", () => {
    const text = helpOf(verb);
    const listed = [...text.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name);
    expect(listed).toEqual([...optionsOf(verb), "json"]);
    const [usage = ""] = text.split("usage: ").slice(1);
    for (const name of optionsOf(verb)) {
      const { value } = verbOption(name);
      expect(usage).toContain(value === undefined ? `[--${name}]` : `[--${name} ${value}]`);
    }
  });
});
