import { describe, expect, test } from "vitest";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import { recordProcess, type ServiceInput, service } from "../../src/resources/service.ts";
import { applyAlone, fourFacts, planAlone } from "../support/four-facts.ts";
import { type FakeService, fakeSystemd, restarts, runningService } from "../support/machine/fake-systemd.ts";
import { scriptedHost } from "../support/machine/scripted-host.ts";

const hourAgo = Date.now() - 3_600_000;
const unit = "magnum-conductor";
const recordPath = `/state/processes/${unit}.json`;

/** A service with two inputs: one that is whatever is there, one that has to have read "wanted". */
function machine(more: Partial<FakeService> = {}, mustRun = true) {
  const running = runningService({ startedAt: hourAgo, ...more });
  const host = scriptedHost([fakeSystemd({ [unit]: running })]);
  const there = {
    driver: { digest: "1.4.0", changedAt: hourAgo - 1 },
    dropIn: { digest: "wanted", changedAt: hourAgo - 1 },
  };
  const inputs: readonly ServiceInput[] = [
    { name: "driver", read: async () => there.driver },
    { name: "drop-in", desired: "wanted", read: async () => there.dropIn },
  ];
  const options = { unit, inputs, records: "/state/processes", mustRun };
  return { host, running, there, options, resource: service(options) };
}

const inputsOf = async ({ host, resource }: ReturnType<typeof machine>) => {
  const state = await resource.observe(host);
  return state === "absent" ? state : state["inputs"];
};

describe("a service", () => {
  fourFacts(() => machine({ active: "failed", result: "exit-code", mainPid: 0 }), {
    "an input has changed": {
      spoil: ({ there }) => {
        there.driver = { digest: "1.3.0", changedAt: Date.now() };
      },
      drift: ["inputs"],
    },
    "it has failed": {
      spoil: ({ running }) => void Object.assign(running, { active: "failed", result: "signal", mainPid: 0 }),
      drift: ["active"],
    },
    "it keeps failing to start": {
      spoil: ({ running }) =>
        void Object.assign(running, { active: "activating", result: "exit-code", mainPid: 0 }),
      drift: ["active"],
    },
  });

  test("that started after the last change of all that it reads is current", async () => {
    expect(await inputsOf(machine())).toBe("current");
  });

  test.each([
    [
      "before an input was last changed",
      { driver: { digest: "1.4.0", changedAt: hourAgo + 1 } },
      "older than driver",
    ],
    ["at the moment of the change", { driver: { digest: "1.4.0", changedAt: hourAgo } }, "older than driver"],
    ["when another content was there", { dropIn: { digest: "other", changedAt: 1 } }, "older than drop-in"],
    [
      "before both",
      {
        driver: { digest: "1.4.0", changedAt: hourAgo + 1 },
        dropIn: { digest: "wanted", changedAt: hourAgo + 1 },
      },
      "older than driver, drop-in",
    ],
  ])("that started %s is older, and says than what", async (_, changed, inputs) => {
    const it = machine();
    Object.assign(it.there, changed);
    expect(await inputsOf(it)).toBe(inputs);
    expect(await planAlone(it.host, it.resource)).toEqual(["inputs"]);
  });

  test("is restarted once, and not again", async () => {
    const it = machine();
    it.there.driver = { digest: "1.4.0", changedAt: Date.now() };
    expect(await applyAlone(it.host, it.resource)).toMatchObject({ outcome: "changed" });
    expect(await applyAlone(it.host, it.resource)).toMatchObject({ outcome: "unchanged" });
    expect(restarts(it.host.commands)).toEqual([unit]);
  });

  test("is not restarted for a file that was spoilt and repaired: it has read the right one", async () => {
    const it = machine();
    await recordProcess(it.host, it.options);
    it.there.dropIn = { digest: "spoilt", changedAt: Date.now() };
    expect(await inputsOf(it)).toBe("current");
    it.there.dropIn = { digest: "wanted", changedAt: Date.now() };
    expect(await applyAlone(it.host, it.resource)).toMatchObject({ outcome: "unchanged" });
    expect(restarts(it.host.commands)).toEqual([]);
  });

  test("is restarted for a new driver though the record says that it is current", async () => {
    const it = machine();
    await recordProcess(it.host, it.options);
    it.there.driver = { digest: "1.4.0 again", changedAt: 1 };
    expect(await inputsOf(it)).toBe("older than driver");
  });

  test.each([
    ["another pid", { mainPid: 101 }],
    ["the same pid and another start", { startedAt: hourAgo + 10 }],
  ])("with %s is judged by times, not by the record of the one before", async (_, other) => {
    const it = machine();
    await recordProcess(it.host, it.options);
    Object.assign(it.running, other);
    expect(await inputsOf(it)).toBe("current");
    it.there.driver = { digest: "1.4.0", changedAt: Date.now() };
    expect(await inputsOf(it)).toBe("older than driver");
  });

  test("that read the wrong thing in the moment of its restart has not become current", async () => {
    const it = machine();
    it.there.dropIn = { digest: "wrong", changedAt: hourAgo - 1 };
    expect(await applyAlone(it.host, it.resource)).toMatchObject({
      outcome: "failed",
      reason: `service:${unit} was applied and did not hold: inputs is older than drop-in`,
    });
  });

  test("whose record was never written, since the run was killed, is judged by times", async () => {
    const it = machine();
    it.there.driver = { digest: "1.4.0", changedAt: Date.now() };
    await applyAlone(it.host, it.resource);
    await it.host.fs.remove(recordPath);
    it.there.driver = { digest: "1.4.0", changedAt: it.running.startedAt - 1 };
    expect(await inputsOf(it)).toBe("current");
    it.there.driver = { digest: "1.4.0", changedAt: it.running.startedAt };
    expect(await inputsOf(it)).toBe("older than driver");
  });
});

describe("a service that does not run", () => {
  const states = {
    masked: { load: "masked", active: "inactive", mainPid: 0, user: "" },
    stopped: { active: "inactive", mainPid: 0 },
    "never started": { active: "inactive", mainPid: 0, startedAt: 0 },
  } as const;

  test.each([
    ["masked", "note", `${unit} is masked: the principal is paused`, "resume the principal"],
    ["stopped", "operator", `${unit} is stopped`, `systemctl start ${unit}`],
    ["never started", "time", `${unit} was never started`, `systemctl start ${unit}`],
  ] as const)("because it is %s is left so, and that is said", async (state, cure, reason, remedy) => {
    const it = machine(states[state]);
    const outcome = await applyAlone(it.host, it.resource);
    expect(outcome).toMatchObject({ outcome: "held", gates: [{ state: "closed", cure, reason, remedy }] });
    expect(restarts(it.host.commands)).toEqual([]);
  });

  test("because our own restart was cut short is started, and then stays stopped by whoever stops it", async () => {
    const it = machine();
    it.there.driver = { digest: "1.4.0", changedAt: Date.now() };
    const dying = { ...it.host };
    dying.run = (argv, options) => {
      if (argv[1] !== "restart") return it.host.run(argv, options);
      Object.assign(it.running, { active: "inactive", mainPid: 0 });
      return Promise.reject(new Error("killed"));
    };
    await expect(applyAlone(dying, it.resource)).rejects.toThrow("killed");
    expect(await applyAlone(it.host, it.resource)).toMatchObject({ outcome: "changed" });
    Object.assign(it.running, { active: "inactive", mainPid: 0 });
    expect(await applyAlone(it.host, it.resource)).toMatchObject({ outcome: "held" });
  });

  test("because it failed is started", async () => {
    const it = machine({ active: "failed", result: "exit-code", mainPid: 0 });
    expect(await applyAlone(it.host, it.resource)).toMatchObject({ outcome: "changed" });
    expect(it.running).toMatchObject({ active: "active" });
  });

  test("is in line where it need not run", async () => {
    const it = machine({ active: "inactive", mainPid: 0 }, false);
    it.there.driver = { digest: "1.4.0", changedAt: Date.now() };
    expect(await applyAlone(it.host, it.resource)).toMatchObject({ outcome: "unchanged" });
  });

  test("but runs where it need not is restarted for what it has not read", async () => {
    const it = machine({}, false);
    it.there.driver = { digest: "1.4.0", changedAt: Date.now() };
    expect(await applyAlone(it.host, it.resource)).toMatchObject({ outcome: "changed" });
    expect(restarts(it.host.commands)).toEqual([unit]);
  });

  test("masked while it runs is not restarted either", async () => {
    const it = machine({ load: "masked" });
    it.there.driver = { digest: "1.4.0", changedAt: Date.now() };
    expect(await applyAlone(it.host, it.resource)).toMatchObject({ outcome: "held" });
    expect(restarts(it.host.commands)).toEqual([]);
  });
});

test("a service whose own gates are closed is held, with those gates alone", async () => {
  const it = machine();
  it.there.driver = { digest: "1.4.0", changedAt: Date.now() };
  const gate = {
    id: "show-args",
    title: "show-args",
    check: async () => ({ state: "closed", cure: "operator", reason: "no", remedy: "do" }) as const,
  };
  const resource = service({ ...it.options, gates: [gate], follows: ["pip-package:x"] });
  expect(resource.follows).toEqual(["pip-package:x"]);
  const report = await reconcile(it.host, { resources: [resource], exitGates: [] }, "apply");
  expect(report.outcomes).toMatchObject([{ outcome: "held", gates: [{ id: "show-args" }] }]);
  expect(restarts(it.host.commands)).toEqual([]);
});

describe("the record of a process", () => {
  test("is not written for one that is older than its inputs, nor for none", async () => {
    const old = machine();
    old.there.driver = { digest: "1.4.0", changedAt: Date.now() };
    await recordProcess(old.host, old.options);
    expect(await old.host.fs.stat(recordPath)).toBeUndefined();
    const down = machine({ active: "inactive", mainPid: 0 });
    await recordProcess(down.host, down.options);
    expect(await down.host.fs.stat(recordPath)).toBeUndefined();
  });

  test("is written once for each process, for root alone", async () => {
    const it = machine();
    await recordProcess(it.host, it.options);
    const first = await it.host.fs.stat(recordPath);
    expect(first).toMatchObject({ mode: "0600", uid: 0, gid: 0 });
    const fs = { ...it.host.fs, write: () => Promise.reject(new Error("written again")) };
    await recordProcess({ ...it.host, fs }, it.options);
  });
});
