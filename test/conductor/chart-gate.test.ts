import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ChartChoice, chartGate } from "../../src/conductor/chart-gate.ts";
import { liveRoots } from "../../src/conductor/roots.ts";
import type { CommandResult } from "../../src/host/host.ts";
import { judge } from "../../src/reconcile/gate.ts";
import { conductorFacts } from "../support/conductor-facts.ts";
import { type Program, scriptedHost } from "../support/machine/scripted-host.ts";

const repository = "https://charts.example.com/charts";
const chart: ChartChoice = {
  "chart-name": "openstack-cluster",
  "chart-repository": repository,
  "chart-version": "0.25.1",
};
const shown = (version: string) => `apiVersion: v2\nname: openstack-cluster\nversion: ${version}\n\n`;

async function found(answer: Partial<CommandResult>, choice = chart) {
  const asked: (readonly string[])[] = [];
  const program: Program = (argv) => {
    asked.push(argv);
    return answer;
  };
  const [result] = await judge(scriptedHost([program]), [chartGate(conductorFacts, choice)]);
  return { result, asked };
}

const failed = (stderr: string, code = 1): Partial<CommandResult> => ({ ok: false, code, stderr });

describe("the chart", () => {
  test("is asked for as the daemon's user, with the driver's own words", async () => {
    const { result, asked } = await found({ stdout: shown("0.25.1") });
    expect(result).toMatchObject({
      id: "chart-reachable",
      state: "open",
      detail: "openstack-cluster 0.25.1",
    });
    const [argv = []] = asked;
    expect(argv.slice(0, 6)).toEqual(["runuser", "-u", "magnum", "--", "env", "-i"]);
    expect(argv.slice(-6)).toEqual(["sh", "openstack-cluster", "--repo", repository, "--version", "0.25.1"]);
  });

  test.each([["oci://registry.example.com/charts/openstack-cluster"], ["/srv/charts/openstack-cluster"]])(
    "%s is asked for without a repository",
    async (name) => {
      const choice = { ...chart, "chart-name": name, "chart-repository": "" };
      const { asked } = await found({ stdout: shown("0.25.1") }, choice);
      expect(asked[0]?.slice(-3)).toEqual([name, "--version", "0.25.1"]);
    },
  );

  test("of a path is taken as it is, and it is said that its version is not asked for", async () => {
    const choice = { ...chart, "chart-name": "/srv/charts/x", "chart-repository": "" };
    expect((await found({ stdout: shown("0.24.1") }, choice)).result).toMatchObject({
      state: "open",
      detail: "openstack-cluster 0.24.1, for chart-version means nothing for a path",
    });
  });

  test.each([["0.24.1"], ["0.25.10"]])("that comes as %s is another one", async (version) => {
    expect((await found({ stdout: shown(version) })).result).toMatchObject({
      state: "closed",
      cure: "operator",
      reason: `${repository} gives openstack-cluster ${version} for 0.25.1`,
    });
  });

  test.each(["", "- a\n", "a: [\n", "name: 1\n"])("that comes as %j is none", async (stdout) => {
    expect((await found({ stdout })).result).toMatchObject({
      state: "closed",
      cure: "operator",
      reason: `${repository} is no chart`,
    });
  });
});

const notValid = `Error: looks like "${repository}" is not a valid chart repository or cannot be reached:`;
const get = `Get "${repository}/index.yaml":`;

describe("what helm 3.17.3 says is understood:", () => {
  test.each([
    [
      `Error: chart "openstack-cluster" version "0.25.1" not found in ${repository} repository`,
      "operator",
      `${repository} has no openstack-cluster 0.25.1`,
    ],
    [
      `${notValid} failed to fetch ${repository}/index.yaml : 404 Not Found`,
      "operator",
      `${repository}: failed to fetch ${repository}/index.yaml : 404 Not Found`,
    ],
    [
      `${notValid} failed to fetch ${repository}/index.yaml : 403 Forbidden`,
      "operator",
      `${repository} wants a login`,
    ],
    [
      `${notValid} failed to fetch ${repository}/index.yaml : 503 Service Unavailable`,
      "time",
      `${repository} can't be reached: failed to fetch ${repository}/index.yaml : 503 Service Unavailable`,
    ],
    [
      `${notValid} ${get} dial tcp 192.0.2.1:443: connect: connection refused`,
      "time",
      `${repository} can't be reached: dial tcp 192.0.2.1:443: connect: connection refused`,
    ],
    [
      `${notValid} ${get} dial tcp: lookup charts.example.com on 10.0.0.2:53: no such host`,
      "time",
      `${repository} can't be reached: dial tcp: lookup charts.example.com on 10.0.0.2:53: no such host`,
    ],
    [
      `${notValid} ${get} proxyconnect tcp: dial tcp 127.0.0.1:2: connect: connection refused`,
      "time",
      `${repository} can't be reached: proxyconnect tcp: dial tcp 127.0.0.1:2: connect: connection refused`,
    ],
    [
      `${notValid} ${get} tls: failed to verify certificate: x509: certificate signed by unknown authority`,
      "operator",
      `${repository} can't be trusted: tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    ],
    [
      `${notValid} error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string`,
      "operator",
      `${repository} is no chart repository`,
    ],
    [
      `Error: Get "http://127.0.0.1:1/openstack-cluster-0.25.1.tgz": dial tcp 127.0.0.1:1: connect: connection refused`,
      "time",
      `${repository} can't be reached: dial tcp 127.0.0.1:1: connect: connection refused`,
    ],
    ["Error: something of a newer helm", "operator", "helm show chart: something of a newer helm"],
  ])("%s", async (stderr, cure, reason) => {
    const { result } = await found(
      failed(`WARNING: Kubernetes configuration file is group-readable\n${stderr}\n`),
    );
    expect(result).toMatchObject({ state: "closed", cure, reason });
  });

  test.each([
    ["/srv/charts/x", 'Error: path "/srv/charts/x" not found', "there is no chart at /srv/charts/x"],
    [
      "oci://registry/x/openstack-cluster",
      "Error: registry/x/openstack-cluster:0.25.1: not found",
      "oci://registry/x/openstack-cluster has no openstack-cluster 0.25.1",
    ],
  ])("of %s", async (name, stderr, reason) => {
    const choice = { ...chart, "chart-name": name, "chart-repository": "" };
    expect((await found(failed(stderr), choice)).result).toMatchObject({
      state: "closed",
      cure: "operator",
      reason,
    });
  });

  test("and a login never gets into a message", async () => {
    const { result } = await found(failed('Error: invalid proxy address "http://me:passw0rd@proxy:x": bad'));
    expect(JSON.stringify(result)).not.toContain("passw0rd");
    expect(JSON.stringify(result)).toContain("//...@proxy");
  });

  test.each([failed("", 124), { ...failed("no answer within 75 s", -1), timedOut: true }])(
    "no answer in time is for time",
    async (answer) => {
      expect((await found(answer)).result).toMatchObject({
        cure: "time",
        reason: `${repository}: no answer within 60 s`,
      });
    },
  );

  test("no helm is the matter of another gate", async () => {
    expect((await found(failed("", 98))).result).toMatchObject({ state: "not checked" });
  });
});

describe("the shell around helm", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "chart-gate-"));
    mkdirSync(join(folder, "bin"));
    mkdirSync(join(folder, "home"));
    mkdirSync(join(folder, "default"));
    const helm = `#!/bin/sh
{ pwd; echo "$HELM_CACHE_HOME" "$HELM_REPOSITORY_CACHE" "$https_proxy"; echo "$@"; } > "${folder}/seen"
test -w "$HELM_CACHE_HOME" && echo "apiVersion: v2" && echo "name: x" && echo "version: 0.25.1"
`;
    writeFileSync(join(folder, "bin/helm"), helm, { mode: 0o755 });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the gate's own command line in this process's account, with a home and /etc/default of its own. */
  async function reallyRun(more: Readonly<Record<string, string>> = {}, defaults = "") {
    writeFileSync(join(folder, "default/magnum-conductor"), defaults);
    const program: Program = (argv) => {
      asked = argv;
      return { stdout: shown("0.25.1") };
    };
    let asked: readonly string[] = [];
    const roots = { ...liveRoots, defaults: join(folder, "default") };
    await judge(scriptedHost([program]), [chartGate(conductorFacts, chart, roots)]);
    const [shell = "sh", ...words] = asked.slice(asked.indexOf("sh"));
    const PATH = `${join(folder, "bin")}:/bin:/usr/bin`;
    return await execa(shell, words, {
      env: { PATH, HOME: join(folder, "home"), ...more },
      extendEnv: false,
      reject: false,
    });
  }
  const seen = () => readFileSync(join(folder, "seen"), "utf8").split("\n");

  test("gives it a cache where its own would be, the daemon's folder and environment, and leaves nothing", async () => {
    const { exitCode, stdout } = await reallyRun({}, "export https_proxy=http://proxy:3128\n");
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "apiVersion: v2\nname: x\nversion: 0.25.1" });
    const [cwd, environment = "", words] = seen();
    expect(cwd).toBe(join(folder, "home"));
    expect(environment).toMatch(new RegExp(`^${folder}/home/\\.capi-graft\\.\\w{6}  http://proxy:3128$`));
    expect(words).toBe(`show chart openstack-cluster --repo ${repository} --version 0.25.1`);
    expect(readdirSync(join(folder, "home"))).toEqual([]);
  });

  test.each([
    ["HELM_REPOSITORY_CACHE", ""],
    ["HELM_CACHE_HOME", "/repository"],
    ["XDG_CACHE_HOME", "/helm/repository"],
  ])("follows %s", async (name, below) => {
    const cache = join(folder, "cache");
    mkdirSync(join(cache, below), { recursive: true });
    expect((await reallyRun({ [name]: cache })).exitCode).toBe(0);
    expect(seen()[1]).toContain(`${cache}${below}/.capi-graft.`);
    expect(readdirSync(join(cache, below))).toEqual([]);
  });

  test("ends before helm where the cache can't be written, and says where", async () => {
    writeFileSync(join(folder, "home/.cache"), "no directory");
    const { exitCode, stderr } = await reallyRun();
    expect(exitCode).toBe(97);
    expect(stderr).toContain(`${folder}/home/.cache`);
    const { result } = await found(failed(stderr, exitCode));
    expect(result).toMatchObject({
      state: "closed",
      cure: "operator",
      reason: expect.stringMatching(/^helm can't write its cache: .*Not a directory/),
    });
  });

  test("says that there is no helm", async () => {
    rmSync(join(folder, "bin/helm"));
    expect((await reallyRun()).exitCode).toBe(98);
  });
});
