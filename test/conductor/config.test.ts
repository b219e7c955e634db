import { describe, expect, test } from "vitest";
import { parseConfig, parseOptions, type RawOptions, showValue } from "../../src/conductor/config.ts";
import { apiKinds } from "../../src/management/kinds.ts";
import { isAtLeast } from "../../src/management/version.ts";
import { kubeconfigText, secrets } from "../support/kubeconfigs.ts";

const kubeconfig = kubeconfigText();

function refusals(options: RawOptions, text = kubeconfig) {
  const config = parseConfig(options, text);
  return "kubeconfig" in config ? "accepted" : config;
}

const version = (example: string) => `a version of three numbers, such as ${example}`;
const exact = "an exact version of three numbers, such as 0.25.1";
const map = 'auto, or a JSON object such as {"Machine": {...}}';
const url = "empty, or an http or https URL without credentials";
const kinds = Object.keys(apiKinds).join(", ");
const chartName = "a chart's name, an oci:// reference or an absolute path";
const never = (kind: string) => `leave ${kind} out: with v1beta2 driver 1.4.0 never sees a healthy cluster`;
const notVersion = (kind: string) =>
  `${kind}: api_version must be ${apiKinds[kind]}/VERSION, such as ${apiKinds[kind]}/v1beta1`;
const notObject = 'Machine must be an object with "api_version", a string';
const machine = (apiVersion: string) => JSON.stringify({ Machine: { api_version: apiVersion } });

describe("a bad value is refused, with its option, what it is and what is accepted:", () => {
  test.each([
    ["chart-version", "", exact],
    ["chart-version", "latest", exact],
    ["chart-version", "0.25", exact],
    ["chart-version", "0.25.1; rm -rf /", exact],
    ["chart-version", "v0.25.1", exact],
    ["chart-version", " 0.25.1", exact],
    ["chart-version", "0.25.1-$x", exact],
    ["chart-version", "0.25.1-rc 1", exact],
    ["driver-version", "", version("1.4.0")],
    ["driver-version", "1.4", version("1.4.0")],
    ["driver-version", "1.4.0rc1", version("1.4.0")],
    ["driver-version", "1.4.0.0", version("1.4.0")],
    ["helm-sha256", "ee88b3", "empty, or 64 lower-case hex digits"],
    ["default-network-driver", "flannel", "calico or cilium (the chart installs no other)"],
    ["default-network-driver", "", "calico or cilium (the chart installs no other)"],
    ["chart-name", "", chartName],
    ["chart-name", "../chart", chartName],
    ["chart-name", "Openstack", chartName],
    ["chart-name", "--post-renderer=/bin/sh", chartName],
    ["driver-index-url", "ftp://mirror/simple", url],
    ["driver-index-url", "file:///srv/simple", url],
    ["driver-index-url", "mirror/simple", url],
    ["driver-index-url", "http:mirror", url],
    ["helm-url", "https://mirror/$version", url],
    ["helm-url", 'https://mirror/"x"', url],
    ["helm-url", "https://mirror/a b", url],
    ["chart-repository", "oci://registry/charts", url],
    ["api-resources", "", map],
    ["api-resources", "not json", map],
    ["api-resources", "[]", map],
    ["api-resources", "null", map],
    ["api-resources", '"auto"', map],
    ["api-resources", '{"Machine":{},}', map],
    ["api-resources", '{"Machine":{"api_version":"$x"}}', map],
    ["api-resources", '{"KubeadmControlPlane":{}}', `KubeadmControlPlane is no kind of the driver: ${kinds}`],
    ["api-resources", '{"cluster":{}}', `cluster is no kind of the driver: ${kinds}`],
    ["api-resources", '{"OpenStackCluster":{}}', `OpenStackCluster is no kind of the driver: ${kinds}`],
    ["api-resources", '{"constructor":{}}', `constructor is no kind of the driver: ${kinds}`],
    ["api-resources", '{"\\u0000":{}}', `one of them is no kind of the driver: ${kinds}`],
    ["api-resources", '{"\\u202e":{}}', `one of them is no kind of the driver: ${kinds}`],
    ["api-resources", '{"Machine":null}', notObject],
    ["api-resources", '{"Machine":"v1"}', notObject],
    ["api-resources", '{"Machine":[]}', notObject],
    ["api-resources", '{"Machine":{"api_version":null}}', notObject],
    ["api-resources", '{"Machine":{"version":"v1"}}', notObject],
    [
      "api-resources",
      '{"Machine":{"plural_name":"machines"}}',
      "Machine has a plural_name, which the driver reads for K8sControlPlane only",
    ],
    [
      "api-resources",
      '{"K8sControlPlane":{"plural_name":"KCPs"}}',
      "K8sControlPlane: plural_name must be lower-case letters",
    ],
    ["api-resources", machine("v1beta1"), notVersion("Machine")],
    ["api-resources", machine("cluster.x-k8s.io/"), notVersion("Machine")],
    ["api-resources", machine("cluster.x-k8s.io/1"), notVersion("Machine")],
    ["api-resources", machine("addons.stackhpc.com/v1alpha1"), notVersion("Machine")],
    ["api-resources", machine("cluster.x-k8s.io/v1/v1"), notVersion("Machine")],
  ])("%s = %j", (option, value, accepted) => {
    expect(refusals({ [option]: value })).toEqual([{ option, value, accepted }]);
  });

  test.each(["Cluster", "K8sControlPlane", "MachineDeployment", "OpenstackCluster"])(
    "api-resources that has %s read as v1beta2",
    (kind) => {
      const value = JSON.stringify({ [kind]: { api_version: `${apiKinds[kind]}/v1beta2` } });
      expect(refusals({ "api-resources": value })).toMatchObject([
        { option: "api-resources", accepted: never(kind) },
      ]);
    },
  );

  test.each([
    ["chart-repository", "", "a URL for a chart's name; empty for an oci:// reference or a path"],
    ["helm-version", "3.18.0", "the archive's sha256 when helm-version is not 3.17.3"],
  ])("%s = %j, which goes with another option", (option, value, accepted) => {
    expect(refusals({ [option]: value })).toMatchObject([{ value: "", accepted }]);
  });

  test("helm-version = v3.17.3, which is no known one either", () => {
    expect(refusals({ "helm-version": "v3.17.3" })).toMatchObject([
      { option: "helm-version", value: "v3.17.3", accepted: version("3.17.3") },
      { option: "helm-sha256" },
    ]);
  });

  test.each(["oci://registry/chart", "/srv/chart"])("a repository beside the chart %s", (name) => {
    expect(refusals({ "chart-name": name })).toMatchObject([{ option: "chart-repository" }]);
  });

  const texts = [
    "driver-version",
    "driver-index-url",
    "helm-url",
    "helm-sha256",
    "chart-version",
    "chart-name",
  ];

  test.each([...texts, "chart-repository", "api-resources"])(
    "%s with a control character or none of ASCII",
    (option) => {
      const control = { option, accepted: "a value without control characters" };
      expect(refusals({ [option]: "1.4.0\n" })).toEqual([{ ...control, value: "1.4.0\\n" }]);
      expect(refusals({ [option]: "1.4.0\u007f" })).toEqual([{ ...control, value: "1.4.0\\u007f" }]);
      expect(refusals({ [option]: "{}é" })).toEqual([{ option, accepted: "ASCII only", value: "{}\\u00e9" }]);
    },
  );

  test.each([...texts, "chart-repository", "api-resources", "kubeconfig"])("%s that is no text", (option) => {
    expect(refusals({ [option]: 1.4 })).toEqual([{ option, value: "1.4", accepted: "a text" }]);
    expect(refusals({ [option]: null })).toMatchObject([{ option, accepted: "a text" }]);
  });

  test("an option that does not exist", () => {
    expect(refusals({ "chart-versions": "0.25.1" })).toEqual([
      {
        option: "chart-versions",
        value: "",
        accepted: expect.stringMatching(/^options named kubeconfig, driver-/),
      },
    ]);
  });

  test("a kubeconfig that the driver can't use", () => {
    expect(refusals({}, "")).toEqual([
      { option: "kubeconfig", value: "it is empty", accepted: "a whole kubeconfig in YAML" },
    ]);
  });

  test("all that are bad, at once", () => {
    const found = refusals({ "chart-version": "latest", "driver-version": "1.4", "helm-url": "x" });
    expect(found).toMatchObject([
      { option: "driver-version" },
      { option: "helm-url" },
      { option: "chart-version" },
    ]);
  });
});

describe("a URL with a login is refused, and the login is never shown:", () => {
  const urls = [
    "https://user:passw0rd@mirror/simple",
    "https://passw0rd@mirror/simple",
    "https://user:pa/passw0rd@mirror/simple",
    "https://user:p@passw0rd@mirror/simple",
    "https://user:p#passw0rd@mirror/simple",
    "https://user name:passw0rd@mirror/simple",
    "HTTPS://user:passw0rd@mirror/simple",
    " https://user:passw0rd@mirror/simple",
    "user:passw0rd@mirror/simple",
    "https://user:\npassw0rd@mirror/simple",
    "https://@mirror/simple",
  ];

  test.each(urls)("%j", (text) => {
    for (const option of ["driver-index-url", "helm-url", "chart-repository"]) {
      const found = refusals({ [option]: text });
      expect(found).toMatchObject([{ option, value: expect.stringMatching(/\.\.\.@mirror\/simple$/) }]);
      for (const secret of [...secrets, "user"]) expect(JSON.stringify(found)).not.toContain(secret);
    }
  });
});

describe("a value as it is shown", () => {
  test("is printable ASCII on one line", () => {
    expect(showValue("a\tb\u0000\u007f\u009b\u202eé😀")).toBe(
      "a\\tb\\u0000\\u007f\\u009b\\u202e\\u00e9\\ud83d\\ude00",
    );
  });

  test("is short", () => {
    expect(showValue("x".repeat(60))).toBe("x".repeat(60));
    expect(showValue("x".repeat(61))).toBe(`${"x".repeat(57)}...`);
  });
});

describe("a good configuration is accepted:", () => {
  test("the defaults, with auto as no choice of our own", () => {
    expect(parseConfig({}, kubeconfig)).toEqual({
      kubeconfig,
      "driver-version": "1.4.0",
      "driver-index-url": "",
      "helm-version": "3.17.3",
      "helm-url": "",
      "helm-sha256": "",
      "chart-version": "0.25.1",
      "chart-repository": "https://azimuth-cloud.github.io/capi-helm-charts",
      "chart-name": "openstack-cluster",
      "api-resources": "{}",
      "default-network-driver": "calico",
      "capi-helm-options": [],
      "openstack-ca": "",
      "management-no-proxy": true,
      "abandon-clusters": false,
      "expiry-warning-days": 30,
      "self-heal": true,
      "self-heal-limit": 5,
      "self-heal-window": 60,
      "enable-auto-restarts": true,
    });
  });

  test.each([
    [{ "chart-version": "0.26.0-dev.0.main.12" }],
    [{ "driver-version": "1.3.0" }],
    [{ "driver-version": "9.9.9" }],
    [{ "driver-index-url": "http://mirror:8080/simple" }],
    [{ "driver-index-url": "https://[2001:db8::1]/simple/@scope?x=%20#y" }],
    [{ "helm-version": "3.18.0", "helm-sha256": "0".repeat(64) }],
    [{ "chart-name": "oci://registry.example:5000/charts/openstack-cluster", "chart-repository": "" }],
    [{ "chart-name": "/srv/charts/openstack-cluster-0.25.1.tgz", "chart-repository": "" }],
    [{ "default-network-driver": "cilium" }],
    [{ kubeconfig: "secret:d0bsnaj8mtb47d5kqv0g" }],
  ])("%j", (options) => {
    expect(refusals(options)).toBe("accepted");
  });

  test.each([
    ["{}", "{}"],
    [' { "Machine" : { "api_version" : "cluster.x-k8s.io/v1beta2" } } ', machine("cluster.x-k8s.io/v1beta2")],
    [
      '{"K8sControlPlane":{"plural_name":"kubeadmcontrolplanes"}}',
      '{"K8sControlPlane":{"plural_name":"kubeadmcontrolplanes"}}',
    ],
    ['{"HelmRelease":{}}', '{"HelmRelease":{}}'],
    [machine("cluster.x-k8s.io/v1alpha12"), machine("cluster.x-k8s.io/v1alpha12")],
  ])("api-resources = %j, written as %j", (given, written) => {
    const parsed = parseOptions({ "api-resources": given });
    expect("options" in parsed && parsed.options["api-resources"]).toBe(written);
  });
});

test.each([
  ["1.4.0", "1.4.0", true],
  ["1.10.0", "1.4.0", true],
  ["2.0.0", "1.4.9", true],
  ["1.4.1", "1.4.0", true],
  ["1.3.9", "1.4.0", false],
  ["0.9.9", "1.4.0", false],
])("%s at least %s: %s", (a, b, expected) => {
  expect(isAtLeast(a, b)).toBe(expected);
});
