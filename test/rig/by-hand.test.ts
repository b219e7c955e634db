import { afterAll, beforeAll, expect, it } from "vitest";
import { describeRig } from "./describe-rig.ts";
import { driftOf, graftJson, inventory, type Report, sh, starts } from "./look.ts";
import { mirror } from "./mirror.ts";
import { kubeconfig, makeSite, mirrorOptions, type Site } from "./site.ts";

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

  /** The closed gates of a report, with their reasons. */
  const closed = ({ gates }: Report) =>
    Object.fromEntries(gates.filter(({ state }) => state === "closed").map(({ id, reason }) => [id, reason]));

  it("is compared first: the plan lists what differs and what is left of the hand's work, and writes nothing", async () => {
    await site.unit.deploy();
    const options = { ...mirrorOptions(), kubeconfig: "/root/kubeconfig.yaml" };
    const lines = Object.entries(options).map(([key, value]) => `${key}: "${value}"\n`);
    await site.conductor.exec(["sh", "-c", "cat > /root/options.yaml"], { input: lines.join("") });
    await site.conductor.exec(["sh", "-c", "umask 077; cat > /root/kubeconfig.yaml"], {
      input: kubeconfig(),
    });
    const program = [`${site.unit.charmFolder}/bin/node`, `${site.unit.charmFolder}/dist/main.cjs`, "cli"];
    const argv = [...program, "plan", "--json", "--config", "/root/options.yaml"];
    const { code, stdout } = await site.conductor.exec(argv);
    expect(code).toBe(2);
    const report = JSON.parse(stdout) as Report;
    const drift = driftOf(report);
    expect(drift["pip-package:magnum-capi-helm"]).toEqual(["version: 1.3.0 -> 1.4.0"]);
    expect(drift["helm:/usr/local/bin/helm"]?.join()).toContain("kind: symlink -> file");
    expect(drift["file:/etc/magnum/magnum.conf.d/00-capi-helm.conf"]?.join()).toContain("0.16.0 -> 0.25.1");
    expect(Object.keys(drift)).toEqual(
      expect.arrayContaining(["service:magnum-conductor", "service:magnum-api"]),
    );
    expect(closed(report)).toEqual({
      "leftover-wiring":
        '/etc/default/magnum-conductor has --config-dir: DAEMON_ARGS="$DAEMON_ARGS --config-dir /etc/magnum/magnum.conf.d"',
    });
    expect(await inventory(site.conductor)).toBe(before);
  });

  it("is taken over with one restart of each service, and the note stands until the leftover is gone", async () => {
    const started = await starts(site.conductor);
    await site.unit.configure({ kubeconfig: site.secret });
    expect(await site.unit.status()).toEqual({
      status: "active",
      message: expect.stringMatching(/^magnum-conductor has --config-dir; next: take that line out of/),
    });
    const { conductor, api } = await starts(site.conductor);
    expect([conductor - started.conductor, api - started.api]).toEqual([1, 1]);
    await sh(
      site.conductor,
      "cp -a /etc/default/magnum-conductor /root/ && sed -i 1d /etc/default/magnum-conductor",
    );
    await site.unit.runHook("update-status");
    expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
    expect(await starts(site.conductor)).toEqual({ conductor, api });
    expect(await sh(site.conductor, "capi-graft plan")).toContain("nothing differs");
    expect(await site.unit.workloadVersion()).toBe("1.4.0");
    expect(await sh(site.conductor, "helm version --template '{{.Version}}'")).toBe("v3.17.3");
    expect(await sh(site.conductor, "cat /opt/helm/helm")).toContain("v3.9.9");
  });

  it("has each kind of leftover named by the plan, with what to do", async () => {
    await sh(
      site.conductor,
      `for service in conductor api; do
         mkdir -p /etc/systemd/system/magnum-$service.service.d
         printf '[Service]\nExecStart=\nExecStart=/bin/true\n' > /etc/systemd/system/magnum-$service.service.d/capi.conf
       done
       systemctl daemon-reload
       printf '[drivers]\nenabled_drivers = k8s_capi_helm_v1\n' > /etc/magnum/magnum.conf.d/50-hand.conf
       ln -s /opt/helm/helm /usr/bin/helm`,
    );
    const { document } = await graftJson(site.conductor, "plan");
    expect(closed(document)).toMatchObject({
      "leftover-exec-start":
        "/etc/systemd/system/magnum-conductor.service.d/capi.conf sets ExecStart of magnum-conductor; /etc/systemd/system/magnum-api.service.d/capi.conf sets ExecStart of magnum-api",
      "leftover-enabled-drivers": "/etc/magnum/magnum.conf.d/50-hand.conf sets enabled_drivers",
      "leftover-helm": "another helm: /usr/bin/helm -> /opt/helm/helm",
    });
    await sh(
      site.conductor,
      `rm -r /etc/systemd/system/magnum-*.service.d /etc/magnum/magnum.conf.d/50-hand.conf /usr/bin/helm
       systemctl daemon-reload; cp -a /root/magnum-conductor /etc/default/`,
    );
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
