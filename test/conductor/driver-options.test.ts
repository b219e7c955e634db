import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { parseConfig, type RawOptions } from "../../src/conductor/config.ts";
import { daemonOptions, renderDropIn } from "../../src/conductor/drop-in.ts";
import { optionNotes } from "../../src/conductor/option-notes.ts";
import { paths } from "../../src/conductor/paths.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";
import { readAsOslo } from "../support/oslo-reader.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const fixture = (name: string) => readFileSync(join(import.meta.dirname, "../fixtures/ca", name), "utf8");
const [ca, ended] = [fixture("ca.pem"), fixture("ended.pem")];
const parsed = (options: RawOptions) => parseConfig(options, kubeconfigText());

function accepted(options: RawOptions) {
  const config = parsed(options);
  if (!("kubeconfig" in config)) throw new Error(JSON.stringify(config));
  return config;
}

const sections = (options: RawOptions) => readAsOslo(renderDropIn(daemonOptions(accepted(options))));
const map = "a YAML map of names to values, such as {octavia_provider: ovn}";
const plain = "YAML without anchors, aliases, tags and directives";
const whole = "a whole number from 0 to 2147483647";

describe("capi-helm-options is refused, with what is wrong and what is accepted:", () => {
  test.each([
    ["- octavia_provider", "- octavia_provider", map],
    ["text", "text", map],
    ["--octavia_provider=ovn", "--octavia_provider=ovn", map],
    ["{octavia_provider", "line 1: no YAML", map],
    ["octavia_provider: %x", "line 1: no YAML", map],
    ["octavia_provider: &x ovn", "line 1: an anchor", plain],
    ["boot_volume_type: &x a\noctavia_provider: *x", "line 1: an anchor", plain],
    ["octavia_provider: !!str ovn", "line 1: a tag", plain],
    ["%YAML 1.1\n---\n{}", "a line that begins with %", plain],
    ["octavia_provider: a\noctavia_provider: b", "line 2: a second value of one name", "each name once"],
    ["octavia_provider: {a: b}", "octavia_provider: a map", "one value of octavia_provider, or a list"],
    ["octavia_provider: [a]", "octavia_provider: a", "one value, not a list"],
    ["octavia_provider: |\n  a\n  b", "octavia_provider: a\\nb\\n", "one line for octavia_provider"],
    ['octavia_provider: "a\\0"', "octavia_provider: a\\u0000", "printable ASCII for octavia_provider"],
    ["octavia_provider: a\u0000", "octavia_provider: a\\u0000", "a value without control characters"],
    ["octavia_provider: \u00e4", "octavia_provider: \\u00e4", "ASCII only"],
    ["x".repeat(1_000_000), "1000000 characters", "at most 16384 characters"],
    ["octavia_provder: ovn", "octavia_provder", "a name of the driver; the nearest is octavia_provider"],
    ["helm_chart_name: x", "helm_chart_name", "the charm's option chart-name for it"],
    ["kubeconfig_file: /x", "kubeconfig_file", "the charm's option kubeconfig for it"],
    [
      "etcd_volume_size: 1",
      "etcd_volume_size",
      "etcd_blockdevice_size instead: the driver never reads etcd_volume_size",
    ],
    ["boot_volume_size: big", "boot_volume_size: big", whole],
    ["boot_volume_size: 1.5", "boot_volume_size: 1.5", whole],
    ["boot_volume_size: -1", "boot_volume_size: -1", whole],
    ["boot_volume_size: $(id)", "boot_volume_size: $(id)", whole],
    ["monitoring_enabled: maybe", "monitoring_enabled: maybe", "true or false"],
    ["csi_cinder_reclaim_policy: retain", "csi_cinder_reclaim_policy: retain", "Retain or Delete"],
    ["capi_helm: 1", "capi_helm", "a map of names to values below capi_helm"],
    ["capi_helm: {a: &x 1}", "line 1: an anchor", plain],
  ])("%.50j", (value, shown, words) => {
    expect(parsed({ "capi-helm-options": value })).toEqual([
      { option: "capi-helm-options", value: shown, accepted: words },
    ]);
  });

  test("a value that is no text", () => {
    expect(parsed({ "capi-helm-options": 1 })).toMatchObject([{ accepted: "a text" }]);
  });
});

describe("capi-helm-options", () => {
  test("that is empty renders the drop-in of before", () => {
    expect(renderDropIn(daemonOptions(accepted({ "capi-helm-options": "" })))).toBe(
      renderDropIn(daemonOptions(accepted({}))),
    );
  });

  test.each([
    "{octavia_provider: ovn, boot_volume_size: 040, monitoring_enabled: YES, namespace_prefix: site}",
    "capi_helm: {namespace_prefix: site}\ncapi_helm_cluster_labels:\n  {octavia_provider: ovn, boot_volume_size: 40, monitoring_enabled: on}",
  ])("lands in the sections that the driver reads: %j", (value) => {
    const read = sections({ "capi-helm-options": value });
    expect(read["capi_helm"]).toMatchObject({ namespace_prefix: "site" });
    expect(Object.entries(read["capi_helm_cluster_labels"] ?? {})).toEqual([
      ["boot_volume_size", "40"],
      ["monitoring_enabled", "True"],
      ["octavia_provider", "ovn"],
    ]);
  });

  test("is rendered for driver 1.3.0 where that has the options, and a note names the others", async () => {
    const options = {
      "driver-version": "1.3.0",
      "capi-helm-options": "{csi_cinder_fstype: xfs, octavia_provider: ovn}",
    };
    expect(sections(options)["capi_helm"]).toMatchObject({ csi_cinder_fstype: "xfs" });
    expect(sections(options)["capi_helm_cluster_labels"]).toBeUndefined();
    const [note] = optionNotes(accepted(options));
    expect(await note?.check(memoryHost(), () => {})).toMatchObject({
      cure: "note",
      reason: "capi-helm-options: driver 1.3.0 does not know octavia_provider",
    });
  });

  test.each([
    ["0.25.1", "chart 0.25.1 ignores api_master_lb_allowed_cidrs: the API is open to all"],
    ["0.28.0", "chart 0.28.0 may ignore api_master_lb_allowed_cidrs, as 0.27.0 does"],
  ])("is noted where chart %s does not know an option by the driver's name", async (version, reason) => {
    const set = {
      "chart-version": version,
      "capi-helm-options": "{api_master_lb_allowed_cidrs: 10.0.0.0/8}",
    };
    const note = optionNotes(accepted(set)).find(({ id }) => id === "chart-options-used");
    expect(await note?.check(memoryHost(), () => {})).toMatchObject({
      state: "closed",
      cure: "note",
      reason,
    });
    const without = optionNotes(accepted({ ...set, "capi-helm-options": "{octavia_provider: ovn}" }));
    const other = without.find(({ id }) => id === "chart-options-used");
    expect(await other?.check(memoryHost(), () => {})).toEqual({ state: "open" });
  });

  test("gives the daemons exactly the text that was set", () => {
    let count = 0;
    const nasty = fc.array(
      fc.constantFrom("$", "$$", "a", '"', "'", " ", "\\", "#", ";", "=", "%(x)s", "\n", "é"),
    );
    fc.assert(
      fc.property(nasty, (parts) => {
        const text = parts.join("");
        const config = parsed({ "capi-helm-options": JSON.stringify({ octavia_provider: text }) });
        if (!("kubeconfig" in config)) return;
        count += 1;
        const read = readAsOslo(renderDropIn(daemonOptions(config)));
        const raw = read["capi_helm_cluster_labels"]?.["octavia_provider"] ?? "none";
        expect(raw.replaceAll("$$", "")).not.toContain("$");
        expect(raw.replaceAll("$$", () => "$")).toBe(text);
      }),
      { numRuns: 1_000 },
    );
    expect(count).toBeGreaterThan(200);
  });
});

describe("openstack-ca", () => {
  const none = "empty, or certificates in PEM, as they are or in base64";
  test.each([
    ["no", "no", none],
    ["x".repeat(100), "100 characters", none],
    ["\n", "\\n", none],
    ["x".repeat(1_000_000), "1000000 characters", "at most 524288 characters"],
    [ca.slice(0, 200), "a certificate without its end", "certificates that are not cut off"],
    [ca.replace(/\n[A-Za-z0-9]{20}/, "\n"), "certificate 1 of 1", "certificates that OpenSSL can read"],
  ])("%.30j is refused", (value, shown, words) => {
    expect(parsed({ "openstack-ca": value })).toEqual([
      { option: "openstack-ca", value: shown, accepted: words },
    ]);
  });

  test.each([(text: string) => text, (text: string) => Buffer.from(text).toString("base64")])(
    "with a private key is refused without a word of it (%#)",
    (packed) => {
      const key = "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n";
      const found = parsed({ "openstack-ca": packed(`${ca}${key}`) });
      expect(found).toMatchObject([{ value: "a private key" }]);
      expect(JSON.stringify(found)).not.toMatch(/s3cret|czNjcmV0/);
    },
  );

  test("is taken as PEM with text around it, and as base64 of that", () => {
    expect(accepted({ "openstack-ca": `# é\n${ca}${ended}` })["openstack-ca"]).toBe(ca + ended);
    expect(accepted({ "openstack-ca": Buffer.from(ca).toString("base64") })["openstack-ca"]).toBe(ca);
    expect(sections({ "openstack-ca": ca })["drivers"]).toEqual({ openstack_ca_file: paths.openstackCa });
    expect(sections({})["drivers"]).toBeUndefined();
  });

  test("with a certificate that has ended is a note that names it and the day", async () => {
    const [note] = optionNotes(accepted({ "openstack-ca": ca + ended }));
    expect(await note?.check(memoryHost(), () => {})).toMatchObject({
      cure: "note",
      reason: "openstack-ca: CN=ended authority ended 2021-01-01",
    });
  });
});
