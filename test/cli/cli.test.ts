import { describe, expect, test, vi } from "vitest";
import { stringify } from "yaml";
import { help, helpOf } from "../../src/cli/help.ts";
import { appendHealRecord, type HealRecord } from "../../src/conductor/heal-log.ts";
import { paths } from "../../src/conductor/paths.ts";
import { type Host, HostFault, readText } from "../../src/host/host.ts";
import { runLine } from "../support/command.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const file = "/root/site/capi.yaml";
const ours = ["/etc", "/usr/local", "/var", "/run"];

/** A conductor with a file of options beside its kubeconfig, and the command to call on it. */
async function machine(options: object = {}) {
  const { kubeconfig, options: good } = wish();
  const settings = { ...good, kubeconfig: "management.kubeconfig", ...options };
  const it = await conductorMachine({
    files: { [file]: stringify(settings), "/root/site/management.kubeconfig": kubeconfig },
  });
  const call = (line: string, host: Host = it.host) => runLine(host, line);
  return { ...it, call };
}

describe("capi-graft with --config, on a unit without Juju,", () => {
  test("plans what differs, writes nothing and ends with 2", async () => {
    const { host, call } = await machine();
    const before = await listing(host, ["/"], { times: true });
    const { code, out, err } = await call(`plan --config ${file}`);
    expect({ code, err }).toEqual({ code: 2, err: "" });
    expect(out).toMatch(
      /^8 resources to change:\n {2}create pip-package:magnum-capi-helm\n {4}version: absent -> 1\.4\.0\n/,
    );
    expect(await listing(host, ["/"], { times: true })).toEqual(before);
  });

  test("applies it, tells its progress, shows the gates and ends with 0", async () => {
    const { call } = await machine();
    const { code, out, err } = await call(`apply --config ${file}`);
    expect(code).toBe(0);
    expect(err).toMatch(
      /^(fetching and checking.*\n){3}create pip-package:magnum-capi-helm\ncreate helm:\/usr\/local\/bin\/helm\n/,
    );
    expect(out).toContain("8 resources changed or held:\n");
    expect(out).toContain("\n  open         magnum-conductor-live: ");
    expect(out).toContain("\n  not checked  trust: ");
  });

  test("knows the last one without the file from then on", async () => {
    const { call } = await machine();
    await call(`apply --config ${file}`);
    const { code, out } = await call("plan");
    expect(code).toBe(0);
    expect(out).toMatch(/^nothing differs\ngates:\n {2}open {9}[a-z-]+: /);
  });

  test("takes api-resources as a mapping as well", async () => {
    const { host, call } = await machine({
      "api-resources": { Machine: { api_version: "cluster.x-k8s.io/v1beta2" } },
    });
    expect((await call(`apply --config ${file}`)).code).toBe(0);
    expect(await readText(host.fs, paths.dropIn)).toContain(
      'api_resources = {"Machine":{"api_version":"cluster.x-k8s.io/v1beta2"}}\n',
    );
  });
});

describe("capi-graft on a unit with a deferred restart", () => {
  const deferring = { "enable-auto-restarts": false };

  test("plans and verifies it as in line, names the services, and restarts nothing", async () => {
    const { host, call } = await machine(deferring);
    expect((await call(`apply --config ${file}`)).code).toBe(0);
    const { code, out } = await call("plan");
    expect(code).toBe(0);
    expect(out).toContain("held: restart deferred: magnum-conductor\n");
    const verified = await call("verify");
    expect(verified.code).toBe(0);
    expect(verified.out).toMatch(/checked, restart deferred: magnum-conductor, magnum-api\n$/);
    expect(restarts(host.commands)).toEqual([]);
  });

  test("restarts what is deferred, once, and every service without --deferred-only", async () => {
    const { host, call } = await machine(deferring);
    await call(`apply --config ${file}`);
    const { code, out } = await call("restart-services --deferred-only --json");
    expect(code).toBe(0);
    const document = JSON.parse(out) as { outcomes: { id: string; outcome: string }[] };
    expect(document).toMatchObject({ "in-line": true, mode: "apply" });
    expect(document.outcomes.map(({ id, outcome }) => `${outcome} ${id}`)).toEqual([
      "changed service:magnum-conductor",
      "changed service:magnum-api",
    ]);
    expect((await call("restart-services --deferred-only")).out).toMatch(/^nothing differs\n/);
    expect(restarts(host.commands)).toHaveLength(2);
    expect((await call("restart-services")).out).toMatch(/^2 resources changed or held:\n/);
    expect(restarts(host.commands)).toHaveLength(4);
  });
});

describe("capi-graft show-effective-config", () => {
  test("shows each option of each service with its file, and writes nothing", async () => {
    const { host, call } = await machine({ "chart-version": "0.26.0" });
    await call(`apply --config ${file}`);
    const before = await listing(host, ["/"], { times: true });
    const { code, out } = await call("show-effective-config");
    expect(code).toBe(0);
    expect(out).toContain("magnum-conductor:\n  drivers: k8s_capi_helm_v1, k8s_fedora_coreos_v1\n");
    expect(out).toContain(`  capi_helm.default_helm_chart_version = 0.26.0  (${paths.dropIn})\n`);
    expect(out).toMatch(/\nmagnum-api:\n/);
    const { services } = JSON.parse((await call("show-effective-config --json")).out) as {
      services: { service: string; options: Record<string, unknown> }[];
    };
    expect(services.map(({ service }) => service)).toEqual(["magnum-conductor", "magnum-api"]);
    expect(services[0]?.options).toMatchObject({
      "capi_helm.namespace_prefix": { value: "", file: "" },
      "capi_helm_cluster_labels.octavia_provider": { value: "", file: "" },
      "drivers.openstack_ca_file": { value: "", file: "" },
      "cluster_template.kubernetes_default_network_driver": { value: "calico", file: paths.dropIn },
    });
    expect(await listing(host, ["/"], { times: true })).toEqual(before);
  });

  test("ends with 2 where a service would not start, and hides a login in a URL", async () => {
    const { host, call } = await machine();
    await call(`apply --config ${file}`);
    const site = `${paths.dropInDirectory}/99-site.conf`;
    const mode = { mode: "0644", uid: 0, gid: 0 };
    await host.fs.write(site, "[capi_helm]\nhelm_chart_repo = https://me:hidden@mirror/charts\n", mode);
    const { out } = await call("show-effective-config");
    expect(out).toContain(`  capi_helm.helm_chart_repo = https://...@mirror/charts  (${site})\n`);
    expect(out).not.toContain("hidden");
    await host.fs.write(site, "nonsense\n", mode);
    const broken = await call("show-effective-config");
    expect(broken.code).toBe(2);
    expect(broken.out).toContain(`  ERROR: ConfigFileParseError: Failed to parse ${site}`);
  });
});

describe("capi-graft verify", () => {
  test("judges every gate, counts them and writes nothing", async () => {
    const { host, call } = await machine();
    await call(`apply --config ${file}`);
    const before = await listing(host, ["/"], { times: true });
    const { code, out } = await call("verify");
    expect(code).toBe(0);
    expect(out).toMatch(/\n27 open, 0 closed, 5 not checked\n$/);
    expect(await listing(host, ["/"], { times: true })).toEqual(before);
  });

  test("judges them also where something differs, and says so", async () => {
    const { host, call } = await machine();
    await call(`apply --config ${file}`);
    await host.fs.remove(paths.helm);
    const { code, out } = await call("verify");
    expect(code).toBe(2);
    expect(out).toContain("  CLOSED       helm-on-path: ");
    expect(out).toMatch(/\n24 open, 2 closed, 6 not checked, 1 resource differs\n$/);
  });

  test("does not restart anything", async () => {
    const { host, call } = await machine();
    await call(`apply --config ${file}`);
    await host.fs.remove(paths.dropIn);
    host.commands.length = 0;
    expect((await call("verify")).code).toBe(2);
    expect(restarts(host.commands)).toEqual([]);
  });
});

describe("capi-graft status", () => {
  test("shows what is wanted and what is there, without the kubeconfig's content", async () => {
    const { call } = await machine();
    await call(`apply --config ${file}`);
    const { code, out } = await call("status");
    expect(code).toBe(0);
    expect(out).toContain("desired:\n");
    expect(out).toContain("\n  kubeconfig: (content not shown)\n");
    expect(out).toContain("\n  chart-version: 0.25.1\n");
    expect(out).toMatch(/\n {2}pip-package:magnum-capi-helm: version=1\.4\.0 files=intact /);
  });

  test("shows what is absent", async () => {
    const { call } = await machine();
    expect((await call(`status --config ${file}`)).out).toContain("\n  helm:/usr/local/bin/helm: absent\n");
  });
});

describe("capi-graft heal-log", () => {
  const at = (second: number) => `2026-03-01T12:00:0${second}.000Z`;
  const record = (second: number): HealRecord => ({
    at: at(second),
    kind: "heal",
    trigger: "watch",
    changes: [],
    cause: { what: "unknown", evidence: [] },
    restarts: [],
    seconds: 1,
  });

  test("shows what was repaired, without anything that is wanted of the unit", async () => {
    const { host, call } = await machine();
    for (const second of [1, 2, 3]) await appendHealRecord(host, record(second));
    const { code, out, err } = await call("heal-log");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.split("\n").filter((line) => line.startsWith("2026"))).toEqual([
      "2026-03-01 12:00:01 UTC  heal, watch, 1 s",
      "2026-03-01 12:00:02 UTC  heal, watch, 1 s",
      "2026-03-01 12:00:03 UTC  heal, watch, 1 s",
    ]);
  });

  test("gives one document, of the records that are asked for", async () => {
    const { host, call } = await machine();
    expect(await call("heal-log --json")).toEqual({ code: 0, out: '{"records":[]}\n', err: "" });
    for (const second of [1, 2, 3]) await appendHealRecord(host, record(second));
    const { out } = await call(`heal-log --json --limit 1`);
    expect(JSON.parse(out)).toEqual({ records: [record(3)] });
    expect(JSON.parse((await call(`heal-log --json --since ${at(2)}`)).out)).toEqual({
      records: [record(2), record(3)],
    });
  });

  test("says that nothing was repaired, and writes nothing", async () => {
    const { host, call } = await machine();
    const before = await listing(host, ["/"], { times: true });
    expect(await call("heal-log")).toEqual({ code: 0, out: "nothing was found to repair\n", err: "" });
    expect(await listing(host, ["/"], { times: true })).toEqual(before);
    expect(host.commands).toEqual([]);
  });
});

describe("capi-graft remove", () => {
  test("takes everything back, and has nothing to do the second time", async () => {
    const { host, call } = await machine();
    const before = await listing(host, ours);
    await call(`apply --config ${file}`);
    expect(await call("remove")).toMatchObject({ code: 0 });
    expect(await listing(host, ours)).toEqual(before);
    expect(await call("remove")).toMatchObject({ code: 0, out: "nothing was ever changed on this unit\n" });
  });
});

describe("with --json", () => {
  test.each([
    ["plan", 0],
    ["verify", 0],
    ["status", 0],
    ["heal-log", 0],
    ["apply", 0],
    ["remove", 0],
  ])("%s prints one document and nothing else", async (verb, expected) => {
    const { call } = await machine();
    await call(`apply --config ${file}`);
    const { code, out, err } = await call(`${verb} --json`);
    expect({ code, err }).toEqual({ code: expected, err: "" });
    expect(out.split("\n")).toHaveLength(2);
    expect(JSON.parse(out)).toBeTypeOf("object");
  });

  test("a plan names each resource, its drift and whether all is in line", async () => {
    const { host, call } = await machine();
    await call(`apply --config ${file}`);
    await host.fs.remove(paths.helm);
    const { code, out } = await call("plan --json");
    expect(code).toBe(2);
    const document = JSON.parse(out) as { outcomes: { outcome: string }[] };
    expect(document).toMatchObject({ "in-line": false, mode: "plan", gates: [] });
    expect(document.outcomes.filter(({ outcome }) => outcome !== "unchanged")).toMatchObject([
      { id: "helm:/usr/local/bin/helm", outcome: "drifted", change: { action: "create" } },
    ]);
  });

  test("refused options are listed", async () => {
    const { call } = await machine({ "chart-version": "latest" });
    const { code, out } = await call(`apply --json --config ${file}`);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      end: "refused",
      refusals: [{ option: "chart-version", value: "latest" }],
    });
  });

  test("an error is a document too", async () => {
    const { call } = await machine();
    const { code, out, err } = await call("plan --json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      error: "nothing was applied on this unit yet",
      remedy: "give --config FILE, or let the charm do it",
    });
    expect(err).toContain("nothing was applied on this unit yet");
  });

  test.each(["plan", "apply", "verify", "status"])(
    "a machine without a conductor says so to %s",
    async (verb) => {
      const { host, call } = await machine();
      await host.fs.remove(paths.conductorInit);
      const { code, out } = await call(`${verb} --json --config ${file}`);
      expect(code).toBe(1);
      expect(JSON.parse(out)).toEqual({
        end: "no-conductor",
        missing: `${paths.conductorInit} is not there`,
      });
    },
  );
});

describe("what is wrong is said with the next step:", () => {
  test("wrong use, with 64", async () => {
    const { call } = await machine();
    expect(await call("graft")).toEqual({
      code: 64,
      out: "",
      err: "capi-graft: a verb is needed: plan, apply, verify, status, show-effective-config, restart-services, heal-log, rollback, remove, rbac, kubeconfig, upgrade-check\ncapi-graft --help says more\n",
    });
  });

  test.each([
    [
      "no such file",
      "plan --config /root/none.yaml",
      "/root/none.yaml is not there; next: name an existing file",
    ],
    [
      "a directory",
      "plan --config /root",
      "failed to read /root: EISDIR; next: look at it and its filesystem",
    ],
  ])("%s", async (_, line, message) => {
    const { call } = await machine();
    expect(await call(line)).toEqual({ code: 1, out: "", err: `capi-graft: ${message}\n` });
  });

  test.each([
    ["a list", "- a\n", `${file} is no YAML mapping of options; next: capi-graft --help`],
    ["nothing", "", `${file} is no YAML mapping of options; next: capi-graft --help`],
    ["no YAML", "a: [\nb: }", `${file} is no YAML mapping of options; next: capi-graft --help`],
    [
      "no kubeconfig",
      "chart-version: 0.25.1\n",
      `${file} has no kubeconfig; next: kubeconfig: the path of a file`,
    ],
    [
      "a kubeconfig that is not there",
      "kubeconfig: none\n",
      "none is not there; next: name an existing file",
    ],
  ])("a file with %s", async (_, text, message) => {
    const { host, call } = await machine();
    await host.fs.write(file, text, { mode: "0644", uid: 0, gid: 0 });
    expect(await call(`plan --config ${file}`)).toEqual({
      code: 1,
      out: "",
      err: `capi-graft: ${message}\n`,
    });
  });

  test("refused options, with 1", async () => {
    const { call } = await machine({ "chart-version": 0.25, "helm-url": "https://user:passw0rd@mirror/" });
    expect(await call(`apply --config ${file}`)).toEqual({
      code: 1,
      out:
        "refused, nothing was changed:\n" +
        "helm-url: https://...@mirror/; accepted: empty, or an http or https URL without credentials\n" +
        "chart-version: 0.25; accepted: a text\n",
      err: "",
    });
  });

  test("a closed gate, with 2", async () => {
    const { host, call } = await machine();
    host.web.clear();
    const { code, out } = await call(`apply --config ${file}`);
    expect(code).toBe(2);
    expect(out).toContain("helm can't be fetched: http://mirror/helm.tar.gz: HTTP 404");
  });

  test.each(["plan", "apply", "remove"])("a fault of the machine, to %s, with 1", async (verb) => {
    const { host, call } = await machine();
    await call(`apply --config ${file}`);
    const fault = new HostFault("systemctl does not answer", { remedy: "look at systemd" });
    const broken: Host = { ...host, run: () => Promise.reject(fault) };
    expect(await call(verb, broken)).toEqual({
      code: 1,
      out: "systemctl does not answer; next: look at systemd\n",
      err: "",
    });
  });

  test.each(["apply", "remove"])("another run at work, to %s", async (verb) => {
    const { host, call } = await machine();
    await call(`apply --config ${file}`);
    const busy: Host = { ...host, lock: async () => undefined };
    expect(await call(verb, busy)).toEqual({ code: 1, out: "another run is at work\n", err: "" });
  });
});

test("help is asked for and printed", async () => {
  const { call } = await machine();
  expect(await call("--help")).toEqual({ code: 0, out: help, err: "" });
  expect(await call("rollback --help")).toEqual({ code: 0, out: helpOf("rollback"), err: "" });
});

test("a defect of this program is no error message: it is thrown", async () => {
  const { host, call } = await machine();
  const broken: Host = { ...host, run: () => Promise.reject(new TypeError("not a function")) };
  await expect(call(`plan --config ${file}`, broken)).rejects.toThrow(TypeError);
});
