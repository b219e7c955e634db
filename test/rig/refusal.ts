import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { type Config, parseConfig } from "../../src/conductor/config.ts";
import { daemonOptions, renderDropIn } from "../../src/conductor/drop-in.ts";
import { judgeKubeconfig } from "../../src/management/kubeconfig.ts";
import { badValues, optionTable } from "../support/bad-values.ts";
import type { Conductor, RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { mainPids, sh, stamps } from "./look.ts";
import { kubeconfig, makeGraftedSite, type Site } from "./site.ts";

const good = kubeconfig();

/** Prints, as JSON, what the daemons get out of each file of a folder: the options that are named beside it. */
const oslo = `
import json, sys, magnum.conf, magnum_capi_helm.conf
CONF, found = magnum.conf.CONF, []
def text(value):
    return ",".join(value) if isinstance(value, list) else "" if value is None else str(value)
for folder, options in json.load(sys.stdin):
    CONF.clear()
    CONF(["--config-file=/etc/magnum/magnum.conf", "--config-dir", folder], project="magnum")
    found.append([dict(it, value=text(CONF[it["group"]][it["name"]])) for it in options])
print(json.dumps(found))`;

const yaml = `
import json, sys, yaml
found = []
for folder, _ in json.load(sys.stdin):
    with open(folder + "/file.conf") as file:
        read = yaml.safe_load(file)
    found.append({"server": read["clusters"][0]["cluster"]["server"], "token": read["users"][0]["user"]["token"]})
print(json.dumps(found))`;

/** Every configuration that is made of a bad value and accepted all the same. */
function takenConfigs(): readonly Config[] {
  return Object.entries(optionTable).flatMap(([option, [value, taken]]) =>
    taken.flatMap((kind) => {
      const config = parseConfig({ [option]: badValues(value)[kind] }, good);
      return "kubeconfig" in config ? [config] : [];
    }),
  );
}

/** Reads texts with a program in the daemons' Python, one run for all, and expects what is beside each. */
async function readAs(
  conductor: Conductor,
  name: string,
  program: string,
  cases: readonly (readonly [text: string, meant: unknown])[],
): Promise<void> {
  const folders = cases.map((_, index) => `/tmp/${name}/${index}`);
  for (const [index, folder] of folders.entries()) {
    mkdirSync(join(conductor.root, folder), { recursive: true });
    writeFileSync(join(conductor.root, folder, "file.conf"), cases[index]?.[0] ?? "");
  }
  const asked = JSON.stringify(folders.map((folder, index) => [folder, cases[index]?.[1]]));
  writeFileSync(join(conductor.root, `/tmp/${name}/asked`), asked);
  writeFileSync(join(conductor.root, `/tmp/${name}/program.py`), program);
  const found = await sh(conductor, `cd / && python3 /tmp/${name}/program.py < /tmp/${name}/asked`);
  expect(cases.length).toBeGreaterThan(5);
  expect(JSON.parse(found)).toEqual(cases.map(([, meant]) => meant));
}

/** Bad input is refused whole: blocked with the option, its value and what is accepted, and nothing changed. */
export function refusalTests(recipe: RecipeName): void {
  describeRig(`bad input on ${recipe}`, () => {
    let site: Site;
    let before: string;
    let pids: Awaited<ReturnType<typeof mainPids>>;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe);
      before = await stamps(site.conductor, "without it");
      pids = await mainPids(site.conductor);
    });
    afterAll(() => site?.down());

    async function refused(): Promise<string> {
      const { status, message } = await site.unit.status();
      expect(status).toBe("blocked");
      expect(await stamps(site.conductor, "without it")).toBe(before);
      expect(await mainPids(site.conductor)).toEqual(pids);
      return message;
    }

    /** Sets one option; those that the case before it set go back, so that it alone is wrong. */
    let wrong: Record<string, string | undefined> = {};
    async function setAlone(option: string, value: string): Promise<number> {
      const back = Object.fromEntries(Object.keys(wrong).map((name) => [name, site.options[name]]));
      wrong = { [option]: value };
      return (await site.unit.configure({ ...back, ...wrong })).code;
    }

    const url = "an http or https URL without credentials";
    const version = "a version of three numbers, such as";
    const map = 'auto, or a JSON object such as {"Machine": {...}}';
    const trap = (kind: string) => `accepted: leave ${kind} out: with v1beta2`;
    it.each<[option: string, value: string, message: string]>([
      [
        "chart-version",
        "",
        "chart-version is empty; accepted: an exact version of three numbers, such as 0.25.1",
      ],
      ["chart-version", "latest", "chart-version: latest; accepted: an exact version of three numbers"],
      ["chart-version", "0.25", "chart-version: 0.25; accepted: an exact version of three numbers"],
      ["chart-version", "0.25.1; rm -rf /", "chart-version: 0.25.1; rm -rf /; accepted: an exact version"],
      [
        "chart-version",
        "0.25.1\n[DEFAULT]",
        "chart-version: 0.25.1\\n[DEFAULT]; accepted: a value without control",
      ],
      ["api-resources", "{Cluster", `api-resources: {Cluster; accepted: ${map}`],
      ["api-resources", "[]", `api-resources: []; accepted: ${map}`],
      ["api-resources", "null", `api-resources: null; accepted: ${map}`],
      ["api-resources", '{"Machine": {},}', `api-resources: {"Machine": {},}; accepted: ${map}`],
      ["api-resources", '{"Pod": {}}', "Pod is no kind of the driver: Cluster, OpenstackCluster"],
      ["api-resources", '{"cluster": {}}', "accepted: cluster is no kind of the driver: "],
      ["api-resources", '{"Cluster":{"api_version":"cluster.x-k8s.io/v1beta2"}}', trap("Cluster")],
      [
        "api-resources",
        '{"K8sControlPlane":{"api_version":"controlplane.cluster.x-k8s.io/v1beta2"}}',
        trap("K8sControlPlane"),
      ],
      [
        "api-resources",
        '{"MachineDeployment":{"api_version":"cluster.x-k8s.io/v1beta2"}}',
        trap("MachineDeployment"),
      ],
      [
        "api-resources",
        '{"OpenstackCluster":{"api_version":"infrastructure.cluster.x-k8s.io/v1beta2"}}',
        trap("OpenstackCluster"),
      ],
      ["api-resources", '{"Machine": {"api_version": "$foo"}}', `accepted: ${map}`],
      ["api-resources", '{"Maschine\u00e4": {}}', "accepted: ASCII only"],
      ["driver-version", "1.4", `driver-version: 1.4; accepted: ${version} 1.4.0`],
      ["driver-version", "9.9.9", "the index has no driver-version=9.9.9; next: set one of 1.3.0, 1.4.0"],
      ["helm-sha256", "abc", "helm-sha256: abc; accepted: empty, or 64 lower-case hex digits"],
      [
        "helm-sha256",
        "0".repeat(64),
        "helm-sha256 is not the archive's; next: set the digest that you trust",
      ],
      ["helm-version", "3.17", `helm-version: 3.17; accepted: ${version} 3.17.3`],
      [
        "helm-url",
        "ftp://mirror.example.com/helm.tgz",
        `helm-url: ftp://mirror.example.com/...; accepted: empty, or ${url}`,
      ],
      [
        "driver-index-url",
        "https://user:pa55@index.example.com/simple",
        `driver-index-url: https://...@index...; accepted: empty, or ${url}`,
      ],
      ["chart-repository", "file:///etc", `chart-repository: file:///etc; accepted: empty, or ${url}`],
      [
        "capi-helm-options",
        "{octavia_provder: ovn}",
        "capi-helm-options: octavia_provder; accepted: a name of the driver; the nearest is octavia_pr",
      ],
      ["capi-helm-options", "{kubeconfig_file: /x}", "accepted: the charm's option kubeconfig for it"],
      [
        "capi-helm-options",
        "{a: &a 1, b: *a}",
        "accepted: YAML without anchors, aliases, tags and directives",
      ],
      [
        "openstack-ca",
        "no certificate",
        "openstack-ca: no certificate; accepted: empty, or certificates in PEM",
      ],
      ["default-network-driver", "flannel", "default-network-driver: flannel; accepted: calico or cilium"],
      ["default-network-driver", "calico\u0007", "default-network-driver: calico"],
      ["chart-name", "a".repeat(1_000_000), "accepted: at most 2000 characters"],
      ["chart-name", "-v", "chart-name: -v; accepted: a chart's name"],
      ["driver-index-url", `http://x/${"a".repeat(1_000_000)}`, "accepted: at most 2000 characters"],
      ["helm-url", "http://x/$(id)", "helm-url: http://x/$(id); accepted: empty, or"],
      ["chart-repository", "http://x/%(a)s'", "chart-repository: http://x/%(a)s'; accepted: empty, or"],
      ["chart-version", "0.25.1\u0000", "chart-version: 0.25.1\\u0000; accepted: a value without control"],
      ["api-resources", '{"Machine": {}, "Machine": {}}', "accepted: each name once"],
      ["api-resources", "[".repeat(1_000_000), "accepted: at most 16384 characters"],
      ["capi-helm-options", `a: ${"[".repeat(8_000)}`, "capi-helm-options: line 1: no YAML; accepted: "],
      ["capi-helm-options", "a: 1\na: 2", "line 2: a second value of one name; accepted: each name once"],
      [
        "openstack-ca",
        "-----BEGIN CERTIFICATE-----\n".repeat(18_000),
        "a certificate without its end; accepted",
      ],
    ])("%s=%.60j is refused", async (option, value, message) => {
      expect(await setAlone(option, value)).toBe(0);
      expect(await refused()).toContain(message);
    });

    it("the unit is active again once the last of them is set back", async () => {
      expect(await setAlone("helm-version", "3.17.3")).toBe(0);
      expect((await site.unit.status()).status).toBe("active");
      expect(await mainPids(site.conductor)).toEqual(pids);
      expect(await stamps(site.conductor, "without it")).toBe(before);
    });

    const user = (login: string) => good.replace("{token: token-that-no-log-may-show}", login);
    it.each<[title: string, content: string, message: string]>([
      [
        "truncated",
        good.slice(0, good.indexOf("current-context")),
        "it has no list of users: is it cut off?",
      ],
      ["no YAML", "{[", "it is not a YAML mapping"],
      ["with an exec login", user("{exec: {command: aws}}"), "its user has exec (not read"],
      ["with a tokenFile", user("{tokenFile: /token}"), "its user has tokenFile (not read"],
      ["with user and password", user("{username: a, password: pa55}"), "its user has username (not read"],
      ["binary", `${good}# \0`, "it has control characters"],
      ["deep", `${good}x: ${"[".repeat(9_000)}`, "it is not a YAML mapping"],
      [
        "of many names",
        `${good}${Array.from({ length: 20_000 }, (_, i) => `k${i}: v\n`).join("")}`,
        "it has too much",
      ],
      ["with a name twice", `${good}kind: Config\n`, "it is not a YAML mapping"],
      ["of two documents", `${good}---\n${good}`, "it is not a YAML mapping"],
      ["with a tag of Python", user("{token: !!python/name:os.system x}"), "it is not a YAML mapping"],
      ["with a token that is a date", user("{token: 2001-01-01}"), "its token is no text"],
      ["with a tab", good.replace("kind: ", "kind:\t"), "it has a tab outside of quotes"],
      ["without current-context", good.replace(/^current-context.*$/m, ""), "it has no current-context"],
    ])("a kubeconfig that is %s is refused", async (_, content, message) => {
      const { code } = await site.unit.updateSecret(site.secret, { kubeconfig: content });
      expect(code).toBe(0);
      expect(await refused()).toContain(`kubeconfig: ${message}`);
    });

    it("a secret without the key kubeconfig is refused with the command that cures it", async () => {
      await site.unit.updateSecret(site.secret, { config: good });
      expect(await refused()).toBe(
        `no key kubeconfig in it; next: juju update-secret ${site.secret} kubeconfig#file=PATH`,
      );
    });

    it("an empty key kubeconfig is refused with the same command", async () => {
      await site.unit.updateSecret(site.secret, { kubeconfig: "\n" });
      expect(await refused()).toBe(
        `its kubeconfig is empty; next: juju update-secret ${site.secret} kubeconfig#file=PATH`,
      );
    });

    const bytes = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 7919) % 251));
    const packed = () => gzipSync(bytes(5_000_000));
    it.each<[name: string, kind: string, content: () => Buffer, reason: string]>([
      ["driver-wheel", "binary, of 5 MB", () => bytes(5_000_000), "no zip archive (or cut off)"],
      ["driver-wheel", "cut off", () => Buffer.from("PK\u0003\u0004"), "no zip archive (or cut off)"],
      ["helm", "binary, of 5 MB", () => bytes(5_000_000), "can't be unpacked ("],
      ["helm", "cut off", () => packed().subarray(0, 3_000), "can't be unpacked ("],
      ["helm", "no archive once unpacked", packed, "can't be unpacked ("],
    ])(
      "a resource %s that is %s is refused, and an empty one ends that",
      async (name, _, content, reason) => {
        await site.unit.updateSecret(site.secret, { kubeconfig: good });
        const logged = (await site.unit.log()).length;
        await site.unit.attachResource(name, content());
        // The status may have no room for the reason beside the command; the log has it in any case.
        expect(await refused()).toContain(`; next: juju attach-resource magnum-capi-helm ${name}=FILE`);
        const told = (await site.unit.log()).slice(logged).map(({ message }) => message);
        expect(told.join("\n")).toContain(`${name}: ${reason}`);
        await site.unit.attachResource(name, "");
        expect((await site.unit.status()).status).toBe("active");
      },
    );

    it("Magnum's own oslo.config reads what is taken of bad values as it was meant", async () => {
      const configs = takenConfigs().map(daemonOptions);
      await readAs(
        site.conductor,
        "oslo",
        oslo,
        configs.map((it) => [renderDropIn(it), it]),
      );
    });

    it("the driver's own YAML reads what is taken of strange kubeconfigs as it was meant", async () => {
      const strange = [
        `\ufeff${good}`,
        good.replaceAll("\n", "\r\n"),
        `x: &x {y: z}\nv: {<<: *x}\n${good}`,
        `${good}x: "a\tb" # c\td\n`,
        `---\n${good}...\n`,
        JSON.stringify(parse(good)),
      ];
      expect(strange.filter((it) => judgeKubeconfig(it) !== undefined)).toEqual([]);
      const meant = { server: "https://192.0.2.40:6443", token: "token-that-no-log-may-show" };
      await readAs(
        site.conductor,
        "yaml",
        yaml,
        strange.map((it) => [it, meant]),
      );
    });

    // Last of all: each hook that comes after them costs this stand-in of Juju seconds, since it keeps every revision.
    it.each([
      ["of 5 MB", good + "# x\n".repeat(1_250_000), `it has ${good.length + 5_000_000} characters`],
      ["of 5 MB that are no text", "\0\u0001".repeat(2_500_000), "it has 5000000 characters"],
    ])("a kubeconfig %s is refused", async (_, content, message) => {
      expect((await site.unit.updateSecret(site.secret, { kubeconfig: content })).code).toBe(0);
      expect(await refused()).toContain(`kubeconfig: ${message}`);
    });

    it("no refusal wrote a credential into the log", async () => {
      const log = (await site.unit.log()).map(({ message }) => message).join("\n");
      expect(log).not.toMatch(/pa55|token-that-no-log-may-show/);
      expect(log).toContain("accepted: ");
    });
  });
}
