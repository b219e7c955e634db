import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { readMetadata } from "../support/juju/charm-metadata.ts";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { forgetRepairs, inventory, mainPids, sh, starts } from "./look.ts";
import { makeSite, type Site } from "./site.ts";

/** The hooks of a unit that goes, two of which take the graft back: they come last, on a unit that is thrown away. */
const ending = ["peers-relation-broken", "stop", "remove"];

// Each walks some fifteen hooks, on a machine that may be busy with other conductors.
vi.setConfig({ testTimeout: 900_000 });

/** Hooks in which a unit only lets a relation go, or hears of other units: they look at nothing here. */
const idle = /-relation-(departed|broken)$|^peers-/;

const app = "magnum-capi-helm";
const dropIn = "/etc/magnum/magnum.conf.d/00-capi-helm.conf";
const ready = { status: "active", message: "Unit is ready" };

interface State {
  readonly title: string;
  /** Puts a grafted unit into it. */
  readonly enter: string | ((site: Site) => Promise<unknown>);
  /** Makes it anew before each hook, where a hook ends it. */
  readonly again?: string;
  readonly told: (site: Site) => { readonly status: string; readonly message: string };
  /** Not all hooks, where a state is slow and another one has shown that they do the same. */
  readonly only?: readonly string[];
  readonly leave: string | ((site: Site) => Promise<unknown>);
}

const damage = `echo '# by hand' >> ${dropIn}; chmod 0600 ${dropIn}; rm -f /etc/magnum/kubeconfig`;
const pause = "systemctl stop magnum-api magnum-conductor; systemctl mask magnum-api magnum-conductor";
const resume = "systemctl unmask magnum-api magnum-conductor; systemctl start magnum-conductor magnum-api";
const paused = {
  status: "active",
  message: "magnum-conductor is masked: the principal is paused; next: resume the principal",
};

/** The states of a unit that was grafted once. Each ends as it began, so that the next one finds a good unit. */
const states: readonly State[] = [
  { title: "in line", enter: "true", told: () => ready, leave: "true" },
  { title: "drifted", enter: "true", again: damage, told: () => ready, leave: "true" },
  {
    title: "whose config is invalid",
    enter: ({ unit }) => unit.configure({ "chart-version": "latest" }),
    told: () => ({
      status: "blocked",
      message: "chart-version: latest; accepted: an exact version of three numbers, such as 0.25.1",
    }),
    leave: ({ unit }) => unit.configure({ "chart-version": "0.25.1" }),
  },
  {
    title: "whose secret may not be read",
    enter: ({ unit, secret }) => unit.revokeSecret(secret),
    told: ({ secret }) => ({
      status: "blocked",
      message: `grant revoked, unit serves on; next: juju grant-secret ${secret} ${app}`,
    }),
    leave: ({ unit, secret }) => unit.grantSecret(secret),
  },
  {
    title: "without the program of Magnum",
    enter: "mv /etc/init.d/magnum-conductor /root/",
    told: () => ({
      status: "waiting",
      message: "waiting for magnum-conductor to be installed: /etc/init.d/magnum-conductor is not there",
    }),
    leave: "mv /root/magnum-conductor /etc/init.d/",
  },
  {
    title: "whose principal is paused",
    enter: pause,
    told: () => paused,
    only: ["start", "config-changed", "juju-info-relation-created", "leader-elected", "update-status"],
    leave: "true",
  },
  {
    title: "whose principal is paused, and drifted",
    enter: "true",
    again: damage,
    told: () => paused,
    only: ["config-changed", "update-status", "upgrade-charm"],
    leave: resume,
  },
];

/** What a relation does in its life, in that order: after the last of them there is none. */
const lifeOfRelation = ["created", "joined", "changed", "departed", "broken"];

/** The charm's hooks, in an order that Juju may run them in: a relation comes first, and goes last. */
function hooksOf(charm: string): readonly string[] {
  const names = readdirSync(join(charm, "hooks")).filter((name) => name !== "stub" && !ending.includes(name));
  const rank = (name: string) => {
    const at = lifeOfRelation.findIndex((event) => name.endsWith(`-relation-${event}`));
    return at > 2 ? 10 + at : at === -1 ? 5 : at;
  };
  return names.toSorted((one, other) => rank(one) - rank(other));
}

/** Every hook on every state of a real conductor: its exit code, the status, the files that changed, the restarts. */
export function hookTableTests(recipe: RecipeName): void {
  describeRig(`every hook on ${recipe}`, () => {
    let site: Site;
    let pristine: string;
    let hooks: readonly string[];
    beforeAll(async () => {
      site = await makeSite(recipe);
      pristine = await inventory(site.conductor);
      await site.unit.deploy();
      hooks = hooksOf(join(site.conductor.root, site.unit.charmFolder));
    });
    afterAll(() => site?.down());

    const facts = async () => ({
      files: await inventory(site.conductor),
      starts: await starts(site.conductor),
      pids: await mainPids(site.conductor),
    });

    async function does(step: State["enter"]): Promise<void> {
      await (typeof step === "string" ? sh(site.conductor, step) : step(site));
    }

    it("is one that Juju knows for this charm, and does nothing where the charm has none of that name", async () => {
      const metadata = readFileSync(join(import.meta.dirname, "../../metadata.yaml"), "utf8");
      const { hookNames } = readMetadata(metadata);
      expect(hooks.filter((name) => !hookNames.has(name))).toEqual([]);
      const before = await facts();
      const others = [...hookNames].filter((name) => !hooks.includes(name) && !ending.includes(name));
      expect(others).toContain("secret-expired");
      for (const name of others) {
        const { code, calls } = await site.unit.runHook(name);
        expect([name, code, calls]).toEqual([name, 0, []]);
      }
      expect(await facts()).toEqual(before);
    });

    it("on a fresh unit, says what is missing and changes nothing", async () => {
      const before = await facts();
      for (const name of hooks) {
        const { code } = await site.unit.runHook(name);
        const message = `the option kubeconfig is not set; next: juju config ${app} kubeconfig=secret:ID`;
        expect([name, code, await site.unit.status()]).toEqual([name, 0, { status: "blocked", message }]);
      }
      expect(await facts()).toEqual(before);
      await site.unit.configure({ kubeconfig: site.secret, "self-heal-limit": 100 });
      expect(await site.unit.status()).toEqual(ready);
    });

    it.each(states)("on a unit $title, leaves the files of the graft and restarts nothing", async (state) => {
      await does(state.enter);
      const before = await facts();
      for (const name of hooks.filter((it) => state.only?.includes(it) ?? true)) {
        const isIdle = idle.test(name);
        if (state.again !== undefined && !isIdle) {
          // The fuse would have the second repair of a thing wait for seconds.
          await forgetRepairs(site.conductor);
          await does(state.again);
        }
        const { code } = await site.unit.runHook(name);
        const status = isIdle ? await site.unit.status() : state.told(site);
        expect([name, code, await site.unit.status()]).toEqual([name, 0, status]);
        expect([name, await facts()]).toEqual([name, before]);
      }
      await does(state.leave);
      await forgetRepairs(site.conductor);
      await site.unit.runHook("update-status");
    });

    it("at its end, on a unit that has drifted, takes everything back once", async () => {
      expect(await site.unit.status()).toEqual(ready);
      await does(damage);
      for (const name of ending) expect([name, (await site.unit.runHook(name)).code]).toEqual([name, 0]);
      expect(await inventory(site.conductor)).toBe(pristine);
    });
  });
}
