import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { mainPids, stamps } from "./look.ts";
import { kubeconfig, makeGraftedSite, type Site } from "./site.ts";

const good = kubeconfig();

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
    ])("%s=%j is refused", async (option, value, message) => {
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
      ["truncated", good.slice(0, 120), "it has no list of users: is it cut off?"],
      ["no YAML", "{[", "it is not a YAML mapping"],
      ["with an exec login", user("{exec: {command: aws}}"), "its user has exec (not read)"],
      ["with a tokenFile", user("{tokenFile: /token}"), "its user has tokenFile (not read)"],
      ["with user and password", user("{username: a, password: pa55}"), "its user has username (not read)"],
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

    it("no refusal wrote a credential into the log", async () => {
      const log = (await site.unit.log()).map(({ message }) => message).join("\n");
      expect(log).not.toMatch(/pa55|token-that-no-log-may-show/);
      expect(log).toContain("accepted: ");
    });
  });
}
