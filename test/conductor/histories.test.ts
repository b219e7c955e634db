import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { apply, healLast, plan, type Reported, undo } from "../../src/conductor/graft.ts";
import { readHold } from "../../src/conductor/hold.ts";
import { paths } from "../../src/conductor/paths.ts";
import { rollback } from "../../src/conductor/rollback.ts";
import { committedWish, isSameWish, type Wish } from "../../src/conductor/wish.ts";
import type { Host } from "../../src/host/host.ts";
import { inLine } from "../../src/reconcile/report.ts";
import { kubeconfigText } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { dyingHost } from "../support/machine/faulty-host.ts";
import { listing } from "../support/machine/listing.ts";

vi.setConfig({ testTimeout: 900_000 });

type Machine = Awaited<ReturnType<typeof conductorMachine>>;

const limit = { "self-heal-limit": 20 };
const wishes: readonly Wish[] = [
  wish(limit),
  wish({ ...limit, "chart-version": "0.26.0" }),
  wish({ ...limit, "driver-version": "1.3.0" }),
  wish({ ...limit, "driver-version": "1.2.0", "chart-version": "0.20.0" }),
  { ...wish(limit), kubeconfig: kubeconfigText({ preferences: {} }) },
  wish({ ...limit, "chart-version": "latest" }),
];
const good = wishes.length - 1;

/** A driver that the daemons die of, or none. */
const deadly = ["1.2.0", "none"] as const;

const drifts: Readonly<Record<string, (machine: Machine) => unknown>> = {
  "the drop-in": ({ host }) => host.fs.remove(paths.dropIn),
  "the kubeconfig": ({ host }) => host.fs.write(paths.kubeconfig, "", { mode: "0644", uid: 0, gid: 0 }),
  helm: ({ host }) => host.fs.write(paths.helm, "helm 3.1.0", { mode: "0755", uid: 0, gid: 0 }),
  "the block": ({ host }) => host.fs.remove(paths.conductorDefaults),
  "the driver": ({ python }) => {
    python.installed = undefined;
  },
  "the conductor": ({ services }) =>
    Object.assign(services["magnum-conductor"] ?? {}, { active: "failed", result: "exit-code", mainPid: 0 }),
};

interface Step {
  readonly do: "configure" | "hook" | "apply" | "watch" | "rollback" | "drift" | "remove";
  readonly wish: number;
  readonly drift: string;
  readonly target: string;
  /** The write at which the program is killed; 0 for not at all. */
  readonly kill: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(
    "configure",
    "configure",
    "hook",
    "apply",
    "watch",
    "rollback",
    "drift",
    "drift",
    "remove",
  ),
  wish: fc.nat({ max: good }),
  drift: fc.constantFrom(...Object.keys(drifts)),
  target: fc.constantFrom("previous", "1.3.0", "1.2.0"),
  kill: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 45 })),
});

/** A conductor that fails while nothing is in force is its principal's, and stays as it is. */
async function drift(machine: Machine, what: string): Promise<void> {
  if (what === "the conductor" && (await committedWish(machine.host)) === undefined) return;
  await drifts[what]?.(machine);
}

/** A conductor that had failed is left so at removal: it is its principal's again, which starts it. */
async function removal({ host: living, services }: Machine, host: Host): Promise<void> {
  await undo(host, "apply");
  const isGone = (await living.fs.stat(paths.state)) === undefined;
  if (isGone && services["magnum-conductor"]?.active === "failed")
    await living.run(["systemctl", "restart", "magnum-conductor"], { timeoutMs: 100_000 });
}

/** Runs one step of a history with what is wanted before it; gives what is wanted after it. */
async function take(machine: Machine, wanted: Wish, it: Step): Promise<Wish> {
  const host: Host = it.kill === 0 ? machine.host : dyingHost(machine.host, it.kill);
  const next = it.do === "configure" ? (wishes[it.wish] ?? wanted) : wanted;
  const runs: Readonly<Record<Step["do"], () => unknown>> = {
    configure: () => apply(host, next),
    hook: () => apply(host, next),
    apply: () => apply(host, next, { explicit: true }),
    watch: () => healLast(host),
    rollback: () => rollback(host, it.target === "previous" ? it.target : { driver: it.target }),
    drift: () => drift(machine, it.drift),
    remove: () => removal(machine, host),
  };
  try {
    await runs[it.do]();
  } catch (error) {
    if ((error as Error).message !== "killed") throw error;
  }
  await machine.host.sleep(130_000);
  return next;
}

async function expectNothingUnderWay({ host }: Machine) {
  const paths = Object.keys(await listing(host, ["/etc", "/usr", "/var"]));
  expect(
    paths.filter((path) => /capi-graft-tmp$|helm\/transaction|cache\/magnum-capi-helm/.test(path)),
  ).toEqual([]);
}

/** One quiet run ends in line with what is wanted, or with what is held and said. */
async function expectSettled(machine: Machine, wanted: Wish) {
  const { host, services } = machine;
  const first = await apply(host, wanted);
  // A change that is taken back leaves the unit as it found it: what had drifted before it is the next run's.
  const ending = first.end === "report" && first.back !== undefined ? await apply(host, wanted) : first;
  await expectNothingUnderWay(machine);
  if (ending.end === "refused") return expect(wanted).toBe(wishes[good]);
  for (const service of Object.values(services)) expect(service.active).toBe("active");
  if (ending.end === "held") return expect((await readHold(host))?.wanted).toMatchObject(wanted);
  if (ending.end !== "report") throw new Error(`ended with ${JSON.stringify(ending)}`);
  await expectInForce(host, ending, wanted);
}

/** What is in force is what is wanted, or else what is wanted is held; and nothing differs from what is in force. */
async function expectInForce(host: Host, { hold, report }: Reported, wanted: Wish) {
  const committed = await committedWish(host);
  const isWanted = committed !== undefined && isSameWish(committed, wanted);
  expect(isWanted).toBe(hold === undefined);
  if (hold === undefined) expect(inLine(report)).toBe(true);
  else expect((await readHold(host))?.wanted).toMatchObject({ options: wanted.options });
  if (committed === undefined) return;
  const look = await plan(host, committed);
  expect(
    look.end === "report" && look.report.outcomes.filter(({ outcome }) => outcome !== "unchanged"),
  ).toEqual([]);
}

const nothing: Step = { do: "hook", wish: 0, drift: "", target: "", kill: 0 };

/** Histories that once ended badly. */
const found: [Step[], "1.2.0" | "none"][] = [
  [
    [
      { ...nothing, do: "drift", drift: "the conductor" },
      { ...nothing, do: "configure", wish: 3, kill: 1 },
      { ...nothing, do: "remove" },
      { ...nothing, do: "apply" },
    ],
    "1.2.0",
  ],
  [
    [
      { ...nothing, do: "rollback", target: "1.2.0" },
      { ...nothing, do: "rollback", target: "previous", kill: 16 },
    ],
    "none",
  ],
];

describe("any history of options, drift, kills, rollbacks and removals", () => {
  test("ends, after one quiet run, in line with what is wanted or with what is held", async () => {
    // The same ones each time, but for who looks for new ones: HISTORIES=2000 npm run unit.
    const more = process.env["HISTORIES"];
    const which = more === undefined ? { numRuns: 40, seed: 20_261_125 } : { numRuns: Number(more) };
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 7 }),
        fc.constantFrom(...deadly),
        async (steps, version) => {
          const machine = await conductorMachine();
          machine.faults.atStart = () =>
            machine.python.installed?.version === version ? "dies later" : "runs";
          let wanted: Wish = wish(limit);
          await apply(machine.host, wanted);
          for (const each of steps) wanted = await take(machine, wanted, each);
          await expectSettled(machine, wanted);
        },
      ),
      { ...which, examples: found },
    );
  });
});
