import { describe, expect, test } from "vitest";
import { help, parseRequest } from "../../src/cli/request.ts";

const run = (verb: string, more: object = {}) => ({
  kind: "run",
  verb,
  json: false,
  config: undefined,
  to: "previous",
  deferredOnly: false,
  ...more,
});

const noVerb = {
  kind: "wrong",
  reason:
    "a verb is needed: plan, apply, verify, status, show-effective-config, restart-services, heal-log, rollback, remove",
};

describe("a command line", () => {
  test.each<[string, object]>([
    ["plan", run("plan")],
    ["apply", run("apply")],
    ["verify", run("verify")],
    ["status", run("status")],
    ["remove", run("remove")],
    ["heal-log", run("heal-log")],
    ["heal-log --limit 5", run("heal-log", { limit: 5 })],
    ["heal-log --json --since 2026-03-01", run("heal-log", { json: true, since: "2026-03-01" })],
    ["heal-log --since=2026-03-01T12:00:00Z", run("heal-log", { since: "2026-03-01T12:00:00Z" })],
    ["rollback", run("rollback")],
    ["rollback --to 1.3.0", run("rollback", { to: "1.3.0" })],
    ["show-effective-config", run("show-effective-config")],
    ["restart-services", run("restart-services")],
    ["restart-services --deferred-only", run("restart-services", { deferredOnly: true })],
    ["apply --deferred-only", { kind: "wrong", reason: "--deferred-only is for restart-services" }],
    ["rollback --to last", { kind: "wrong", reason: expect.stringContaining("--to is previous, or a") }],
    ["plan --to previous", { kind: "wrong", reason: "--to is for rollback" }],
    ["heal-log --limit 0", { kind: "wrong", reason: "--limit is a number from 1 on" }],
    ["heal-log --limit 1.5", { kind: "wrong", reason: "--limit is a number from 1 on" }],
    ["heal-log --since 5", { kind: "wrong", reason: expect.stringContaining("--since is an ISO time") }],
    ["heal-log --since 2026-13-01", { kind: "wrong", reason: expect.stringContaining("--since is an ISO") }],
    ["plan --limit 5", { kind: "wrong", reason: "--limit is for heal-log" }],
    ["apply --since 2026-03-01", { kind: "wrong", reason: "--since is for heal-log" }],
    ["plan --json", run("plan", { json: true })],
    ["--json plan", run("plan", { json: true })],
    ["apply --config /etc/x.yaml", run("apply", { config: "/etc/x.yaml" })],
    ["apply --config=x.yaml --json", run("apply", { config: "x.yaml", json: true })],
    ["--help", { kind: "help" }],
    ["-h", { kind: "help" }],
    ["plan --help", { kind: "help" }],
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

describe("the help text", () => {
  const lines = help.split("\n");

  test("fits a screen of 80 by 24", () => {
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(help).toMatch(/^[\x20-\x7e\n]+\n$/);
  });

  test("names every verb, option and exit code", () => {
    const [before = ""] = help.split("exit code");
    const words = [...before.matchAll(/^ {2}(-{0,2}[a-z-]+)/gm)].map(([, word]) => word);
    expect(words).toEqual([
      "plan",
      "apply",
      "verify",
      "status",
      "show-effective-config",
      "restart-services",
      "heal-log",
      "rollback",
      "remove",
      "--config",
      "--limit",
      "--to",
      "--deferred-only",
      "--json",
      "--help",
    ]);
    for (const values of ["--config FILE ", "--limit N, --since TIME ", "--to previous|VERSION "])
      expect(help).toContain(`\n  ${values} `);
    expect(help).toContain("exit code: 0 in line, 2 drift or a closed gate, 1 error, 64 wrong use");
  });
});
