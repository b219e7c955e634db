import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { parseConfig, type Refusal } from "../../src/conductor/config.ts";
import { blockOf } from "../../src/conductor/defaults-block.ts";
import { daemonOptions, renderDropIn } from "../../src/conductor/drop-in.ts";
import { type OptionName, optionDeclarations } from "../../src/conductor/options.ts";
import { paths } from "../../src/conductor/paths.ts";
import { columns, refusalMessage } from "../../src/juju/message.ts";
import { uriTrouble } from "../../src/juju/secret.ts";
import { scratchFolder } from "../bundle/scratch.ts";
import { badValues, optionTable as table } from "../support/bad-values.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";
import { readAsOslo } from "../support/oslo-reader.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const kubeconfig = kubeconfigText();
const cases = (Object.keys(optionDeclarations) as OptionName[]).flatMap((option) => {
  const [good, taken] = table[option];
  return Object.entries(badValues(good)).map(([kind, value]) => ({
    option,
    kind,
    value,
    isTaken: taken.includes(kind),
  }));
});

function judged(option: string, value: unknown) {
  const began = performance.now();
  const config = parseConfig({ [option]: value }, kubeconfig);
  expect(performance.now() - began).toBeLessThan(5_000);
  return config;
}

function refusedFor(option: string, value: unknown): Refusal {
  const config = judged(option, value);
  if ("kubeconfig" in config) throw new Error("it is accepted");
  const [first] = config;
  if (first === undefined) throw new Error("it is refused for nothing");
  return first;
}

test("the table has every option, and names no kind of value that there is not", () => {
  expect(Object.keys(table)).toEqual(Object.keys(optionDeclarations));
  const unknown = Object.values(table).flatMap(([good, taken]) =>
    taken.filter((it) => !(it in badValues(good))),
  );
  expect(unknown).toEqual([]);
  expect(cases).toHaveLength(20 * 39);
});

describe.each(Object.keys(table) as OptionName[])("%s", (option) => {
  const own = cases.filter((it) => it.option === option);

  test.each(own.filter(({ isTaken }) => !isTaken))(
    "with $kind is refused in one line, by name",
    ({ value }) => {
      const refusal = refusedFor(option, value);
      expect(refusal.option).toBe(option);
      expect(refusal.accepted).toMatch(/[a-z]/);
      expect(JSON.stringify(refusal).length).toBeLessThan(600);
      expect(refusal.value).toMatch(/^[\x20-\x7e]*$/);
      const message = refusalMessage(refusal.option, refusal.value, refusal.accepted);
      expect(message.length).toBeLessThanOrEqual(columns);
      expect(message).toMatch(/^[\x20-\x7e]+$/);
      expect(message).toContain("; accepted: ");
      expect(message.startsWith(option)).toBe(true);
    },
  );

  test.each(own.filter(({ isTaken }) => isTaken))(
    "with $kind gives the daemons what it says",
    ({ value }) => {
      const config = judged(option, value);
      if (!("kubeconfig" in config)) throw new Error(JSON.stringify(config));
      const text = renderDropIn(daemonOptions(config));
      expect(text).toMatch(/^[\x20-\x7e\n]*\n$/);
      const read = readAsOslo(text);
      const sets = Object.entries(read).flatMap(([group, section]) =>
        Object.entries(section).map(([name, raw]) => ({
          group,
          name,
          value: raw.replaceAll("$$", () => "$"),
        })),
      );
      expect(sets).toEqual(daemonOptions(config));
      expect(sets.filter(({ group }) => group === "DEFAULT")).toEqual([]);
      if (option === "chart-repository") expect(read["capi_helm"]?.["helm_chart_repo"]).toBe(value);
      if (option === "openstack-ca" && value !== "")
        expect(config["openstack-ca"]).toBe(table["openstack-ca"][0]);
    },
  );
});

test.each(cases.filter(({ option, value }) => option === "kubeconfig" && typeof value === "string"))(
  "kubeconfig with $kind is no address of a secret, and its value is not shown",
  ({ value }) => {
    const trouble = uriTrouble(String(value), "capi");
    expect(trouble).toMatchObject({ cure: "operator", remedy: "juju config capi kubeconfig=secret:ID" });
    if (value !== "" && value !== " ") expect(JSON.stringify(trouble)).not.toContain(String(value));
  },
);

describe("the driver's own options", () => {
  test.each([
    ["merged", "<<: {octavia_provider: ovn}"],
    ["with a tag of Python", "octavia_provider: !!python/name:os.system x"],
    ["with an alias", "{a: &a 1, octavia_provider: *a}"],
    ["with a number that is none", "boot_volume_size: .nan"],
    ["with a huge number", `boot_volume_size: 1${"0".repeat(300)}`],
    ["with a date for a number", "boot_volume_size: 2001-01-01"],
    ["with a float for a number", "boot_volume_size: 1e3"],
    ["deep", `octavia_provider: ${"[".repeat(8_000)}${"]".repeat(8_000)}`],
    ["deep as a map", `octavia_provider: ${"{a: ".repeat(3_000)}`],
    ["as deep keys", "? ".repeat(8_000)],
    ["of anchors", "&a ".repeat(5_000)],
    ["of a million names", Array.from({ length: 1_000_000 }, (_, i) => `k${i}: v`).join("\n")],
    ["of as many names as fit", Array.from({ length: 2_000 }, (_, i) => `k${i}: `).join("\n")],
    ["in two documents", "octavia_provider: ovn\n---\noctavia_provider: amphora"],
    ["named like a part of an object", "__proto__: x"],
  ])("%s are refused", (_, value) => {
    const refusal = refusedFor("capi-helm-options", value);
    expect(refusalMessage(refusal.option, refusal.value, refusal.accepted).length).toBeLessThanOrEqual(
      columns,
    );
  });
});

describe("api-resources", () => {
  test.each([
    ["a kind twice", '{"Machine": {}, "Machine": {}}', "each name once"],
    [
      "a version twice",
      '{"Machine": {"api_version": "cluster.x-k8s.io/v1beta1", "api_version": "cluster.x-k8s.io/v1beta2"}}',
      "each name once",
    ],
    ["a part of an object", '{"__proto__": {}}', expect.stringMatching(/^__proto__ is no kind/)],
    [
      "great depth",
      `${'{"Machine":'.repeat(1_200)}1${"}".repeat(1_200)}`,
      expect.stringMatching(/^Machine must/),
    ],
  ])("with %s is refused", (_, value, accepted) => {
    expect(refusedFor("api-resources", value)).toMatchObject({ option: "api-resources", accepted });
  });
});

describe("certificates that take long", () => {
  const [begin, end] = ["-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"];
  test.each([
    ["without an end", begin.repeat(18_000)],
    ["whose ends come first", end.repeat(9_000) + begin.repeat(9_000)],
    ["that are empty", (begin + end).repeat(9_000)],
    ["in base64 of nothing", "A".repeat(500_000)],
    ["of blanks", " ".repeat(500_000)],
  ])("%s are refused in time", (_, value) => {
    expect(refusedFor("openstack-ca", value).value.length).toBeLessThan(100);
  });
});

describe("a proxy of the model", () => {
  const good = "http://proxy.example.com:3128";
  const taken: Readonly<Record<string, readonly string[]>> = {
    http: ["empty"],
    no: ["empty"],
  };
  const proxies = Object.entries({ http: good, no: "10.0.0.0" }).flatMap(([setting, value]) =>
    Object.entries(badValues(value)).flatMap(([kind, bad]) =>
      typeof bad === "string"
        ? [{ setting, kind, bad, isTaken: taken[setting]?.includes(kind) === true }]
        : [],
    ),
  );
  const told = (setting: string, bad: string) => ({ http: "", https: good, no: "", [setting]: bad });

  test.each(proxies.filter(({ isTaken }) => !isTaken))(
    "$setting with $kind is refused",
    ({ setting, bad }) => {
      const config = parseConfig({}, kubeconfig, { proxies: told(setting, bad) });
      expect(config).toMatchObject([{ option: `juju-${setting === "http" ? "http-proxy" : "no-proxy"}` }]);
      expect(JSON.stringify(config).length).toBeLessThan(300);
    },
  );

  test.each(["sh", "bash"])(
    "reaches the daemon through %s as it is, with every sign that is taken",
    async (shell) => {
      const file = join(await scratchFolder(), "defaults");
      const told = {
        http: "http://us%24er:~!&*+,;=._-%27@proxy:3128/",
        https: "http://[fd00::1]:3128",
        no: "*.example.com,.internal,10.0.0.0/8,host:443,[::1]:80,_x",
      };
      const config = parseConfig({}, kubeconfig, { proxies: told });
      if (!("kubeconfig" in config)) throw new Error(JSON.stringify(config));
      writeFileSync(file, blockOf(paths.conductorDefaults, config.proxies));
      const script = `. ${file}; printf '%s\\n' "$http_proxy" "$HTTPS_PROXY" "$no_proxy"`;
      const { stdout, stderr } = spawnSync(shell, ["-c", script], { encoding: "utf8", timeout: 20_000 });
      const direct = `${told.no},localhost,127.0.0.1,::1,192.0.2.10`;
      expect([stdout.split("\n"), stderr]).toEqual([[told.http, told.https, direct, ""], ""]);
    },
  );
});
