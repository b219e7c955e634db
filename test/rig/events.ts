import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { commandLine, inventory, sh, starts } from "./look.ts";
import { makeGraftedSite, type Site } from "./site.ts";
import { type Repair, repairOf, watchAtRest } from "./watching.ts";

const dropIn = "/etc/magnum/magnum.conf.d/00-capi-helm.conf";
const directory = "/etc/magnum/magnum.conf.d";
const defaults = "/etc/default/magnum-conductor";
const kubeconfig = "/etc/magnum/kubeconfig";
const helm = "/usr/local/bin/helm";
const ready = { status: "active", message: "Unit is ready" };
const none = { conductor: 0, api: 0 };

/** Shell that ends with 0 when a file is as it was when this was made. */
async function asNow(site: Site, path: string): Promise<string> {
  const look = `$(stat -c '%a %U:%G %F' ${path}; [ -d ${path} ] || sha256sum < ${path})`;
  const now = await sh(site.conductor, `echo "${look}"`);
  return `[ "${look}" = "${now.trim()}" ]`;
}

/** One event of each kind. */
const inSome = new Set([
  "a deleted drop-in",
  "a drop-in directory that only root may enter",
  "a defaults file that another writer replaced",
  "an overwritten helm",
  "emptied site-packages",
  "a reinstalled magnum-conductor",
  "a purged and reinstalled magnum-common, with all of /etc/magnum",
]);

/**
 * What undoes a graft, with no hook at all: the watch sees it and repairs it. Of `some` it is one event of each kind: how
 * systemd, dpkg and pip go about it differs from one release of Debian to the next, and not from one file to another.
 */
export function eventsTests(recipe: RecipeName, amount: "all" | "some"): void {
  describeRig(`events on ${recipe}, seen by the watch`, () => {
    let site: Site;
    let good: string;
    const figures: string[] = [];
    beforeAll(async () => {
      site = await makeGraftedSite(recipe, { watch: "on" });
      await watchAtRest(site);
      good = await inventory(site.conductor);
    });
    afterAll(async () => {
      process.stdout.write(figures.map((line) => `${recipe}: ${line}\n`).join(""));
      await site?.down();
    });

    function chosen<T extends readonly [title: string, ...string[]]>(events: readonly T[]): readonly T[] {
      return amount === "all" ? events : events.filter(([title]) => inSome.has(title));
    }

    // Not held against what is promised: other tests run beside this one. The benches do that.
    function note(title: string, { ms, starts: times }: Repair): void {
      figures.push(`${title}: ${ms} ms, starts: conductor ${times.conductor}, api ${times.api}`);
    }

    const files: readonly (readonly [title: string, path: string, damage: string])[] = [
      ["an edited drop-in", dropIn, `sed -i s/0.25.1/0.10.1/ ${dropIn}`],
      ["a deleted drop-in", dropIn, `rm ${dropIn}`],
      ["a drop-in that only root may read", dropIn, `chmod 0600 ${dropIn}`],
      ["a drop-in directory that only root may enter", directory, `chmod 0700 ${directory}`],
      ["a defaults file that another writer replaced", defaults, `: > ${defaults}`],
      ["a defaults file with CRLF", defaults, `sed -i 's/$/\\r/' ${defaults}`],
      ["a truncated kubeconfig", kubeconfig, `: > ${kubeconfig}`],
      ["an overwritten helm", helm, `cat /bin/true > ${helm}`],
    ];

    it.each(chosen(files))("%s is repaired without a restart, and logged", async (...event) => {
      const [title, path, damage] = event;
      const repair = await repairOf(site, { damage, isGood: await asNow(site, path) });
      note(title, repair);
      expect(repair.starts).toEqual(none);
      expect(repair.logged.join()).toContain(`:${path}`);
      expect(repair.triggers).toEqual(["watch"]);
      expect(await inventory(site.conductor)).toBe(good);
      expect(await site.unit.status()).toEqual(ready);
    });

    it("twenty edits within two seconds, some while a repair runs, end with the file as it is to be", async () => {
      const edit = `echo "# $i" >> ${dropIn}`;
      const repair = await repairOf(site, {
        damage: `for i in $(seq 20); do ${edit}; sleep 0.1; done`,
        isGood: await asNow(site, dropIn),
        fromEnd: true,
      });
      note("twenty edits", repair);
      expect(repair.starts).toEqual(none);
      expect(await inventory(site.conductor)).toBe(good);
    });

    const driver = "ls /usr/local/lib/python3.*/dist-packages/magnum_capi_helm-*.dist-info/RECORD";
    const restartedOnce = `${driver} && [ $(started conductor) = 1 ] && [ $(started api) = 1 ]`;
    const lookedAt = `[ /var/lib/magnum-capi-helm/signature.json -nt $over ] &&
      grep -q '"inLine":true' /var/lib/magnum-capi-helm/signature.json`;
    const deb = "export DEBIAN_FRONTEND=noninteractive; dpkg --force-confnew --force-confmiss";
    const changed = `rm -rf /tmp/deb && dpkg-deb -R /srv/debs/magnum-conductor_*.deb /tmp/deb
      sed -i 's/^Version:.*/Version: 99.0/' /tmp/deb/DEBIAN/control
      echo '# changed' >> /tmp/deb/etc/init.d/magnum-conductor
      dpkg-deb -b /tmp/deb /tmp/changed.deb`;

    // What makes a conductor of the rig of what the packages bring: no message bus, a database, one process of the API.
    const configured = "/etc/magnum/magnum.conf /etc/magnum/magnum-api-uwsgi.ini";

    const software: readonly (readonly [title: string, damage: string, isGood: string])[] = [
      [
        "an uninstalled driver",
        "cd / && PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip --quiet uninstall --yes magnum-capi-helm",
        restartedOnce,
      ],
      [
        "emptied site-packages",
        "rm -rf /usr/local/lib/python3.*/dist-packages/magnum_capi_helm*",
        restartedOnce,
      ],
      ["a reinstalled magnum-conductor", `${deb} -i /srv/debs/magnum-conductor_*.deb`, lookedAt],
      ["a magnum-conductor with another init script", `${changed}; ${deb} -i /tmp/changed.deb`, lookedAt],
      [
        "a purged and reinstalled magnum-conductor",
        `${deb} --purge magnum-conductor; ${deb} -i /srv/debs/magnum-conductor_*.deb; systemctl enable --now magnum-conductor`,
        `${lookedAt} && [ $(started conductor) -ge 1 ]`,
      ],
      [
        "a purged and reinstalled magnum-common, with all of /etc/magnum",
        `mkdir /root/kept; cp -a ${configured} /root/kept; ${deb} --purge --force-depends magnum-conductor magnum-common
         ${deb} -i /srv/debs/*.deb; cp -a /root/kept/* /etc/magnum/`,
        `[ -s ${kubeconfig} ] && [ -s ${dropIn} ] && [ $(started conductor) -gt 1 ]`,
      ],
    ];

    it.each(chosen(software))("%s is repaired", async (title, damage, isGood) => {
      const repair = await repairOf(site, { damage, isGood, fromEnd: true, limitSeconds: 180 });
      note(title, repair);
      expect((await commandLine(site.conductor)).join(" ")).toContain(`--config-dir ${directory}`);
      expect(await sh(site.conductor, "magnum-driver-manage list-drivers")).toContain("k8s_capi_helm_v1");
      expect(await site.unit.status()).toEqual(ready);
    });

    it("what can't be written is repaired once it can be, without another event", async () => {
      const repair = await repairOf(site, {
        damage: `systemctl stop magnum-capi-helm-watch.path magnum-capi-helm-watch.timer
          rm ${dropIn}; mount --bind /etc/magnum /etc/magnum; mount -o remount,ro,bind /etc/magnum
          systemctl start magnum-capi-helm-watch.path magnum-capi-helm-watch.timer
          systemctl start magnum-capi-helm-watch.service; umount /etc/magnum`,
        isGood: `[ -s ${dropIn} ]`,
        fromEnd: true,
        limitSeconds: 240,
      });
      note("a directory that was read-only", repair);
      expect(repair.starts).toEqual(none);
    });

    it("costs little while nothing happens: a run a minute, some stat calls each", async () => {
      await watchAtRest(site);
      const before = await starts(site.conductor);
      const charm = site.unit.charmFolder;
      const cost = await sh(
        site.conductor,
        `count() { journalctl --unit magnum-capi-helm-watch.service --output cat | grep -c '^Starting'; }
         before=$(count); sleep 65; runs=$(( $(count) - before ))
         cd ${charm} && bash -c 'for i in 1 2 3 4 5; do ./bin/node dist/main.cjs watch; done; times' | tail -1
         echo "$runs"`,
      );
      const [used = "", runs = ""] = cost.trim().split("\n");
      const seconds = [...used.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s));
      const each = (seconds.reduce((sum, it) => sum + it, 0) / 5) * 1000;
      figures.push(`idle: ${runs} runs in 65 s, ${Math.round(each)} ms of CPU each`);
      expect(Number(runs)).toBeLessThanOrEqual(2);
      expect(await starts(site.conductor)).toEqual(before);
    });
  });
}
