import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { columns } from "../../src/juju/message.ts";
import { toldReasons } from "../support/told-reasons.ts";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/reference/statuses.md"), "utf8");

/** What usually stands for a word in capitals. */
const typical: Readonly<Record<string, string>> = {
  APP: "magnum-capi-helm",
  ARCH: "x86_64",
  CHART: "openstack-cluster",
  CN: "CN=Example Root CA",
  CODE: "ENOSPC",
  DAY: "2026-01-31",
  DEBIAN: "python3-magnum-capi-helm",
  DEFAULTS: "/etc/default/magnum-conductor",
  DROPIN: "override.conf",
  FILE: "99-operator.conf",
  FOLDER: "site-packages",
  GATE: "magnum-conductor-stable",
  GROUP: "capi_helm",
  ID: "pip-package:magnum-capi-helm",
  KIND: "OpenstackCluster",
  LIST: "create/patch secrets, all of roles",
  LOOP: "update_health_status",
  N: "2",
  NAME: "default_helm_chart_version",
  PACKAGE: "magnum-capi-helm",
  PATH: "/usr/local/bin/helm",
  PID: "12345",
  PLACE: "10.12.7.50:6443",
  PROJECT: "0123456789abcdef0123456789abcdef",
  PYTHON: "/usr/bin/python3",
  RELEASE: "0.12",
  REPOSITORY: "https://charts.example.com/capi",
  RESOURCE: "magnum-capi-helm",
  REASON: "it has failed",
  SECRET: "secret:d1abc3f2v7as7cq2m0k0",
  SERVICE: "magnum-conductor",
  STATE: "failed",
  STATUS: "503",
  STEP: "journalctl -u magnum-api -n 50",
  TAGS: "cp312",
  TEXT: "sh: not found",
  TIME: "12:00:05",
  VARIABLE: "https_proxy",
  UNIT: "magnum-capi-helm-watch.path",
  VERSION: "1.4.0",
  WHAT: "/etc/magnum/kubeconfig",
  WHEEL: "magnum_capi_helm-1.4.0-py3-none-any.whl",
  WAY: "upgrade the provider",
  WHY: "no answer within 5 s",
  WHO: "hook config-changed of magnum/0",
};

/** Words that are in capitals by themselves. */
const literal = new Set([
  "CAPI",
  "URI",
  "PATH in",
  "UTC",
  "YAML",
  "DNS",
  "TCP",
  "TLS",
  "CA",
  "API",
  "ID",
  "NOVA",
]);

interface Row {
  readonly status: string;
  readonly message: string;
  readonly cure: string;
}

const rows: readonly Row[] = [...page.matchAll(/^\| (\w+) \| `([^`]+)` \| (.+) \|$/gm)].map(
  ([, status = "", message = "", cure = ""]) => ({ status, message, cure }),
);

function filled(message: string): string {
  return message
    .replaceAll("HEALTHY", "healthy")
    .replaceAll("secret:ID", "secret:id")
    .replaceAll("#file=PATH", "#file=path")
    .replaceAll("=FILE", "=file")
    .replaceAll("look at PATH in", "look at P in")
    .replaceAll("conductor's PATH", "conductor's P")
    .replace(/\b[A-Z]{2,}\b|\bN\b/g, (word) => {
      if (Object.hasOwn(typical, word)) return typical[word] ?? "";
      if (literal.has(word)) return word;
      throw new Error(`nothing is known to stand for ${word}`);
    });
}

describe("docs/reference/statuses.md", () => {
  test("has a row for every status that Juju takes", () => {
    expect(new Set(rows.map(({ status }) => status))).toEqual(
      new Set(["active", "blocked", "maintenance", "waiting"]),
    );
    expect(rows.length).toBeGreaterThan(80);
  });

  test.each(rows)("$message fits into 100 columns, and has its cure", ({ status, message, cure }) => {
    expect(filled(message).length, filled(message)).toBeLessThanOrEqual(columns);
    expect(cure.length).toBeGreaterThan(3);
    if (status === "maintenance") expect(message).toMatch(/^\w+ing /);
    if (status === "blocked") expect(message).toMatch(/; next: |: deploy the charm file/);
  });

  test("lists every reason that the program writes out, without its details", () => {
    const heads = rows.flatMap(({ message }) => {
      const [head = ""] = message.split("; next: ");
      return [head, filled(head)];
    });
    const told = toldReasons(root, ["conductor", "resources", "host", "reconcile", "juju", "management"]);
    // Of a gate that is not checked, which no status tells of; of a removal, which the log tells of; of the check of a plan.
    const other = new Set([
      ...[
        "no answer within 10 s",
        "the secret * has no token yet",
        "* is refused: *",
        "*: *",
        "a removal leaves * behind",
        "its clusters can't be listed: HTTP *",
      ],
      ...told.filter(({ file }) => file.endsWith("/upgrade-notes.ts")).map(({ text }) => text),
    ]);
    const missing = told.filter(({ text }) => {
      if (other.has(text)) return false;
      const head = text.split(/: |; | \(| \*$/)[0] ?? "";
      const pattern = head.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
      // A gate puts a service before some of them, a revert what it was of.
      const lead = String.raw`^(?:(?:reverted, )?\S+ )?`;
      return !heads.some((row) => new RegExp(`${lead}${pattern.join(".+")}(?!\\w)`).test(row));
    });
    expect(told.length).toBeGreaterThan(60);
    expect(missing).toEqual([]);
  });
});
