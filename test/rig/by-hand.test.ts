import { afterAll, beforeAll, expect, it } from "vitest";
import { describeRig } from "./describe-rig.ts";
import { inventory, sh } from "./look.ts";
import { mirror } from "./mirror.ts";
import { kubeconfig, makeSite, type Site } from "./site.ts";

const byHand = `
cd /
mkdir -p /etc/magnum/magnum.conf.d /opt/helm
PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore python3 -m pip --quiet install --no-deps --index-url ${mirror.indexUrl} magnum-capi-helm==1.3.0
printf '#!/bin/sh\\necho v3.9.9\\n' > /opt/helm/helm && chmod 0755 /opt/helm/helm && ln -s /opt/helm/helm /usr/local/bin/helm
cat > /etc/magnum/kubeconfig && chown magnum: /etc/magnum/kubeconfig && chmod 0600 /etc/magnum/kubeconfig
printf '[capi_helm]\\nkubeconfig_file = /etc/magnum/kubeconfig\\ndefault_helm_chart_version = 0.16.0\\n' > /etc/magnum/magnum.conf.d/00-capi-helm.conf
printf 'DAEMON_ARGS="$DAEMON_ARGS --config-dir /etc/magnum/magnum.conf.d"\\n' > /etc/default/magnum-conductor
systemctl restart magnum-conductor magnum-api
`;

describeRig("a conductor that was grafted by hand", () => {
  let site: Site;
  let before: string;
  beforeAll(async () => {
    site = await makeSite("bookworm");
    const { code, stderr } = await site.conductor.exec(["sh", "-ec", byHand], {
      input: kubeconfig("by-hand"),
    });
    expect([code, stderr]).toEqual([0, ""]);
    before = await inventory(site.conductor);
  });
  afterAll(() => site?.down());

  it("is taken over: driver, helm, files and services are brought in line", async () => {
    await site.unit.deploy();
    await site.unit.configure({ kubeconfig: site.secret });
    expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
    expect(await site.unit.workloadVersion()).toBe("1.4.0");
    expect(await sh(site.conductor, "helm version --template '{{.Version}}'")).toBe("v3.17.3");
    expect(await sh(site.conductor, "cat /opt/helm/helm")).toContain("v3.9.9");
  });

  it("has everything of the hand's work back after removal: the driver's version, the link, the files", async () => {
    const hooks = await site.unit.remove();
    expect(hooks.map(({ code }) => code)).toEqual(hooks.map(() => 0));
    expect(await inventory(site.conductor)).toBe(before);
    const version = "import importlib.metadata as m; print(m.version('magnum-capi-helm'))";
    expect(await sh(site.conductor, `cd / && runuser -u magnum -- python3 -c "${version}"`)).toBe("1.3.0\n");
    expect(await sh(site.conductor, "magnum-driver-manage list-drivers")).toContain("k8s_capi_helm_v1");
  });
});
