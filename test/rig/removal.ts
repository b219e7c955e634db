import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { unzipEntries, zipEntries } from "../../build/zip.ts";
import { createUnit, type Unit } from "../support/juju/unit.ts";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { inventory, mainPids, sh, starts } from "./look.ts";
import { charmFile, kubeconfig, makeSite, type Site } from "./site.ts";

const ready = { status: "active", message: "Unit is ready" };
const state = "/var/lib/magnum-capi-helm";

/** The charm as a later release may be, which writes records that this one can't read. Returns the file. */
async function laterCharm(folder: string): Promise<string> {
  const entries = await unzipEntries(await readFile(charmFile()));
  const later = entries.map((entry) => {
    if (entry.name === "version") return { ...entry, content: Buffer.from("99.0.0\n") };
    if (entry.name !== "dist/full.cjs") return entry;
    const text = entry.content.toString();
    const changed = text.replace(/\blayout = 1\b/, "layout = 2");
    if (changed === text) throw new Error("dist/full.cjs does not say which layout it writes");
    return { ...entry, content: Buffer.from(changed) };
  });
  const path = join(folder, "later.charm");
  await writeFile(path, await zipEntries(later));
  return path;
}

/** A unit of another application of the charm on the same conductor, with the same options and a secret of its own. */
async function anotherUnit({ conductor, options }: Site, application: string, charm: string): Promise<Unit> {
  // The stand-in for Juju's agent keeps what it knows of one unit in such a folder.
  const jujuDir = `/var/lib/juju-${application}`;
  const unit = await createUnit(conductor, { charm, application, config: options, jujuDir });
  const secret = await unit.addSecret({ kubeconfig: kubeconfig() });
  await unit.grantSecret(secret);
  await unit.deploy();
  await unit.configure({ kubeconfig: secret });
  return unit;
}

/** Refreshes, other applications, and removals that do not go as they should, on one grafted conductor. */
export function removalTests(recipe: RecipeName): void {
  describeRig(`refresh and removal on ${recipe}`, () => {
    let site: Site;
    let before: string;
    let grafted: string;
    let folder: string;
    let later: string;
    let heir: Unit;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "later-charm-"));
      later = await laterCharm(folder);
      site = await makeSite(recipe);
      await sh(site.conductor, "printf 'ULIMIT=1024' > /etc/default/magnum-conductor");
      before = await inventory(site.conductor, "deep");
      await site.unit.deploy();
      await site.unit.configure({ kubeconfig: site.secret });
      expect(await site.unit.status()).toEqual(ready);
      grafted = await inventory(site.conductor, "deep");
    });
    afterAll(async () => {
      await site?.down();
      await rm(folder, { recursive: true, force: true });
    });

    /** Runs some work that may touch nothing on the conductor: no file, no process. */
    async function touchesNothing(work: () => Promise<unknown>): Promise<void> {
      const [was, pids] = [await inventory(site.conductor, "deep"), await mainPids(site.conductor)];
      await work();
      expect(await inventory(site.conductor, "deep")).toBe(was);
      expect(await mainPids(site.conductor)).toEqual(pids);
    }

    it("a second application is blocked with the name of the first, and comes and goes without a trace", async () => {
      await touchesNothing(async () => {
        const second = await anotherUnit(site, "again", charmFile());
        expect(await second.status()).toEqual({
          status: "blocked",
          message: `another unit keeps the graft: ${site.unit.name}; next: remove one of the two applications`,
        });
        const hooks = await second.remove();
        expect(hooks.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
      });
    });

    it("a refresh to a later charm restarts nothing, and one back to this is refused in words", async () => {
      const pids = await mainPids(site.conductor);
      expect((await site.unit.refresh(later)).map(({ code }) => code)).toEqual([0, 0]);
      expect(await site.unit.status()).toEqual(ready);
      await touchesNothing(async () => {
        expect((await site.unit.refresh(charmFile())).map(({ code }) => code)).toEqual([0, 0]);
        expect(await site.unit.status()).toEqual({
          status: "blocked",
          message: expect.stringMatching(/^the records here are of a newer charm.*; next: juju refresh to/),
        });
        // The watch runs out of the older charm as well.
        await sh(site.conductor, `cd ${site.unit.charmFolder} && ./bin/node dist/main.cjs watch`);
      });
      expect((await site.unit.refresh(later)).map(({ code }) => code)).toEqual([0, 0]);
      expect(await site.unit.status()).toEqual(ready);
      expect(await mainPids(site.conductor)).toEqual(pids);
    });

    it("a unit of another application adopts what one that went without its hooks left, without a restart", async () => {
      await sh(site.conductor, `rm -rf ${dirname(site.unit.charmFolder)}`);
      const pids = await mainPids(site.conductor);
      heir = await anotherUnit(site, "heir", later);
      expect(await heir.status()).toEqual(ready);
      expect(await mainPids(site.conductor)).toEqual(pids);
      const led = await sh(
        site.conductor,
        `cat ${state}/owner.json /usr/local/bin/capi-graft /etc/systemd/system/magnum-capi-helm-watch.service`,
      );
      expect(led).toContain(heir.charmFolder);
      expect(led).not.toContain(site.unit.charmFolder);
      expect(grafted).toContain("magnum-capi-helm-watch");
    });

    it("a removal whose stop is killed half-way ends with what stood there before the first of them", async () => {
      const was = await starts(site.conductor);
      const stop = heir.spawnHook("stop");
      const end = performance.now() + 60_000;
      const isUnderWay = `[ ! -e ${state}/desired.json ]`;
      while ((await site.conductor.exec(["sh", "-c", isUnderWay])).code !== 0 && performance.now() < end)
        await sleep(50);
      stop.kill("SIGKILL");
      await stop.done;
      expect(await sh(site.conductor, `ls ${state}`)).toContain("originals");
      const hooks = await heir.remove();
      expect(hooks.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
      expect(await inventory(site.conductor, "deep")).toBe(before);
      expect((await starts(site.conductor)).conductor - was.conductor).toBeLessThanOrEqual(2);
      const left = await sh(
        site.conductor,
        `ls -d ${state} /var/cache/magnum-capi-helm* 2>/dev/null || true
         systemctl list-units --all --no-legend 'magnum-capi-helm*'
         find / -xdev -name '*.capi-graft-tmp'`,
      );
      expect(left.trim()).toBe("");
    });
  });
}
