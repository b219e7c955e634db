import { afterAll, beforeAll, expect, it } from "vitest";
import type { Conductor, RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { mainPids, sh, starts } from "./look.ts";
import { mirror } from "./mirror.ts";
import { makeSite, type Site } from "./site.ts";

const proxy = "http://127.0.0.1:3128";
const log = "/run/rig-proxy/log";

/** The conductor's own mirror, by a name that the proxy alone can resolve: whatever is fetched went through it. */
const byName = (url: string) => url.replace("127.0.0.1", "mirror.test");

/** Debian's tinyproxy in its own view of /etc/hosts. */
async function startProxy(conductor: Conductor): Promise<void> {
  const settings = `Port 3128\nListen 127.0.0.1\nLogFile "${log}"\nLogLevel Connect\nAllow 127.0.0.1\nConnectPort 443\n`;
  await sh(
    conductor,
    `mkdir -p /run/rig-proxy && printf '${settings}' >/run/rig-proxy/conf
    { cat /etc/hosts; echo 127.0.0.1 mirror.test; } >/run/rig-proxy/hosts
    systemd-run --quiet --unit=rig-proxy --property=BindReadOnlyPaths=/run/rig-proxy/hosts:/etc/hosts \
      tinyproxy -d -c /run/rig-proxy/conf
    for i in $(seq 50); do bash -c ': </dev/tcp/127.0.0.1/3128' 2>/dev/null && break; sleep 0.1; done`,
  );
}

/** A unit in a model with a proxy, beside a mirror that only the proxy can reach. */
export function proxyTests(recipe: RecipeName): void {
  describeRig(`a proxy on ${recipe}`, () => {
    let site: Site;
    beforeAll(async () => {
      const config = {
        "driver-index-url": byName(mirror.indexUrl),
        "helm-url": byName(mirror.helmUrl),
        "chart-repository": byName(mirror.chartsUrl),
      };
      site = await makeSite(recipe, { config });
      await startProxy(site.conductor);
    });
    afterAll(() => site?.down());

    const environment = async () =>
      await sh(site.conductor, `tr '\\0' '\\n' </proc/${(await mainPids(site.conductor)).conductor}/environ`);

    it("the mirror is not reached without it", async () => {
      const script = `curl --silent --max-time 5 ${byName(mirror.helmUrl)} || echo none`;
      expect(await sh(site.conductor, script)).toContain("none");
    });

    it("the graft fetches the driver and helm through it, and the conductor runs with it", async () => {
      await site.unit.modelConfig({ "juju-http-proxy": proxy, "juju-https-proxy": proxy });
      await site.unit.deploy();
      await site.unit.configure({ kubeconfig: site.secret });
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
      const asked = await sh(site.conductor, `cat ${log}`);
      expect(asked).toMatch(/GET http:\/\/mirror\.test:8080\/simple\/magnum-capi-helm\//);
      expect(asked).toMatch(/GET http:\/\/mirror\.test:8080\/helm\//);
      const lines = (await environment()).split("\n");
      expect(lines).toContain(`https_proxy=${proxy}`);
      expect(lines).toContain(`HTTP_PROXY=${proxy}`);
      expect(lines).toContain("no_proxy=localhost,127.0.0.1,::1,192.0.2.40");
    });

    it("helm in the conductor's environment asks it for a chart", async () => {
      const pid = (await mainPids(site.conductor)).conductor;
      const repository = "http://mirror.test:8080/charts";
      const helm = `/usr/local/bin/helm show chart none --repo ${repository} || :`;
      const script = `xargs -0 sh -c 'exec runuser -u magnum -- env -i "$@" sh -c "$0"' '${helm}' </proc/${pid}/environ 2>&1`;
      await sh(site.conductor, script);
      expect(await sh(site.conductor, `cat ${log}`)).toContain(`GET ${repository}/index.yaml`);
    });

    it("a hook notices that another host is to be reached directly, and restarts the conductor once", async () => {
      const before = await starts(site.conductor);
      const settings = { "juju-http-proxy": proxy, "juju-https-proxy": proxy, "juju-no-proxy": "10.0.0.0/8" };
      await site.unit.modelConfig(settings);
      await site.unit.runHook("update-status");
      await site.unit.runHook("update-status");
      const after = await starts(site.conductor);
      expect([after.conductor - before.conductor, after.api - before.api]).toEqual([1, 0]);
      expect(await environment()).toContain("no_proxy=10.0.0.0/8,localhost,");
    });

    it("a proxy that is no URL is refused with the model's setting, and nothing changes", async () => {
      const before = await environment();
      await site.unit.modelConfig({ "juju-http-proxy": "socks5://me:pa55@p:1" });
      await site.unit.runHook("update-status");
      const { status, message } = await site.unit.status();
      expect(status).toBe("blocked");
      expect(message).toContain("juju model-config juju-http-proxy=URL");
      expect(message).not.toContain("pa55");
      expect(await environment()).toBe(before);
      await site.unit.modelConfig({ "juju-http-proxy": proxy, "juju-https-proxy": proxy });
      await site.unit.runHook("update-status");
    });

    it("where it is gone, a change waits, the log has its name, and nothing changes", async () => {
      await sh(site.conductor, "systemctl stop rig-proxy");
      await site.unit.configure({ "driver-version": "1.3.0" });
      const { status, message } = await site.unit.status();
      expect(status).toBe("waiting");
      expect(message).toContain("does the model's proxy let pip through?");
      const told = (await site.unit.log()).map((line) => line.message);
      expect(told.join("\n")).toContain(`through the proxy ${proxy}`);
      expect(await site.unit.workloadVersion()).toBe("1.4.0");
      await site.unit.configure({ "driver-version": undefined });
    });

    it("a model without it has a conductor without it, once the chart's repository is reached so", async () => {
      await site.unit.modelConfig({});
      await site.unit.runHook("update-status");
      expect((await site.unit.status()).message).toContain("not changed, chart-reachable: ");
      expect(await environment()).toContain(`https_proxy=${proxy}`);
      await site.unit.configure({ "chart-repository": mirror.chartsUrl });
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
      expect(await environment()).not.toContain("proxy");
    });
  });
}
