import { describe, expect, test } from "vitest";
import { help, parseRequest } from "../../src/cli/request.ts";

const run = (verb: string, more: object = {}) => ({
  kind: "run",
  verb,
  json: false,
  config: undefined,
  ...more,
});

describe("a command line", () => {
  test.each<[string, object]>([
    ["plan", run("plan")],
    ["apply", run("apply")],
    ["verify", run("verify")],
    ["status", run("status")],
    ["remove", run("remove")],
    ["plan --json", run("plan", { json: true })],
    ["--json plan", run("plan", { json: true })],
    ["apply --config /etc/x.yaml", run("apply", { config: "/etc/x.yaml" })],
    ["apply --config=x.yaml --json", run("apply", { config: "x.yaml", json: true })],
    ["--help", { kind: "help" }],
    ["-h", { kind: "help" }],
    ["plan --help", { kind: "help" }],
    ["", { kind: "wrong", reason: "a verb is needed: plan, apply, verify, status, remove" }],
    ["graft", { kind: "wrong", reason: "a verb is needed: plan, apply, verify, status, remove" }],
    ["Plan", { kind: "wrong", reason: "a verb is needed: plan, apply, verify, status, remove" }],
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
    for (const word of ["plan", "apply", "verify", "status", "remove", "--config FILE", "--json", "--help"]) {
      expect(help).toContain(`\n  ${word} `);
    }
    expect(help).toContain("exit code: 0 in line, 2 drift or a closed gate, 1 error, 64 wrong use");
  });
});
