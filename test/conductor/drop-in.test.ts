import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { type Config, parseConfig, type RawOptions } from "../../src/conductor/config.ts";
import { daemonOptions, describeDropIn, renderDropIn } from "../../src/conductor/drop-in.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";
import { readAsOslo } from "../support/oslo-reader.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const kubeconfig = kubeconfigText();

function accepted(options: RawOptions): Config | undefined {
  const config = parseConfig(options, kubeconfig);
  return "kubeconfig" in config ? config : undefined;
}

function rendered(options: RawOptions): string {
  const config = accepted(options);
  if (config === undefined) throw new Error("the options of this test are refused");
  return renderDropIn(daemonOptions(config));
}

describe("the drop-in", () => {
  test("for driver 1.4.0", () => {
    expect(
      rendered({ "api-resources": '{"Machine": {"api_version": "cluster.x-k8s.io/v1beta2"}}' }),
    ).toMatchInlineSnapshot(`
        "# Written by the magnum-capi-helm charm, and put back when it is changed here: use juju config instead.
        # capi-graft verify tells which of these values the daemons see, and out of which file.
        [capi_helm]
        kubeconfig_file = /etc/magnum/kubeconfig
        helm_chart_repo = https://azimuth-cloud.github.io/capi-helm-charts
        helm_chart_name = openstack-cluster
        default_helm_chart_version = 0.25.1
        api_resources = {"Machine":{"api_version":"cluster.x-k8s.io/v1beta2"}}

        [cluster_template]
        kubernetes_default_network_driver = calico
        kubernetes_allowed_network_drivers = calico,cilium
        "
      `);
  });

  test("for driver 1.3.0, which knows no api_resources", () => {
    expect(rendered({ "driver-version": "1.3.0" })).toMatchInlineSnapshot(`
      "# Written by the magnum-capi-helm charm, and put back when it is changed here: use juju config instead.
      # capi-graft verify tells which of these values the daemons see, and out of which file.
      [capi_helm]
      kubeconfig_file = /etc/magnum/kubeconfig
      helm_chart_repo = https://azimuth-cloud.github.io/capi-helm-charts
      helm_chart_name = openstack-cluster
      default_helm_chart_version = 0.25.1

      [cluster_template]
      kubernetes_default_network_driver = calico
      kubernetes_allowed_network_drivers = calico,cilium
      "
    `);
  });

  test("for a chart in a registry has an empty repository, which is not the driver's default", () => {
    const text = rendered({
      "chart-name": "oci://registry/charts/openstack-cluster",
      "chart-repository": "",
    });
    expect(text).toContain("\nhelm_chart_repo =\n");
    expect(readAsOslo(text)["capi_helm"]).toMatchObject({
      helm_chart_repo: "",
      helm_chart_name: "oci://registry/charts/openstack-cluster",
    });
  });

  test("is described by what it sets, for a plan to name what differs", () => {
    const text = rendered({});
    expect(describeDropIn(text)).toMatchObject({
      "capi_helm.default_helm_chart_version": "0.25.1",
      "capi_helm.api_resources": "{}",
      "cluster_template.kubernetes_default_network_driver": "calico",
    });
    expect(Object.keys(describeDropIn(text))).toHaveLength(7);
    expect(describeDropIn("no file of that kind")).toEqual({});
  });
});

const nasty = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.string({ unit: "grapheme", maxLength: 4 }),
  fc.constantFrom(
    "$",
    "$" + "{x}",
    "\\u0024",
    "%(x)s",
    "\n[DEFAULT]\nx = y",
    " # x",
    " ; x",
    "'",
    '"',
    "\\",
    "é",
    "\u0000",
    "\r",
    "=",
    ":",
    " ",
  ),
);
const around = (good: string) =>
  fc.oneof(
    { weight: 15, arbitrary: fc.constant(good) },
    fc.tuple(nasty, nasty).map(([before, behind]) => before + good + behind),
    nasty.map((it) => `${good.slice(0, 4)}${it}${good.slice(4)}`),
    nasty.map((it) => `${good}-${it}`),
    nasty,
  );
const kinds = fc.constantFrom(
  "Cluster",
  "Machine",
  "K8sControlPlane",
  "HelmRelease",
  "machine",
  "__proto__",
  "é",
);
const versions = fc.oneof(
  fc.constantFrom("cluster.x-k8s.io/v1beta1", "cluster.x-k8s.io/v1beta2", "addons.stackhpc.com/v1alpha1"),
  around("cluster.x-k8s.io/v1beta1"),
);
const plurals = fc.oneof(fc.constant("kubeadmcontrolplanes"), nasty);
const resources = fc
  .dictionary(
    kinds,
    fc.oneof(
      versions.map((it) => ({ api_version: it })),
      plurals.map((it) => ({ plural_name: it })),
      fc.constant({}),
    ),
  )
  .map((it) => JSON.stringify(it));
const repositories = fc.oneof(
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
  around("https://mirror/charts"),
);
const charts = fc.oneof(
  fc.record({ "chart-repository": repositories, "chart-name": around("openstack-cluster") }),
  fc.record({
    "chart-repository": around(""),
    "chart-name": fc.oneof(around("/srv/chart.tgz"), around("oci://registry/x")),
  }),
);
const others = fc.record(
  {
    "driver-version": fc.oneof(fc.constantFrom("1.4.0", "1.3.0", "2.0.0"), around("1.4.0")),
    "chart-version": around("0.25.1"),
    "api-resources": fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom("auto", "{}") },
      { weight: 2, arbitrary: resources },
      around("{}"),
      fc.json({ maxDepth: 2 }),
    ),
    "default-network-driver": around("cilium"),
  },
  { requiredKeys: [] },
);
const options = fc.tuple(charts, others).map(([chart, other]) => ({ ...chart, ...other }));

test("no accepted configuration renders anything but what a daemon reads back as the same values", () => {
  let count = 0;
  fc.assert(
    fc.property(options, (raw) => {
      const config = accepted(raw);
      if (config === undefined) return;
      count += 1;
      const text = renderDropIn(daemonOptions(config));
      expect(text).toMatch(/^[\x20-\x7e\n]*\n$/);
      expect(text).not.toContain("$");
      const read = readAsOslo(text);
      const sets = Object.entries(read).flatMap(([group, section]) =>
        Object.entries(section).map(([name, value]) => ({ group, name, value })),
      );
      expect(sets).toEqual(daemonOptions(config));
    }),
    { numRuns: 2_000 },
  );
  expect(count).toBeGreaterThan(200);
});

describe("the reader that this is judged by", () => {
  test.each([
    ["a = 1", "1"],
    ["a=1", "1"],
    ["a: 1", "1"],
    ["a =", ""],
    ['a = "x"', "x"],
    ["a = 'x y'", "x y"],
    ["a = \"x'", "\"x'"],
    ["a = x # y", "x # y"],
    ["a = x\n  y", "x\ny"],
    ["# b\n; c\n\na = 1", "1"],
    ["a = 1\na = 2", "2"],
  ])("reads %j", (line, value) => {
    expect(readAsOslo(`[s]\n${line}\n`)).toEqual({ s: { a: value } });
  });

  test.each(["[s]\n}", "[s]\n a", "x y"])("does not read %j", (text) => {
    expect(() => readAsOslo(text)).toThrow("is no option");
  });
});
