import { afterAll, beforeAll, expect, it } from "vitest";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { hurry, limits } from "./hurry.ts";
import { inventory, sh, starts } from "./look.ts";
import { makeGraftedSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };
const journal = "/var/lib/magnum-capi-helm/transaction/journal.json";
const isThere = `[ -e ${journal} ] && echo there || echo gone`;
const pip = "/usr/lib/python3/dist-packages/pip/__main__.py";
const folder = "/run/systemd/system/magnum-conductor.service.d";

/** pip installs nothing, ignores the polite signal, and has a child. */
const hangingPip = `cp -a ${pip} /root/pip-main && cat - /root/pip-main >${pip} <<'PYTHON'
import signal, subprocess, sys, time
if sys.argv[1] == "install":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "1000"])
    time.sleep(1000)
PYTHON`;

// Room for what comes before pip, on a machine that is busy with other conductors.
const short = "workMs: 12e4, wholeMs: 24e4";
const patient = { timeout: 900_000 };

/** All that a change must leave as it was: but that it is held. */
async function belongings({ conductor }: Site): Promise<string> {
  const lines = (await inventory(conductor)).split("\n");
  return lines.filter((line) => !line.includes("/magnum-capi-helm/hold.json")).join("\n");
}

/** What a change waits for hangs: it is taken back in time, or by the next hook, and the status names it. */
export function hangingChangesTests(recipe: RecipeName): void {
  describeRig(`changes that hang on ${recipe}`, () => {
    let site: Site;
    let before: string;
    beforeAll(async () => {
      site = await makeGraftedSite(recipe);
      hurry(site, [
        [limits.restart, '"restart", unit], { timeoutMs: 2e4'],
        [limits.work, short],
        [limits.change, "switchMs = 1e3"],
      ]);
      // What the program is has changed: it is looked at once.
      await site.unit.runHook("update-status");
      before = await belongings(site);
    });
    afterAll(() => site?.down());

    it(
      "a pip that ignores signals is cut off when the hook's time is over, and the unit is as before",
      patient,
      async () => {
        await sh(site.conductor, hangingPip);
        const was = await starts(site.conductor);
        const { code, ms } = await site.unit.configure({ "driver-version": "1.3.0" });
        await sh(site.conductor, `mv /root/pip-main ${pip}`);
        expect([code, await site.unit.status()]).toEqual([
          0,
          {
            status: "blocked",
            message: expect.stringMatching(
              /^reverted, .*python3 -m pip install took \d+ s; next: run the action apply$/,
            ),
          },
        ]);
        expect(ms).toBeLessThan(240_000);
        expect(await belongings(site)).toBe(before);
        expect(await starts(site.conductor)).toEqual(was);
        expect(await sh(site.conductor, `pgrep -f '[s]leep 1000' || echo none; ${isThere}`)).toBe(
          "none\ngone\n",
        );
        await site.unit.configure({ "driver-version": undefined });
        expect(await site.unit.status()).toEqual(ready);
      },
    );

    it(
      "a conductor that does not come up is in the status, and taken back once it can",
      patient,
      async () => {
        hurry(site, [[short, "workMs: 24e4, wholeMs: 48e4"]]);
        await sh(
          site.conductor,
          `mkdir -p ${folder} && printf '[Service]\\nExecStartPre=/bin/sleep 1000\\nTimeoutStartSec=infinity\\n' >${folder}/hang.conf
        systemctl daemon-reload`,
        );
        const { code, ms } = await site.unit.configure({ "chart-version": "0.24.1" });
        expect([code, await site.unit.status()]).toEqual([
          0,
          {
            status: "blocked",
            message:
              "reverted, magnum-conductor: could not be restarted; next: journalctl -u magnum-conductor -n 50",
          },
        ]);
        expect(ms).toBeLessThan(480_000);
        const log = (await site.unit.log()).map(({ message }) => message).join("\n");
        expect(log).toContain("magnum-conductor could not be restarted: no end after 100 s");
        expect(await sh(site.conductor, isThere)).toBe("there\n");
        await sh(site.conductor, `rm ${folder}/hang.conf; systemctl daemon-reload`);
        await site.unit.runHook("update-status");
        expect((await site.unit.status()).message).toMatch(/^reverted, .*could not be restarted/);
        expect(await belongings(site)).toBe(before);
        expect(await sh(site.conductor, isThere)).toBe("gone\n");
        await site.unit.configure({ "chart-version": undefined });
        expect(await site.unit.status()).toEqual(ready);
      },
    );
  });
}
