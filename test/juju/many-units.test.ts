import { afterEach, describe, expect, test, vi } from "vitest";
import { peerTexts } from "../../src/juju/peer-data.ts";
import { longestTurnMs } from "../../src/juju/roll.ts";
import { lastSignature } from "../../src/juju/signer.ts";
import type { Bag } from "../support/juju/agent-state.ts";
import { type MemoryUnit, memoryUnits } from "../support/juju/memory-units.ts";

// Each hook command is a process of its own.
vi.setConfig({ testTimeout: 240_000 });
afterEach(() => vi.unstubAllEnvs());

const ready = "active: Unit is ready";
const services = ["magnum-conductor", "magnum-api"];
const waitsFor = (unit: number, why = "restarts") =>
  `waiting: waiting for its turn to restart (magnum-capi-helm/${unit} ${why})`;

type Site = Awaited<ReturnType<typeof memoryUnits>>;

/** Brings units in line, each in its turn. */
async function graftAll({ units, application }: Site): Promise<void> {
  for (const unit of units) await unit.runHook("config-changed");
  await application.settle();
  await finish({ units, application });
}

/** Makes second looks until no unit waits for its turn. */
async function finish({ units, application }: Pick<Site, "units" | "application">): Promise<void> {
  for (let round = 0; round < units.length; round += 1) {
    for (const unit of units) if (wants(unit)) await unit.secondLook();
    await application.settle();
  }
}

function bag(unit: MemoryUnit): Bag {
  return unit.store.read().relations[0]?.["local-unit"] ?? {};
}

function wants(unit: MemoryUnit): boolean {
  return bag(unit)["wants"] !== undefined;
}

function restartedNow(units: readonly MemoryUnit[]): readonly (readonly string[])[] {
  return units.map((unit) => unit.restarted());
}

async function grafted(count: number): Promise<Site> {
  const site = await memoryUnits(count);
  await graftAll(site);
  expect(site.units.map((unit) => unit.status())).toEqual(site.units.map(() => ready));
  restartedNow(site.units);
  return site;
}

async function configure(site: Site, options: Readonly<Record<string, string>>): Promise<void> {
  for (const unit of site.units) unit.configure(options);
  for (const unit of site.units) await unit.runHook("config-changed");
  await site.application.settle();
}

describe("three units", () => {
  test("restart one after the other, each when the one before is past its second look", async () => {
    const site = await grafted(3);
    const [one, two, three] = site.units as [MemoryUnit, MemoryUnit, MemoryUnit];
    await configure(site, { "chart-version": "0.24.1" });
    expect(restartedNow(site.units)).toEqual([services, [], []]);
    expect([two.status(), three.status()]).toEqual([waitsFor(0), waitsFor(0)]);

    await one.secondLook();
    await site.application.settle();
    expect(restartedNow(site.units)).toEqual([[], services, []]);
    expect(three.status()).toBe(waitsFor(1));

    await two.secondLook();
    await site.application.settle();
    expect(restartedNow(site.units)).toEqual([[], [], services]);
    await finish(site);
    expect(site.units.map((unit) => unit.status())).toEqual([ready, ready, ready]);
    expect(site.units.some(wants)).toBe(false);
    expect(restartedNow(site.units)).toEqual([[], [], []]);
  });

  test("on one of which a change fails: no other restarts, until another change is asked for", async () => {
    const site = await grafted(3);
    const [one, two, three] = site.units as [MemoryUnit, MemoryUnit, MemoryUnit];
    two.faults.atStart = () => "crashes";
    await configure(site, { "chart-version": "0.24.1" });
    await one.secondLook();
    two.faults.atStart = () => "crashes";
    await site.application.settle();
    expect(bag(two)["failed"]).toBe("yes");
    expect(three.status()).toBe(waitsFor(1, "failed"));
    expect(three.restarted()).toEqual([]);
    await three.runHook("update-status");
    expect(three.status()).toBe(waitsFor(1, "failed"));
    expect(three.restarted()).toEqual([]);

    two.faults.atStart = () => "runs";
    await configure(site, { "chart-version": "0.25.1" });
    await finish(site);
    await finish(site);
    expect(site.units.map((unit) => unit.status())).toEqual([ready, ready, ready]);
  });

  test("one of which is dead in its turn: it is passed over, named, and asks anew when it is back", async () => {
    const site = await grafted(3);
    const [one, two, three] = site.units as [MemoryUnit, MemoryUnit, MemoryUnit];
    for (const unit of site.units) unit.configure({ "chart-version": "0.24.1" });
    for (const unit of site.units) await unit.runHook("config-changed");
    site.application.kill(two.name);
    await site.application.settle();
    await one.secondLook();
    await site.application.settle();
    expect(three.status()).toBe(waitsFor(1));
    await one.host.sleep(longestTurnMs);
    await one.runHook("update-status");
    await site.application.settle();
    expect(three.restarted()).toEqual(services);
    const said = one.store.read().log.filter((line) => line.includes("did not use its turn"));
    expect(said[0]).toContain(two.name);
    await three.secondLook();
    await site.application.settle();
    site.application.revive(two.name);
    await site.application.settle();
    await finish(site);
    expect(site.units.map((unit) => unit.status())).toEqual([ready, ready, ready]);
  });

  test("one of which goes in its turn, and another leads by now: the next has its turn", async () => {
    const site = await grafted(3);
    const [one, two, three] = site.units as [MemoryUnit, MemoryUnit, MemoryUnit];
    await configure(site, { "chart-version": "0.24.1" });
    await site.application.elect(three.name);
    await site.application.settle();
    expect(restartedNow([two, three])).toEqual([[], []]);
    site.application.kill(one.name);
    await site.application.depart(one.name);
    await site.application.settle();
    expect(two.restarted()).toEqual(services);
    await two.secondLook();
    await site.application.settle();
    await three.runHook("update-status");
    expect(three.restarted()).toEqual(services);
  });

  test("whose peers tell garbage, or data of another release, go on", async () => {
    const site = await grafted(3);
    const [one, two] = site.units as [MemoryUnit, MemoryUnit];
    const garbage = {
      ...peerTexts({ driver: "$(reboot)", wants: "\u0000", state: "x".repeat(9e4) }),
      more: "y",
    };
    two.store.change(({ relations }) => ({
      relations: relations.map((it) => ({ ...it, "local-unit": garbage, "local-app": { turn: "{[" } })),
    }));
    await site.application.settle();
    one.configure({ "chart-version": "0.24.1" });
    await one.runHook("config-changed");
    expect([one.status(), one.restarted()]).toEqual([ready, services]);
  });

  test("of which one is changed by hand: the leader names it, and an apply needs no turn", async () => {
    const site = await grafted(3);
    const [one, two, three] = site.units as [MemoryUnit, MemoryUnit, MemoryUnit];
    three.configure({ "driver-version": "1.3.0" });
    one.configure({ "chart-version": "0.24.1" });
    await one.runHook("config-changed");
    await three.apply();
    expect(three.restarted()).toEqual(services);
    await finish(site);
    const application = one.store.read()["application-status"];
    expect(application.message).toBe("magnum-capi-helm/2 has driver 1.3.0, the others 1.4.0");
    expect(two.status()).toBe(ready);
  });
});

test("one unit alone restarts at once, keeps no turn, and its hooks are quiet while it is on probation", async () => {
  const { leader } = await memoryUnits(1);
  await leader.runHook("config-changed");
  expect([leader.status(), wants(leader)]).toEqual([ready, false]);
  expect(await lastSignature(leader.host)).toMatchObject({ inLine: true, peers: "read" });
});

test("no digest of a kubeconfig is told without the leader's salt, and none that is the same elsewhere", async () => {
  const [first, second] = [await grafted(2), await grafted(2)];
  const told = [...first.units, ...second.units].map((unit) => bag(unit)["kubeconfig"]);
  expect(told[0]).toBe(told[1]);
  expect(told[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(told[2]).not.toBe(told[0]);
});

describe("the cost of a hook", () => {
  const counts = async (count: number) => {
    const site = await memoryUnits(count);
    const [leader, other, third] = site.units as [MemoryUnit, MemoryUnit, MemoryUnit];
    const early = await leader.runHook("config-changed");
    await site.application.settle();
    const lookAgain = await leader.secondLook();
    await site.application.settle();
    const granted = await other.runHook("config-changed");
    await site.application.settle();
    const used = bag(other);
    const changed = "peers-relation-changed";
    const update = await leader.runHook("update-status");
    const told = await leader.runHook(changed, { remoteUnit: other.name });
    const waits = await third.runHook("config-changed");
    const noNews = await third.runHook(changed, { remoteUnit: other.name });
    const sameRoll = await third.runHook(changed);
    await other.secondLook();
    const done = await other.runHook(changed, { remoteUnit: leader.name });
    return {
      used: used["wants"] !== undefined,
      counts: { early, lookAgain, granted, update, told, waits, noNews, sameRoll, done },
    };
  };

  test("is the same with 3 and with 30 units, and at most 3 hook commands where it is not concerned", async () => {
    const [few, many] = [await counts(3), await counts(30)];
    const lengths = (it: Awaited<ReturnType<typeof counts>>) =>
      Object.fromEntries(Object.entries(it.counts).map(([name, calls]) => [name, calls.length]));
    console.log(JSON.stringify(lengths(few)), JSON.stringify(lengths(many)));
    expect(few.used).toBe(true);
    expect(many.counts.told).toEqual(few.counts.told);
    // A leader reads each of the others once, when it first hears of them.
    const { early: first, ...after } = lengths(many);
    const { early: _, ...same } = lengths(few);
    expect(after).toEqual(same);
    expect(first).toBeLessThan(60);
    expect(few.counts.done).toEqual([]);
    for (const calls of [few.counts.noNews, few.counts.told]) expect(calls.length).toBeLessThanOrEqual(3);
  });
});
