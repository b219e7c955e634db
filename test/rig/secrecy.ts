import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Machine } from "../support/juju/machine.ts";
import { createUnit, type Unit } from "../support/juju/unit.ts";
import { type Conductor, type RecipeName, startConductor } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { sh } from "./look.ts";
import { type Found, type Searched, searchAll } from "./secrecy/search.ts";
import { newToken, type Token } from "./secrecy/tokens.ts";
import { tracedMachine, traces, traceWatch } from "./secrecy/traced.ts";
import { charmFile, kubeconfig, mirrorOptions, muteWatch } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };
const file = "/etc/magnum/kubeconfig";
const state = "/var/lib/magnum-capi-helm";

/** Where a token may be: the daemons' file, our copies for root alone, and what Juju itself gave. */
const ownPlaces = [
  /^600 magnum:magnum \/etc\/magnum\/kubeconfig$/,
  new RegExp(`^600 root:root ${state}/(kubeconfig|previous|hold\\.json|(transaction|originals)/[^/]+)$`),
  /^600 root:root \/var\/lib\/juju\/agents\/unit-magnum-capi-helm-0\/resources\/management\.kubeconfig$/,
];

/** What was found elsewhere. Of hook commands only secret-get may answer with one. */
function elsewhere(found: Found): Found {
  const isOwn = (place: string) => place === "call secret-get" || ownPlaces.some((it) => it.test(place));
  return Object.fromEntries(Object.entries(found).filter(([place]) => !isOwn(place)));
}

/** Secrets that can't be used, with a token in them. */
const badSecrets: readonly ((token: string) => Readonly<Record<string, string>>)[] = [
  (token) => ({ kubeconfig: token }),
  (token) => ({ kubeconfig: `users: [{token: ${token}` }),
  (token) => ({ kubeconfig: kubeconfig().replace(/{token: .*}/, `{username: a, password: ${token}}`) }),
  (token) => ({ kubeconfig: `\u0000\u0001${token}` }),
  (token) => ({ "another-key": kubeconfig(token) }),
];

/** A unit's whole life, after which the kubeconfigs are where they belong and nowhere else. */
export function secrecyTests(recipe: RecipeName): void {
  describeRig(`the kubeconfig's secrecy on ${recipe}`, () => {
    let conductor: Conductor;
    let machine: Machine;
    let unit: Unit;
    let secret: string;
    const tokens: Token[] = [];
    const figures: string[] = [];
    const token = (name: string): string => {
      const made = newToken(name);
      tokens.push(made);
      return made.text;
    };

    beforeAll(async () => {
      conductor = await startConductor({ recipe });
      await muteWatch(conductor);
      machine = await tracedMachine(conductor);
      unit = await createUnit(machine, { charm: charmFile(), config: mirrorOptions() });
    });
    afterAll(async () => {
      await conductor?.down();
      for (const line of figures) process.stderr.write(`rig: secrecy: ${line}\n`);
    });

    /** Where the tokens are besides their own places; what was searched is printed at the end. */
    async function searched(when: string): Promise<Found> {
      const { found, searched: amount } = await searchAll(conductor, unit, tokens);
      const amounts = Object.entries(amount satisfies Searched).map(([what, count]) => `${count} ${what}`);
      figures.push(`${when}: ${tokens.length} tokens in ${amounts.join(", ")}`);
      for (const count of Object.values(amount)) expect(count).toBeGreaterThan(10);
      const copies = [`600 magnum:magnum ${file}`, `600 root:root ${state}/kubeconfig`];
      expect(Object.keys(found)).toEqual(expect.arrayContaining(copies));
      const folders = `find ${state} -type d ! -perm 0700 2>/dev/null || true`;
      expect(await sh(conductor, folders)).toBe("");
      return elsewhere(found);
    }

    /** Has a systemctl that does something else before a restart, while `work` runs. */
    async function withSystemctl(instead: string, work: () => Promise<void>): Promise<void> {
      const script = `#!/bin/sh\n[ "$1" != restart ] || ${instead}\nexec /usr/bin/systemctl.real "$@"\n`;
      await sh(
        conductor,
        `mv /usr/bin/systemctl /usr/bin/systemctl.real && cat >/usr/bin/systemctl <<'END'\n${script}END\nchmod 0755 /usr/bin/systemctl`,
      );
      try {
        await work();
      } finally {
        await sh(conductor, "mv /usr/bin/systemctl.real /usr/bin/systemctl");
      }
    }

    const blocked = async () => expect((await unit.status()).status).toBe("blocked");

    it("lives from its deployment through a missing grant to the graft", async () => {
      await sh(
        conductor,
        `printf '%s' '${kubeconfig(token("left by hand"))}' >${file} && chown magnum:magnum ${file} && chmod 0600 ${file}`,
      );
      await unit.deploy();
      await traceWatch(conductor, unit.charmFolder);
      await blocked();
      secret = await unit.addSecret({ kubeconfig: kubeconfig(token("first")) });
      await unit.configure({ kubeconfig: secret });
      await blocked();
      await unit.grantSecret(secret);
      await unit.runHook("update-status");
      expect(await unit.status()).toEqual(ready);
    });

    it("refuses options and secrets that are wrong, and takes a new revision", async () => {
      await unit.configure({ "chart-version": "$(id)" });
      await blocked();
      await unit.configure({ "chart-version": undefined });
      for (const [index, content] of badSecrets.entries()) {
        await unit.updateSecret(secret, content(token(`wrong ${index}`)));
        await blocked();
      }
      await unit.updateSecret(secret, { kubeconfig: kubeconfig(token("second")) });
      expect(await unit.status()).toEqual(ready);
      for (const verb of ["status", "plan", "verify", "heal-log"]) await machine.exec(["capi-graft", verb]);
    });

    it("takes back a change that fails, with another revision, and brings it about when asked again", async () => {
      await unit.revokeSecret(secret);
      await unit.updateSecret(secret, { kubeconfig: kubeconfig(token("third")) });
      await unit.configure({ "chart-version": "0.24.1" });
      await blocked();
      await unit.grantSecret(secret);
      await withSystemctl("exit 1", async () => {
        await unit.runHook("update-status");
      });
      expect((await unit.status()).message).toContain("reverted");
      expect(await searched("after a revert")).toEqual({});
      expect((await unit.runAction("apply")).status).toBe("completed");
      expect(await unit.status()).toEqual(ready);
    });

    it("takes a kubeconfig that is attached, and refuses another one", async () => {
      await unit.configure({ kubeconfig: undefined });
      await unit.attachResource("kubeconfig", kubeconfig(token("attached")));
      expect(await unit.status()).toEqual(ready);
      await unit.attachResource(
        "kubeconfig",
        badSecrets[2]?.(token("attached and wrong"))["kubeconfig"] ?? "",
      );
      await blocked();
      await unit.configure({ kubeconfig: secret });
      expect(await unit.status()).toEqual(ready);
    });

    it("is healed by the watch where somebody put in another kubeconfig", async () => {
      const foreign = kubeconfig(token("put in"));
      await conductor.exec(["sh", "-c", `cat >${file}`], { input: foreign });
      const folder = "/run/systemd/system/magnum-capi-helm-watch.service.d";
      await sh(conductor, `rm ${folder}/muted.conf; systemctl daemon-reload`);
      await sh(conductor, "systemctl start magnum-capi-helm-watch.service");
      expect(await sh(conductor, `cat ${file}`)).not.toBe(foreign);
      expect(await sh(conductor, `cat ${traces}/watch | grep -c 'juju-exec'`)).not.toBe("0\n");
      await muteWatch(conductor);
    });

    it("shows, restarts and rolls back by its actions", async () => {
      for (const name of ["plan", "verify", "show-effective-config"])
        expect([name, (await unit.runAction(name)).status]).toEqual([name, "completed"]);
      const { results } = await unit.runAction("heal-log");
      expect(JSON.stringify(results)).toContain(file);
      expect((await unit.runAction("restart-services", { "deferred-only": false })).status).toBe("completed");
      expect((await unit.runAction("rollback")).status).toBe("completed");
    });

    it("dies of a signal that leaves a core, and leaves none, nor do its children", async () => {
      const leavesCores = !(await sh(conductor, "cat /proc/sys/kernel/core_pattern")).startsWith("|");
      const cores = "find / -xdev -type f -name 'core*' -size +64k -newer /run/rig-before";
      await sh(conductor, "touch /run/rig-before");
      await withSystemctl("sleep 61", async () => {
        const configuring = unit.configure({ "chart-version": "0.24.0" });
        const pid = await waitFor(
          conductor,
          "pgrep -f '[s]leep 61' >/dev/null && pgrep -f 'dist/[m]ain.cjs hook'",
        );
        const limits = `cat /proc/$(pgrep -f '[s]leep 61' | head -n 1)/limits /proc/${pid}/limits`;
        expect((await sh(conductor, limits)).match(/^Max core file size.*$/gm)).toEqual([
          expect.stringMatching(/\s0\s+0\s/),
          expect.stringMatching(/\s0\s+0\s/),
        ]);
        await sh(conductor, `kill -ABRT ${pid}; sleep 1; pkill -KILL -f '[s]leep 61' || true`);
        expect((await configuring).code).not.toBe(0);
      });
      expect(await sh(conductor, cores)).toBe("");
      expect(await searched("after a crash")).toEqual({});
      if (leavesCores) {
        await sh(conductor, "cd /root && ulimit -c unlimited && (sleep 9 & kill -ABRT $!; wait $! || true)");
        expect(await sh(conductor, cores)).toMatch(/^\/root\/core/);
        await sh(conductor, "rm /root/core*");
      }
      expect((await unit.runHook("config-changed")).code).toBe(0);
      expect(await unit.status()).toEqual(ready);
    });

    it("is refreshed; a token that is let out on purpose is found in each place", async () => {
      await unit.refresh(charmFile());
      expect(await unit.status()).toEqual(ready);
      expect(await searched("before the removal")).toEqual({});
      const made = newToken("let out");
      const half = made.forms[1] ?? "";
      await sh(conductor, `echo '${made.text}' >/var/log/let-out; chmod 0644 /var/log/let-out`);
      await sh(conductor, `printf %s '${made.text}' | base64 | systemd-cat`);
      await machine.exec(["true", half]);
      await machine.exec([unit.jujuExec, "-u", unit.name, `juju-log ${half}`]);
      const { found } = await searchAll(conductor, unit, [made]);
      const places = Object.keys(found).map((place) => place.replace(/\/(\d+|agent\.\d+)$/, "/N"));
      expect(places).toEqual(
        expect.arrayContaining([
          "644 root:root /var/log/let-out",
          `644 root:root ${traces}/N`,
          "journal",
          "call juju-log",
          "juju",
        ]),
      );
    });

    it("leaves no token behind when it is removed, but what stood there before", async () => {
      await unit.remove();
      const { found, searched: amount } = await searchAll(conductor, unit, tokens);
      figures.push(`after the removal: ${Object.values(amount).join(", ")}`);
      expect(found).toEqual({
        [`600 magnum:magnum ${file}`]: ["left by hand"],
        "call secret-get": expect.arrayContaining(["first", "second", "third"]),
      });
    });
  });
}

/** Waits until a script succeeds, at most 60 s; what it printed. */
async function waitFor(conductor: Conductor, script: string): Promise<string> {
  const end = Date.now() + 60_000;
  for (;;) {
    const { code, stdout } = await conductor.exec(["sh", "-c", script]);
    if (code === 0) return stdout.trim();
    if (Date.now() > end) throw new Error(`waited 60 s in vain for ${script}`);
    await sleep(100);
  }
}
