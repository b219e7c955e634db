import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { graftJson, mainPids, sh, starts } from "./look.ts";
import { makeGraftedSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };
const log = "/var/log/magnum/magnum-conductor.log";

/** A program of the name helm in the conductor's control group, as if a worker had started it; it says when it ends. */
const startHelm = (seconds: number) => `
cp /bin/sleep /root/helm
rm -f /root/helm-ended
group=$(sed -n 's/^0:://p' /proc/$(systemctl show -p MainPID --value magnum-conductor)/cgroup)
setsid sh -c '
  for mount in "" /unified /systemd; do
    file=/sys/fs/cgroup$mount'$group'/cgroup.procs
    [ ! -e "$file" ] || echo $$ > "$file"
  done
  /root/helm ${seconds} && touch /root/helm-ended
' > /dev/null 2>&1 < /dev/null &
sleep 0.5`;

/** A cluster in Magnum's database, so that the conductor has something to poll. */
export const addCluster = `
cat > /tmp/cluster.py <<'PYTHON'
import sys, uuid
sys.path = [entry for entry in sys.path if entry]
import magnum.conf
from magnum.common import context
magnum.conf.CONF(["--config-file=/etc/magnum/magnum.conf"], project="magnum")
from magnum import objects
owner = {"project_id": "p" * 32}
ctx = context.make_admin_context(all_tenants=True)
ctx.project_id, ctx.user_id = "p" * 32, "u" * 32
new = lambda: str(uuid.uuid4())
template = objects.ClusterTemplate(
    ctx, uuid=new(), name="t", user_id="u" * 32, image_id="i", coe="kubernetes", cluster_distro="ubuntu",
    server_type="vm", public=False, registry_enabled=False, tls_disabled=False, hidden=False,
    network_driver="calico", labels={}, **owner)
template.create()
cluster = objects.Cluster(
    ctx, uuid=new(), name="c", user_id="u" * 32, cluster_template_id=template.uuid, status="CREATE_COMPLETE",
    stack_id="c-1", keypair="k", labels={}, create_timeout=60, **owner)
cluster.create()
for role in ("master", "worker"):
    objects.NodeGroup(
        ctx, uuid=new(), name=role, cluster_id=cluster.uuid, role=role, node_count=1, min_node_count=0,
        is_default=True, version="1", status="CREATE_COMPLETE", labels={}, image_id="i", flavor_id="f",
        **owner).create()
PYTHON
cd / && runuser -u magnum -- python3 /tmp/cluster.py`;

/** What only shows on daemons that run: workers that die, an API without an application, loops that fail, helm. */
export function gateTests(recipe: RecipeName): void {
  describeRig(`the gates on running daemons on ${recipe}`, () => {
    let site: Site;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe);
    });
    afterAll(() => site?.down());

    async function gate(id: string): Promise<{ state: string; reason?: string } | undefined> {
      const { document } = await graftJson(site.conductor, "verify");
      return document.gates.find((it) => it.id === id);
    }

    it("are open after three restarts in a row: no start looks like a lost worker", async () => {
      for (const _ of [1, 2, 3]) {
        await sh(site.conductor, "systemctl restart magnum-conductor magnum-api");
        const { document } = await graftJson(site.conductor, "verify");
        expect(document.gates.filter(({ state }) => state === "closed")).toEqual([]);
      }
    });

    it("see that a conductor's workers die, whose place oslo.service fills under the same main process", async () => {
      await sh(
        site.conductor,
        `systemctl restart magnum-conductor
         pid=$(systemctl show -p MainPID --value magnum-conductor)
         systemd-run --quiet --collect sh -c "for turn in $(seq -s ' ' 30); do sleep 9; pkill -KILL -n -P $pid; done"`,
      );
      const { conductor: pid } = await mainPids(site.conductor);
      // A busy machine may miss one death, not all.
      const options = { timeout: 240_000, interval: 100 };
      await expect
        .poll(() => gate("magnum-conductor-stable"), options)
        .toMatchObject({
          state: "closed",
          reason: expect.stringMatching(/^magnum-conductor lost its worker \d+: it keeps its MainPID$/),
        });
      expect((await mainPids(site.conductor)).conductor).toBe(pid);
      await sh(site.conductor, "systemctl restart magnum-conductor");
      expect(await gate("magnum-conductor-stable")).toMatchObject({ state: "open" });
    });

    it("see that an API's workers die under the same main process", async () => {
      const program = "/usr/bin/magnum-api-wsgi";
      await sh(
        site.conductor,
        `cp ${program} /root/ && sed -i '2i import os, signal, threading; threading.Timer(8, os.kill, (os.getpid(), signal.SIGKILL)).start()' ${program}
         systemctl restart magnum-api`,
      );
      expect(await gate("magnum-api-stable")).toMatchObject({
        state: "closed",
        reason: expect.stringMatching(
          /^magnum-api (lost its worker \d+: it keeps its MainPID|keeps losing its workers)$/,
        ),
      });
      await sh(site.conductor, `cp /root/magnum-api-wsgi ${program} && systemctl restart magnum-api`);
      expect(await gate("magnum-api-stable")).toMatchObject({ state: "open" });
    });

    it("see that an API has no application, while its unit is active", async () => {
      await sh(
        site.conductor,
        "cp /etc/magnum/api-paste.ini /root/ && echo broken > /etc/magnum/api-paste.ini; systemctl restart magnum-api",
      );
      expect(await sh(site.conductor, "systemctl is-active magnum-api")).toBe("active\n");
      expect(await gate("magnum-api-answers")).toMatchObject({
        state: "closed",
        reason: expect.stringMatching(/^magnum-api does not answer: 127\.0\.0\.1:9511: /),
      });
      await sh(
        site.conductor,
        "cp /root/api-paste.ini /etc/magnum/ && chmod 0644 /etc/magnum/api-paste.ini; systemctl restart magnum-api",
      );
      expect(await gate("magnum-api-answers")).toMatchObject({ state: "open" });
    });

    it("see that the conductor's polls fail of a later drop-in, which nothing else of a running unit shows", async () => {
      const later = "/etc/magnum/magnum.conf.d/99-later.conf";
      await sh(site.conductor, addCluster);
      await sh(
        site.conductor,
        `printf '[capi_helm]\\napi_resources = {"Cluster":\\n' > ${later} && systemctl restart magnum-conductor`,
      );
      await waitFor(async () =>
        (await sh(site.conductor, `cat ${log}`)).includes("update_health_status' failed"),
      );
      expect(await gate("magnum-conductor-log")).toMatchObject({
        state: "closed",
        cure: "operator",
        reason: expect.stringMatching(
          /^update_health_status of magnum-conductor fails: json\..*JSONDecodeError/,
        ),
      });
      await sh(site.conductor, `rm ${later} && systemctl restart magnum-conductor`);
      expect(await gate("magnum-conductor-log")).toMatchObject({ state: "not checked" });
    });

    it("keep a restart back while the conductor runs helm, say so in the status, and let it go on then", async () => {
      const before = await starts(site.conductor);
      const { conductor: pid } = await mainPids(site.conductor);
      await sh(site.conductor, startHelm(15));
      const configuring = site.unit.configure({ "chart-version": "0.24.1" });
      await waitFor(async () => (await site.unit.status()).message.includes("helm"));
      expect(await site.unit.status()).toEqual({
        status: "maintenance",
        message: "waiting for helm of the conductor to end",
      });
      expect((await mainPids(site.conductor)).conductor).toBe(pid);
      expect(await sh(site.conductor, "cat /etc/magnum/magnum.conf.d/00-capi-helm.conf")).toContain("0.25.1");
      await configuring;
      await sh(site.conductor, "test -e /root/helm-ended");
      expect(await site.unit.status()).toEqual(ready);
      const after = await starts(site.conductor);
      expect([after.conductor - before.conductor, after.api - before.api]).toEqual([1, 1]);
    });

    it("keep the restart of a repair back as well, but not the repair of the files", async () => {
      const dropIn = "/etc/magnum/magnum.conf.d/00-capi-helm.conf";
      await sh(
        site.conductor,
        `sed -i 's/0.24.1/0.10.0/' ${dropIn} && systemctl restart magnum-conductor magnum-api && sleep 3`,
      );
      const { conductor: pid } = await mainPids(site.conductor);
      await sh(site.conductor, startHelm(15));
      const healing = site.unit.runHook("update-status");
      await waitFor(async () => (await sh(site.conductor, `cat ${dropIn}`)).includes("0.24.1"));
      expect((await mainPids(site.conductor)).conductor).toBe(pid);
      expect(await sh(site.conductor, "ls /root/helm-ended || true")).toBe("");
      await healing;
      await sh(site.conductor, "test -e /root/helm-ended");
      expect((await mainPids(site.conductor)).conductor).not.toBe(pid);
      expect(await site.unit.status()).toEqual(ready);
    });
  });
}

async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 120_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error("waited 120 s in vain");
    await sleep(200);
  }
}
