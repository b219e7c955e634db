import { afterAll, beforeAll, expect, it } from "vitest";
import { describeRig } from "./describe-rig.ts";
import { inventory } from "./look.ts";
import { kubeconfig, makeSite, type Site } from "./site.ts";

describeRig("upgrade-check on a conductor", () => {
  let site: Site;
  beforeAll(async () => {
    site = await makeSite("bookworm");
    await site.unit.deploy();
  });
  afterAll(() => site?.down());

  async function check(args: readonly string[], token?: string): Promise<{ code: number; document: object }> {
    const { conductor, unit } = site;
    const files = { "options.yaml": "kubeconfig: kubeconfig.yaml\n", "kubeconfig.yaml": kubeconfig(token) };
    for (const [name, input] of Object.entries(files))
      await conductor.exec(["sh", "-c", `umask 077; cat > /root/${name}`], { input });
    const program = [`${unit.charmFolder}/bin/node`, `${unit.charmFolder}/dist/main.cjs`, "cli"];
    const argv = [...program, "upgrade-check", "--json", "--config", "/root/options.yaml", ...args];
    const { code, stdout } = await conductor.exec(argv);
    return { code, document: JSON.parse(stdout) as object };
  }

  it("asks the API server, finds nothing that breaks today, and writes nothing", async () => {
    const before = await inventory(site.conductor);
    const { code, document } = await check([]);
    expect({ code, ...document }).toMatchObject({ code: 0, breaks: false, live: true });
    expect(document).not.toHaveProperty("not-asked");
    expect(await inventory(site.conductor)).toBe(before);
  });

  it("says that Cluster API 1.16 breaks the driver and the chart", async () => {
    const { code, document } = await check(["--capi", "1.16.0"]);
    const breaks = (of: string) => expect.objectContaining({ effect: "breaks", of, "is-today": false });
    expect({ code, ...document }).toMatchObject({
      code: 2,
      breaks: true,
      live: true,
      consequences: expect.arrayContaining([breaks("Cluster"), breaks("K8sControlPlane"), breaks("chart")]),
    });
  });

  it("goes on by tables where it may not look, and says why", async () => {
    const { code, document } = await check(["--driver", "1.3.0"], "token-that-nobody-has");
    expect({ code, ...document }).toMatchObject({
      code: 2,
      live: false,
      "not-asked": "the API server refuses the kubeconfig's login",
      consequences: expect.arrayContaining([expect.objectContaining({ of: "OpenstackCluster" })]),
    });
  });

  it("is an action too, by tables on a unit that was not grafted yet", async () => {
    const { status, message, results } = await site.unit.runAction("upgrade-check", { capi: "1.16.0" });
    expect({ status, message }).toEqual({
      status: "failed",
      message: "breaks Cluster: Cluster v1beta1 is not served: a delete would lose credentials",
    });
    expect(results).toMatchObject({ live: "false", breaks: "true", capi: "1.16.0" });
  });
});
