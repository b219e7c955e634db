import { describe, expect, test } from "vitest";
import type { Conductor } from "../../src/conductor/conductor.ts";
import type { DaemonView } from "../../src/conductor/daemon-view.ts";
import {
  configArguments,
  gatesNotChecked,
  helmOnPathGate,
  showArgsGate,
  viewGates,
} from "../../src/conductor/gates.ts";
import { paths } from "../../src/conductor/paths.ts";
import { liveGate, stableGate } from "../../src/conductor/process-gates.ts";
import type { CommandResult, Host } from "../../src/host/host.ts";
import { type GateResult, judge } from "../../src/reconcile/gate.ts";
import { conductorFacts } from "../support/conductor-facts.ts";
import { type FakeService, fakeSystemd, runningService } from "../support/machine/fake-systemd.ts";
import { type Program, scriptedHost, withoutUser } from "../support/machine/scripted-host.ts";

const unit = { ...conductorFacts, apiTakesConfigArguments: false };
const configFile = `--config-file=${paths.magnumConf}`;
const wired = `${configFile} --log-file=/x --config-dir ${paths.dropInDirectory}`;

/** What a gate found, without its name. */
async function found(...[host, gates]: Parameters<typeof judge>) {
  const [result] = await judge(host, gates);
  const { id: _id, title: _title, ...state } = result as GateResult;
  return state;
}

describe("the arguments of a daemon that choose its configuration", () => {
  test.each([
    [wired, `${configFile} --config-dir ${paths.dropInDirectory}`],
    ["--config-dir=/a --config-file /b -v", "--config-dir=/a --config-file /b"],
    ["python3 magnum-conductor --log-file=/x", ""],
    ["--config-dir", ""],
    ["--config-directory /a --config-files=/b", ""],
    [`${configFile} ${configFile}`, `${configFile} ${configFile}`],
  ])("of %j are %j", (words, args) => {
    expect(configArguments(words.split(" ")).join(" ")).toBe(args);
  });
});

describe("show-args", () => {
  function host(answer: Partial<CommandResult>, more: Partial<FakeService> = {}) {
    const init: Program = (argv) => (argv.at(-1) === "show-args" ? answer : undefined);
    return scriptedHost([init, fakeSystemd({ "magnum-conductor": runningService(more) })]);
  }

  test.each([wired, `${configFile} --config-dir=${paths.dropInDirectory}`])(
    "that prints %s is fine",
    async (words) => {
      expect(await found(host({ stdout: `${words}\n` }), [showArgsGate(unit)])).toEqual({ state: "open" });
    },
  );

  test("is asked as the daemon's user, with nothing of our environment", async () => {
    const machine = host({ stdout: wired });
    await found(machine, [showArgsGate(unit)]);
    expect(machine.commands.at(-1)?.join(" ")).toMatch(
      /^runuser -u magnum -- env -i PATH=\S+ HOME=\S+ LANG=\S+ USER=magnum \/etc\/init\.d\/magnum-conductor show-args$/,
    );
  });

  const wiredNot = `magnum-conductor would not read the drop-ins: no ${configFile} or --config-dir ${paths.dropInDirectory}`;
  test.each([
    [
      "fails",
      { code: 2, stderr: "sh: syntax error\nmore\n" },
      "/etc/init.d/magnum-conductor show-args ends with 2: sh: syntax error",
    ],
    [
      "complains",
      { stdout: wired, stderr: "cannot open /etc/default\n" },
      "/etc/init.d/magnum-conductor show-args says: cannot open /etc/default",
    ],
    [
      "prints a carriage return",
      { stdout: `${wired}\r\n` },
      "/etc/init.d/magnum-conductor show-args prints a carriage return",
    ],
    ["has no directory", { stdout: configFile }, wiredNot],
    ["has another directory", { stdout: `${configFile} --config-dir /etc/magnum` }, wiredNot],
    ["has no file", { stdout: `--config-dir ${paths.dropInDirectory}` }, wiredNot],
  ])("that %s is closed for the operator", async (_, answer, reason) => {
    expect(await found(host(answer), [showArgsGate(unit)])).toMatchObject({
      state: "closed",
      cure: "operator",
      reason,
    });
  });

  test("of a masked unit says nothing, and is not judged", async () => {
    const masked = host({ stdout: "" }, { load: "masked" });
    expect(await found(masked, [showArgsGate(unit)])).toMatchObject({ state: "not checked" });
  });
});

describe("what the daemons see", () => {
  const options = [
    { group: "capi_helm", name: "kubeconfig_file", value: "/etc/magnum/kubeconfig" },
    { group: "cluster_template", name: "driver", value: "calico,cilium" },
  ];
  const right: DaemonView = {
    drivers: ["k8s_capi_helm_v1", "k8s_fedora_coreos_v1"],
    options: {
      "capi_helm.kubeconfig_file": { value: "/etc/magnum/kubeconfig", file: paths.dropIn },
      "cluster_template.driver": { value: "calico,cilium", file: paths.dropIn },
    },
  };

  const requestIn = (argv: readonly string[]) =>
    JSON.parse(argv.at(-1) ?? "") as {
      readonly views: readonly { readonly args: readonly string[] }[];
      readonly environment: Readonly<Record<string, string>>;
    };

  function machine(view: Partial<DaemonView> | Partial<CommandResult>, more: Partial<Conductor> = {}) {
    const isResult = "stdout" in view || "code" in view;
    const python: Program = (argv) => {
      if (withoutUser(argv)[0] !== unit.python) return undefined;
      if (isResult) return view as CommandResult;
      const views = requestIn(argv).views.map(() => ({ ...right, ...view }));
      return { stdout: `a warning\n${JSON.stringify(views)}\n` };
    };
    const init: Program = (argv) => (argv.at(-1) === "show-args" ? { stdout: wired } : undefined);
    const host = scriptedHost([python, init, fakeSystemd({ "magnum-conductor": runningService() })]);
    const gates = viewGates({ ...unit, ...more }, options);
    return { host, judged: () => judge(host, gates) };
  }

  test("opens the gates when it is what we have written, with what was seen", async () => {
    expect(await machine({}).judged()).toMatchObject([
      { id: "driver-enumerated", state: "open", detail: "k8s_capi_helm_v1, k8s_fedora_coreos_v1" },
      { id: "magnum-conductor-options", state: "open", detail: `2 options out of ${paths.dropIn}` },
      { id: "magnum-api-options", state: "open" },
    ]);
  });

  test("is asked for once: the conductor with its arguments, the API with its own", async () => {
    const { host, judged } = machine({});
    await judged();
    await judged();
    const [request, ...more] = host.commands.filter((argv) => argv.includes("-")).map(requestIn);
    expect(more).toEqual([]);
    expect(request?.views.map(({ args }) => args.join(" "))).toEqual([
      `${configFile} --config-dir ${paths.dropInDirectory}`,
      "",
    ]);
    expect(request?.environment).toEqual({
      PATH: "/sbin:/usr/sbin:/bin:/usr/bin",
      HOME: unit.home,
      LANG: "C.UTF-8",
      USER: unit.daemon.user,
    });
  });

  test("of an API that is wired like the conductor is asked with its arguments too", async () => {
    const { host, judged } = machine({}, { apiTakesConfigArguments: true });
    await judged();
    expect(host.commands.filter((argv) => argv.at(-1) === "show-args").map((argv) => argv.at(-2))).toEqual([
      paths.conductorInit,
      paths.apiInit,
    ]);
  });

  test("has no API where there is none", async () => {
    expect((await machine({}, { hasApi: false }).judged()).map(({ id }) => id)).toEqual([
      "driver-enumerated",
      "magnum-conductor-options",
    ]);
  });

  test.each([
    [
      "no driver of ours",
      { drivers: ["k8s_fedora_coreos_v1"] },
      "driver-enumerated",
      "Magnum does not list k8s_capi_helm_v1",
    ],
    [
      "no driver at all",
      { drivers: [], driverError: "JSONDecodeError: Expecting value" },
      "driver-enumerated",
      "Magnum can't load its drivers: JSONDecodeError: Expecting value",
    ],
    [
      "no configuration",
      { drivers: [], options: {}, configError: "ConfigFileParseError: Failed to parse /x" },
      "magnum-conductor-options",
      "Failed to parse /x",
    ],
    [
      "another value, out of another file",
      {
        options: {
          ...right.options,
          "cluster_template.driver": { value: "flannel", file: "/etc/magnum/99.conf" },
        },
      },
      "magnum-conductor-options",
      "/etc/magnum/99.conf sets [cluster_template] driver: it is flannel, not calico,cilium",
    ],
    [
      "the same value out of another file",
      {
        options: {
          ...right.options,
          "cluster_template.driver": { value: "calico,cilium", file: "/etc/magnum/99.conf" },
        },
      },
      "magnum-conductor-options",
      "/etc/magnum/99.conf sets [cluster_template] driver: it is calico,cilium, not calico,cilium",
    ],
    [
      "Magnum's default",
      { options: { ...right.options, "cluster_template.driver": { value: "flannel", file: "" } } },
      "magnum-api-options",
      "nothing sets [cluster_template] driver: it is flannel, not calico,cilium",
    ],
    [
      "an option that can't be read",
      {
        options: {
          ...right.options,
          "capi_helm.kubeconfig_file": { error: "NoSuchOptError: no such option" },
        },
      },
      "magnum-conductor-options",
      "[capi_helm] kubeconfig_file can't be read: NoSuchOptError: no such option",
    ],
    [
      "no such option",
      { options: {} },
      "magnum-conductor-options",
      "[capi_helm] kubeconfig_file can't be read: unknown",
    ],
    [
      "a program that fails",
      { code: 1, stderr: "Traceback\nModuleNotFoundError: No module named 'magnum'\n" },
      "magnum-conductor-options",
      "ModuleNotFoundError: No module named 'magnum'",
    ],
  ])("closes a gate when it is %s", async (_, view, id, reason) => {
    const results = await machine(view).judged();
    expect(results.find((result) => result.id === id)).toMatchObject({
      state: "closed",
      cure: "operator",
      reason,
    });
  });

  test("closes the gates for a while when it gives no answer in time", async () => {
    const results = await machine({ code: -1, timedOut: true }).judged();
    const late = { state: "closed", cure: "time", reason: "Magnum's own Python gave no answer within 120 s" };
    expect(results).toMatchObject([late, late, late]);
  });
});

describe("helm on the daemons' PATH", () => {
  const shell = (answer: Partial<CommandResult>) =>
    scriptedHost([(argv) => (argv.at(-2) === "-c" ? answer : undefined)]);
  const gate = helmOnPathGate(unit, "3.17.3");

  test("is fine when it is there and of the right version", async () => {
    const host = shell({ stdout: "/usr/local/bin/helm\nv3.17.3\n" });
    expect(await found(host, [gate])).toEqual({ state: "open", detail: "/usr/local/bin/helm" });
  });

  test.each([
    [{ code: 127 }, "helm is not on the conductor's PATH", `look at PATH in ${paths.conductorDefaults}`],
    [
      { stdout: "/usr/bin/helm\nv3.1.0\n" },
      "the conductor finds /usr/bin/helm, helm v3.1.0",
      "remove /usr/bin/helm",
    ],
    [
      { code: 126, stdout: "/usr/bin/helm\n" },
      "the conductor finds /usr/bin/helm, helm that does not run",
      "remove /usr/bin/helm",
    ],
    [
      { code: 139, stdout: "/usr/local/bin/helm\n" },
      "the conductor finds /usr/local/bin/helm, helm that does not run",
      "is helm-url right?",
    ],
  ])("is closed for %j", async (answer, reason, remedy) => {
    expect(await found(shell(answer), [gate])).toEqual({ state: "closed", cure: "operator", reason, remedy });
  });
});

const pid = 100;
const root = { mode: "0444", uid: 0, gid: 0 };

/** A conductor that has run for some seconds, with some workers. */
async function running(seconds: number, workers: number, more: Partial<FakeService> = {}) {
  const service = runningService({ mainPid: pid, ...more });
  const host = scriptedHost([fakeSystemd({ "magnum-conductor": service })]);
  service.startedAt = host.now().getTime() - seconds * 1_000;
  await host.fs.makeDirectory(`/proc/${pid}/task/${pid}`, { ...root, mode: "0755" });
  const setWorkers = (count: number) =>
    host.fs.write(
      `/proc/${pid}/task/${pid}/children`,
      Array.from({ length: count }, (_, n) => `${n + 200} `).join(""),
      root,
    );
  await setWorkers(workers);
  const began = host.now().getTime();
  return { host, service, setWorkers, waited: () => (host.now().getTime() - began) / 1_000 };
}

describe("a stable service", () => {
  const gate = stableGate("magnum-conductor", unit);

  test("has kept its process for 12 s, with workers: one that runs for long is looked at twice", async () => {
    const { host, waited } = await running(3_600, 3, { restarts: 2 });
    expect(await found(host, [gate])).toEqual({
      state: "open",
      detail: "MainPID 100, 3 workers, 2 automatic restarts",
    });
    expect(waited()).toBe(1);
  });

  test("is waited for when it has just started", async () => {
    const { host, waited } = await running(2, 1);
    expect(await found(host, [gate])).toMatchObject({ state: "open" });
    expect(waited()).toBe(10);
  });

  /** Changes the service while the gate waits. */
  async function whileWaiting(
    change: (it: Awaited<ReturnType<typeof running>>) => unknown,
    { first }: { first?: (it: Awaited<ReturnType<typeof running>>) => unknown } = {},
  ) {
    const it = await running(2, 1);
    await first?.(it);
    let slept = 0;
    const host = {
      ...it.host,
      sleep: async (ms: number) => {
        slept += 1;
        if (slept === 3) await change(it);
        await it.host.sleep(ms);
      },
    };
    return await found(host, [gate]);
  }

  test.each([
    ["its process changes", { mainPid: 101 }, "magnum-conductor keeps restarting"],
    ["systemd restarts it", { restarts: 1 }, "magnum-conductor keeps restarting"],
    ["it is gone", { mainPid: 0, active: "activating" }, "magnum-conductor is not running (activating)"],
    ["it is masked", { load: "masked" }, "magnum-conductor is masked: the principal is paused"],
  ] as const)("is none when %s meanwhile", async (_, change, reason) => {
    expect(await whileWaiting(({ service }) => Object.assign(service, change))).toMatchObject({
      state: "closed",
      reason,
    });
  });

  test("is none when it has failed, and names the log", async () => {
    const { host } = await running(5, 0, { mainPid: 0, active: "failed" });
    expect(await found(host, [gate])).toEqual({
      state: "closed",
      cure: "operator",
      reason: "magnum-conductor is not running (failed)",
      remedy: "journalctl -u magnum-conductor -n 50",
    });
  });

  test("is none when it gets no worker within its time", async () => {
    const { host, waited } = await running(2, 0);
    expect(await found(host, [gate])).toMatchObject({
      state: "closed",
      reason: "magnum-conductor has no worker",
    });
    expect(waited()).toBeLessThan(70);
  });

  const setChildren = (host: Host, ...pids: readonly number[]) =>
    host.fs.write(`/proc/${pid}/task/${pid}/children`, `${pids.join(" ")} `, root);

  test.each([
    ["a dead worker's place is taken", [200, 201], [200, 202], "lost its worker 201: it keeps its MainPID"],
    ["a worker dies", [200, 201], [201], "lost its worker 200: it keeps its MainPID"],
    ["all workers die", [200, 201], [], "lost its worker 200, 201: it keeps its MainPID"],
  ])("is none when %s", async (_, before, after, reason) => {
    const state = await whileWaiting(({ host }) => setChildren(host, ...after), {
      first: ({ host }) => setChildren(host, ...before),
    });
    expect(state).toMatchObject({
      state: "closed",
      cure: "operator",
      reason: `magnum-conductor ${reason}`,
    });
  });

  test("is none when the first look meets the moment before a dead worker's place is filled", async () => {
    const { host, waited } = await running(3_600, 1);
    await host.fs.makeDirectory("/proc/201", { ...root, mode: "0755" });
    const stat = (of: number, started: number) =>
      host.fs.write(`/proc/${of}/stat`, `${of} (a) S ${"0 ".repeat(18)}${started * 100} 0\n`, root);
    await Promise.all([stat(pid, 50), stat(201, 50 + 3_600)]);
    const sleep = async (ms: number) => {
      await host.sleep(ms);
      if (waited() === 1) await setChildren(host, 200, 201);
      if (waited() === 6) await setChildren(host, 200);
    };
    expect(await found({ ...host, sleep }, [gate])).toMatchObject({
      state: "closed",
      reason: "magnum-conductor lost its worker 201: it keeps its MainPID",
    });
    expect(waited()).toBe(6);
  });

  test("is none when no worker lives for a second, and that is known before the wait for one ends", async () => {
    const { host, waited } = await running(2, 1);
    let next = 300;
    const sleep = async (ms: number) => {
      next += 1;
      await setChildren(host, next);
      await host.sleep(ms);
    };
    expect(await found({ ...host, sleep }, [gate])).toMatchObject({
      state: "closed",
      reason: "magnum-conductor keeps losing its workers",
    });
    expect(waited()).toBe(10);
  });

  test("has workers that came just now", async () => {
    const { host, waited } = await running(2, 0);
    const sleep = async (ms: number) => {
      await host.sleep(ms);
      if (waited() === 10) await setChildren(host, 200, 201, 202, 203);
    };
    expect(await found({ ...host, sleep }, [gate])).toMatchObject({ state: "open" });
    expect(waited()).toBe(11);
  });

  test("is not judged by what its main process runs beside workers, or ran before it became the daemon", async () => {
    const { host } = await running(2, 0);
    const exe = async (of: number, program: string) => {
      await host.fs.makeDirectory(`/proc/${of}`, { ...root, mode: "0755" });
      await host.fs.remove(`/proc/${of}/exe`);
      await host.fs.link(`/proc/${of}/exe`, program);
    };
    const [shell, python, helm] = ["/usr/bin/dash", "/usr/bin/python3.11", "/usr/local/bin/helm"];
    await Promise.all([exe(pid, shell), exe(200, shell), exe(201, python), exe(202, helm), exe(203, python)]);
    const stages: readonly (() => Promise<void>)[] = [
      () => setChildren(host, 200),
      () => setChildren(host, 200),
      () => exe(pid, python),
      () => setChildren(host, 201, 202),
      () => setChildren(host, 201, 202),
      () => setChildren(host, 201),
      () => setChildren(host, 201, 203),
      () => exe(203, helm),
      () => setChildren(host, 201),
    ];
    let looks = 0;
    const sleep = async (ms: number) => {
      await stages[looks]?.();
      looks += 1;
      await host.sleep(ms);
    };
    expect(await found({ ...host, sleep }, [gate])).toEqual({
      state: "open",
      detail: "MainPID 100, 1 worker, 0 automatic restarts",
    });
    expect(looks).toBe(10);
  });

  test.each([
    ["dies", [201], "closed", 4],
    ["stays", [200], "open", 7],
  ] as const)(
    "that has a worker of 3 s in an old process is watched until that %s",
    async (_, later, state, seconds) => {
      const { host, waited } = await running(3_600, 1);
      const stat = (of: number, started: number) =>
        host.fs.write(`/proc/${of}/stat`, `${of} (a) S ${"0 ".repeat(18)}${started * 100} 0\n`, root);
      await host.fs.makeDirectory("/proc/200", { ...root, mode: "0755" });
      await host.fs.makeDirectory("/proc/201", { ...root, mode: "0755" });
      await Promise.all([stat(pid, 50), stat(200, 50 + 3_597), stat(201, 50 + 3_604)]);
      const sleep = async (ms: number) => {
        await host.sleep(ms);
        if (waited() === 4) await setChildren(host, ...later);
      };
      expect(await found({ ...host, sleep }, [gate])).toMatchObject({ state });
      expect(waited()).toBe(seconds);
    },
  );

  test("is known by its looks alone where the clock goes back", async () => {
    const { host, service } = await running(2, 1);
    service.startedAt = host.now().getTime() + 86_400_000;
    let slept = 0;
    const sleep = async (ms: number) => {
      slept += 1;
      await host.sleep(ms);
    };
    expect(await found({ ...host, sleep }, [gate])).toMatchObject({ state: "open" });
    expect(slept).toBe(12);
  });

  async function alone(words: string, workers: string, processors: string) {
    const program: Program = (argv) => {
      if (argv[0] === "getconf") return { stdout: `${processors}\n` };
      const view = {
        drivers: [],
        options: workers === "" ? {} : { "conductor.workers": { value: workers, file: "" } },
      };
      return withoutUser(argv)[0] === unit.python ? { stdout: JSON.stringify([view]) } : undefined;
    };
    const services = { "magnum-conductor": runningService({ mainPid: pid }) };
    const host = scriptedHost([program, fakeSystemd(services)]);
    await host.fs.makeDirectory(`/proc/${pid}`, { ...root, mode: "0755" });
    await host.fs.write(`/proc/${pid}/cmdline`, `/usr/bin/python3 ${words} `.replaceAll(" ", "\0"), root);
    return { state: await found(host, [gate]), host };
  }

  test.each([
    [`/usr/bin/magnum-conductor ${wired}`, "1", "2", "no workers of its own"],
    [`/usr/bin/magnum-conductor ${wired}`, "None", "1", "no workers of its own"],
    ["/usr/bin/magnum-api", "2", "2", "a process for each request"],
  ])("%s with workers = %s and %s processors has %s", async (words, workers, processors, what) => {
    const { state } = await alone(words, workers, processors);
    expect(state).toEqual({ state: "open", detail: `MainPID 100, ${what}, 0 automatic restarts` });
  });

  test.each([
    [`/usr/bin/magnum-conductor ${wired}`, "2", "1"],
    [`/usr/bin/magnum-conductor ${wired}`, "None", "2"],
    [`/usr/bin/magnum-conductor ${wired}`, "", "1"],
    ["/usr/bin/uwsgi-core", "1", "1"],
  ])("%s with workers = %s and %s processors must have a worker", async (...args) => {
    expect((await alone(...args)).state).toMatchObject({ state: "closed" });
  });

  test("is asked for its workers with its own configuration arguments", async () => {
    const { host } = await alone(`/usr/bin/magnum-conductor ${wired}`, "1", "2");
    const asked = host.commands.find((argv) => argv.at(-1)?.startsWith("{"))?.at(-1) ?? "{}";
    const args = [configFile, "--config-dir", paths.dropInDirectory];
    expect(JSON.parse(asked)).toMatchObject({ views: [{ args, options: [["conductor", "workers"]] }] });
  });
});

describe("the running conductor", () => {
  const gate = liveGate(unit, "3.17.3");

  async function live(words: string, path: string, more: Partial<FakeService> = {}) {
    const shell: Program = (argv) =>
      argv.at(-2) !== "-c"
        ? undefined
        : argv.includes("PATH=/sbin:/usr/local/bin")
          ? { stdout: "/usr/local/bin/helm\nv3.17.3\n" }
          : { code: 127 };
    const host = scriptedHost([
      shell,
      fakeSystemd({ "magnum-conductor": runningService({ mainPid: pid, ...more }) }),
    ]);
    await host.fs.makeDirectory(`/proc/${pid}`, { ...root, mode: "0755" });
    await host.fs.write(`/proc/${pid}/cmdline`, `/usr/bin/python3 ${words}`.replaceAll(" ", "\0"), root);
    await host.fs.write(`/proc/${pid}/environ`, `A=1\0PATH=${path}\0`, root);
    return await found(host, [gate]);
  }

  test("is fine when its own command line and its own PATH are", async () => {
    expect(await live(wired, "/sbin:/usr/local/bin")).toEqual({
      state: "open",
      detail: "/usr/local/bin/helm",
    });
  });

  test.each([
    [configFile, "/sbin:/usr/local/bin", {}, "operator", "magnum-conductor runs without --config-dir"],
    [wired, "/sbin", {}, "operator", "helm is not on the conductor's PATH"],
    [wired, "/sbin", { mainPid: 0 }, "operator", "the conductor is not running"],
    [
      wired,
      "/sbin",
      { load: "masked", mainPid: 0 },
      "note",
      "the conductor is masked: the principal is paused",
    ],
  ] as const)("is closed with %j, PATH %s and %j", async (words, path, more, cure, reason) => {
    expect(await live(words, path, more)).toMatchObject({ state: "closed", cure, reason });
  });
});

test("what is not looked at yet is listed with its reason, and never passed", async () => {
  const results = await judge(scriptedHost([]), gatesNotChecked);
  expect(results.length).toBeGreaterThan(3);
  for (const result of results) {
    expect(result).toMatchObject({ state: "not checked", reason: expect.stringContaining("not built yet") });
  }
  expect(new Set(results.map(({ id }) => id)).size).toBe(results.length);
});
