import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { provisionArtifacts } from "./artifacts.ts";
import { chartVersions } from "./charts.ts";
import { type Conductor, startConductor } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { mirror } from "./mirror.ts";
import { provisionRoot } from "./provision.ts";
import { recipes } from "./recipe.ts";

async function outputOf(conductor: Conductor, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await conductor.exec(argv);
  expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: "" });
  return stdout.trim();
}

for (const recipe of ["bookworm", "trixie"] as const)
  describeRig(`a conductor of the recipe ${recipe}`, () => {
    let conductor: Conductor;
    beforeAll(async () => {
      conductor = await startConductor({ recipe });
    });
    afterAll(async () => {
      await conductor?.down();
    });

    it("has booted with nothing failed and both Magnum services and the mirror active", async () => {
      expect(await outputOf(conductor, "systemctl", "is-system-running")).toBe("running");
      const units = ["magnum-conductor", "magnum-api", mirror.unit];
      expect(await outputOf(conductor, "systemctl", "is-active", ...units)).toBe("active\nactive\nactive");
      expect(await outputOf(conductor, "systemctl", "is-enabled", ...units)).toBe(
        "enabled\nenabled\nenabled",
      );
    });

    it("runs the recipe's Magnum as the user magnum, without the driver", async () => {
      const { stdout, stderr } = await conductor.exec(["magnum-conductor", "--version"]);
      expect((stdout + stderr).trim()).toBe(recipes[recipe].magnum);
      const pid = await outputOf(
        conductor,
        "systemctl",
        "show",
        "--property=MainPID",
        "--value",
        "magnum-conductor",
      );
      expect(await outputOf(conductor, "ps", "-o", "user=", "-p", pid)).toBe("magnum");
      const found = await conductor.exec(["python3", "-I", "-c", "import magnum_capi_helm"]);
      expect(found.stderr).toContain("ModuleNotFoundError");
    });

    it("serves both versions of the driver to pip", async () => {
      for (const version of ["1.3.0", "1.4.0"]) {
        const to = `/tmp/driver-${version}`;
        const pip = ["pip3", "install", "--quiet", "--root-user-action=ignore", "--no-deps", "--target", to];
        await outputOf(conductor, ...pip, "--index-url", mirror.indexUrl, `magnum-capi-helm==${version}`);
        expect(await outputOf(conductor, "ls", to)).toContain(`magnum_capi_helm-${version}.dist-info`);
      }
    });

    it.each([
      { version: "3.17.3", url: mirror.helmUrl, digest: () => mirror.helmSha256 },
      { version: "3.17.2", url: mirror.otherHelm.url, digest: () => mirror.otherHelm.sha256 },
    ])("serves helm $version in a tarball of the official layout", async ({ version, url, digest }) => {
      await outputOf(conductor, "curl", "--silent", "--fail", "--output", "/tmp/helm.tar.gz", url);
      expect(await outputOf(conductor, "sha256sum", "/tmp/helm.tar.gz")).toBe(
        `${digest()}  /tmp/helm.tar.gz`,
      );
      const names = (await outputOf(conductor, "tar", "-xvzf", "/tmp/helm.tar.gz", "-C", "/tmp")).split("\n");
      const [folder] = names;
      expect(names).toEqual([folder, `${folder}LICENSE`, `${folder}README.md`, `${folder}helm`]);
      const argv = [`/tmp/${folder}helm`, "version", "--template", "{{.Version}}"];
      expect(await outputOf(conductor, ...argv)).toBe(`v${version}`);
    });

    it("serves the chart to helm, in each version the kinds that it has to have", async () => {
      await outputOf(conductor, "sh", "-c", `curl -s ${mirror.helmUrl} | tar -xzf - -C /tmp`);
      const helm = `/tmp/linux-${process.arch === "x64" ? "amd64" : process.arch}/helm`;
      const chart = ["openstack-cluster", "--repo", mirror.chartsUrl, "--version"];
      for (const version of chartVersions) {
        expect(await outputOf(conductor, helm, "show", "chart", ...chart, version)).toContain(version);
        const set = "nodeGroups[0].name=default-worker";
        const text = await outputOf(conductor, helm, "template", "demo", ...chart, version, "--set", set);
        const kinds = [...text.matchAll(/^apiVersion: (\S+)\nkind: (\S+)$/gm)].map(
          ([, api, kind]) => `${api} ${kind}`,
        );
        const infrastructure = `infrastructure.cluster.x-k8s.io/${version === "0.10.1" ? "v1alpha7" : "v1beta1"}`;
        expect(new Set(kinds)).toEqual(
          new Set([
            "cluster.x-k8s.io/v1beta1 Cluster",
            "cluster.x-k8s.io/v1beta1 MachineDeployment",
            "cluster.x-k8s.io/v1beta1 MachineHealthCheck",
            "controlplane.cluster.x-k8s.io/v1beta1 KubeadmControlPlane",
            "bootstrap.cluster.x-k8s.io/v1beta1 KubeadmConfigTemplate",
            `${infrastructure} OpenStackCluster`,
            `${infrastructure} OpenStackMachineTemplate`,
            "v1 Secret",
            "v1 ServiceAccount",
            "apps/v1 Deployment",
            "rbac.authorization.k8s.io/v1 Role",
            "rbac.authorization.k8s.io/v1 RoleBinding",
            "addons.stackhpc.com/v1alpha1 HelmRelease",
            "addons.stackhpc.com/v1alpha1 Manifests",
          ]),
        );
      }
    });

    it("has no network but its own loopback and the way to the management cluster", async () => {
      expect(await outputOf(conductor, "ip", "-brief", "-4", "address", "show", "up")).toMatch(
        /^lo\s+UNKNOWN\s+127\.0\.0\.1\/8\s+mgmt40@if\d+\s+UP\s+10\.[\d.]+\/32$/,
      );
      expect(await outputOf(conductor, "ip", "route", "show", "table", "main")).toMatch(
        /^192\.0\.2\.40 dev mgmt40 scope link src 10\.[\d.]+$/,
      );
    });

    it("restarts the conductor without the 15 s of a lost message bus and leaves no process of the old one", async () => {
      const before = await outputOf(conductor, "pgrep", "-f", "^/usr/bin/python3 /usr/bin/magnum-conductor");
      const start = performance.now();
      await outputOf(conductor, "systemctl", "restart", "magnum-conductor");
      expect(performance.now() - start).toBeLessThan(12_000);
      const all = async () =>
        (await conductor.exec(["pgrep", "-f", "magnum-conductor"])).stdout.trim().split("\n");
      await expect.poll(async () => (await all()).length, { timeout: 20_000, interval: 200 }).toBe(3);
      expect((await all()).filter((pid) => before.split("\n").includes(pid))).toEqual([]);
      expect(await outputOf(conductor, "journalctl", "--no-pager", "--output=cat")).not.toContain(
        "Failed to kill",
      );
    });

    it("can be read and written from outside", async () => {
      await outputOf(conductor, "sh", "-c", "echo inside >/etc/rig-test");
      expect(readFileSync(`${conductor.root}/etc/rig-test`, "utf8")).toBe("inside\n");
    });
  });

describeRig("two conductors side by side", () => {
  it("share neither files, processes, network nor names", async () => {
    const [one, two] = await Promise.all([
      startConductor({ recipe: "bookworm" }),
      startConductor({ recipe: "bookworm" }),
    ]);
    try {
      await outputOf(one, "sh", "-c", "echo changed >/srv/mirror/simple/index.html; touch /etc/only-in-one");
      await outputOf(one, "systemctl", "stop", mirror.unit, "magnum-conductor");
      expect(await outputOf(two, "systemctl", "is-active", mirror.unit, "magnum-conductor")).toBe(
        "active\nactive",
      );
      expect(await outputOf(two, "curl", "--silent", mirror.indexUrl)).toContain("magnum-capi-helm");
      expect(await two.exec(["test", "-e", "/etc/only-in-one"])).toMatchObject({ code: 1 });
      expect(await outputOf(one, "hostname")).toBe(one.name);
      expect(await outputOf(two, "hostname")).toBe(two.name);
    } finally {
      await Promise.all([one.down(), two.down()]);
    }
  });

  it("leave the cache as it was", async () => {
    const root = await provisionRoot("bookworm");
    const { layer } = await provisionArtifacts();
    const conductor = await startConductor({ recipe: "bookworm" });
    const index = "srv/mirror/simple/index.html";
    const before = readFileSync(join(layer, index), "utf8");
    await outputOf(conductor, "sh", "-c", `echo >/${index}; rm /etc/magnum/magnum.conf; touch /etc/new`);
    await conductor.down();
    expect(readFileSync(join(layer, index), "utf8")).toBe(before);
    expect(existsSync(join(root, "etc/magnum/magnum.conf"))).toBe(true);
    expect(existsSync(join(root, "etc/new"))).toBe(false);
  });
});
