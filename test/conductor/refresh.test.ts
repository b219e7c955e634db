import { describe, expect, test } from "vitest";
import { apply, healLast } from "../../src/conductor/graft.ts";
import { paths } from "../../src/conductor/paths.ts";
import { committedWish, previousWish } from "../../src/conductor/wish.ts";
import { type Host, readText } from "../../src/host/host.ts";
import { inLine, troubles } from "../../src/reconcile/report.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { restarts } from "../support/machine/fake-systemd.ts";
import { listing } from "../support/machine/listing.ts";
import { reported } from "../support/reported.ts";

const rootOnly = { mode: "0600", uid: 0, gid: 0 };
const readable = { mode: "0644", uid: 0, gid: 0 };

async function grafted() {
  const machine = await conductorMachine();
  expect(inLine((await reported(apply(machine.host, wish()))).report)).toBe(true);
  machine.host.commands.length = 0;
  return machine;
}

/** As an earlier release of the charm left the unit: other bytes of the same options. */
async function renderedByAnEarlierRelease(host: Host) {
  const desired = JSON.parse((await readText(host.fs, paths.desired)) ?? "{}") as object;
  await host.fs.write(paths.desired, JSON.stringify({ ...desired, rendered: "0".repeat(64) }), rootOnly);
  const text = (await readText(host.fs, paths.dropIn)) ?? "";
  await host.fs.write(paths.dropIn, `# an earlier release\n${text}`, readable);
}

test("what another release of the charm renders otherwise is a change: proved, committed, and no repair", async () => {
  const { host } = await grafted();
  const before = (await committedWish(host))?.rendered;
  await renderedByAnEarlierRelease(host);
  const { report } = await reported(apply(host, wish()));
  expect(inLine(report)).toBe(true);
  expect((await committedWish(host))?.rendered).toBe(before);
  expect(await host.fs.stat(paths.repairs)).toBeUndefined();
  expect(await host.fs.stat(paths.healLog)).toBeUndefined();
  expect(await previousWish(host)).toBeUndefined();
});

test("what another release renders and does not hold is taken back, and not tried at every hook", async () => {
  const { host, services } = await grafted();
  await renderedByAnEarlierRelease(host);
  const text = await readText(host.fs, paths.dropIn);
  const conductor = services["magnum-conductor"];
  if (conductor === undefined) throw new Error("no conductor");
  // A later drop-in of somebody else lets nothing of ours hold.
  await host.fs.write(`${paths.dropInDirectory}/99-x.conf`, "[capi_helm]\nhelm_chart_repo = x\n", readable);
  const { report } = await reported(apply(host, wish()));
  expect(inLine(report)).toBe(false);
  expect(await readText(host.fs, paths.dropIn)).toBe(text);
  expect(restarts(host.commands)).toEqual([]);
});

test("a kubeconfig is rotated also where somebody else overrides an option: it is not to blame", async () => {
  const { host } = await grafted();
  await host.fs.write(`${paths.dropInDirectory}/99-x.conf`, "[capi_helm]\nhelm_chart_repo = x\n", readable);
  const next = { ...wish(), kubeconfig: kubeconfigText({ token: "t0ken-that-is-new" }) };
  const { report, hold } = await reported(apply(host, next));
  expect(hold).toBeUndefined();
  expect(await readText(host.fs, paths.kubeconfig)).toBe(next.kubeconfig);
  expect((await committedWish(host))?.kubeconfig).toBe(next.kubeconfig);
  expect(troubles(report).map(({ source }) => source)).toContain("magnum-conductor-options");
  expect(restarts(host.commands)).toEqual([]);
});

describe("a refresh", () => {
  const all = ["/etc", "/usr"];

  test("to a release with one option more changes nothing on the unit, and nothing is repaired", async () => {
    const { host } = await conductorMachine();
    const { "self-heal-window": _, ...fewer } = { "self-heal-window": 60, ...wish().options };
    await reported(apply(host, { ...wish(), options: fewer }));
    host.commands.length = 0;
    const before = await listing(host, all, { times: true });
    const { report } = await reported(apply(host, wish({ "self-heal-window": 60 })));
    expect(inLine(report)).toBe(true);
    expect(await listing(host, all, { times: true })).toEqual(before);
    expect(restarts(host.commands)).toEqual([]);
    expect(await host.fs.stat(paths.healLog)).toBeUndefined();
  });

  test("to an older one, over options in force that it does not know, changes nothing either", async () => {
    const { host } = await grafted();
    const desired = JSON.parse((await readText(host.fs, paths.desired)) ?? "{}") as { options: object };
    const known = { ...desired, options: { ...desired.options, "of-a-later-release": "x" } };
    await host.fs.write(paths.desired, JSON.stringify(known), rootOnly);
    const before = await listing(host, all, { times: true });
    // The watch may come before the hook: it can't tell what is wanted, and says which option that is.
    const early = await healLast(host);
    expect(early).toMatchObject({ end: "refused", refusals: [{ option: "of-a-later-release" }] });
    const { report } = await reported(apply(host, wish()));
    expect(inLine(report)).toBe(true);
    expect(await listing(host, all, { times: true })).toEqual(before);
    expect(restarts(host.commands)).toEqual([]);
    expect((await committedWish(host))?.options).not.toHaveProperty("of-a-later-release");
  });

  test("while a change was cut short ends it, with the charm that is there by then", async () => {
    const { host } = await grafted();
    const run: Host["run"] = (argv, options) =>
      argv[1] === "restart" ? Promise.reject(new Error("killed")) : host.run(argv, options);
    const older = { ...wish({ "driver-version": "1.3.0" }), charmDirectory: "/charm" };
    await expect(apply({ ...host, run }, older)).rejects.toThrow("killed");
    const { report } = await reported(apply(host, older));
    expect(inLine(report)).toBe(true);
    expect((await committedWish(host))?.options["driver-version"]).toBe("1.3.0");
    expect(await host.fs.stat(paths.transaction)).toBeUndefined();
  });
});
