import { describe, expect, test } from "vitest";
import { logGate } from "../../src/conductor/log-gate.ts";
import { readText } from "../../src/host/host.ts";
import { judge } from "../../src/reconcile/gate.ts";
import { type FakeService, fakeSystemd, runningService } from "../support/machine/fake-systemd.ts";
import { type Program, scriptedHost } from "../support/machine/scripted-host.ts";

const pid = 2022;
const worker = 2030;
const root = { mode: "0444", uid: 0, gid: 0 };
const file = "/var/log/magnum/magnum-conductor.log";
const loop = "magnum.service.periodic.ClusterHealthUpdateJob.update_health_status";
const json = "json.decoder.JSONDecodeError: Expecting value: line 1 column 12 (char 11)";

interface Machine {
  readonly service?: string;
  readonly seconds?: number;
  readonly more?: Partial<FakeService>;
  readonly words?: readonly string[];
  readonly output?: string;
  /** What else it has open. */
  readonly files?: readonly string[];
  readonly journal?: string;
  readonly log?: (at: (secondsAgo: number) => string) => readonly string[];
}

const python = ["/usr/bin/python3", "/usr/bin/magnum-conductor"];

async function found(machine: Machine) {
  const { service = "magnum-conductor", seconds = 100, more = {}, log = () => [] } = machine;
  const status = runningService({ mainPid: pid, ...more });
  const tail: Program = async (argv, _options, host) => {
    if (argv[0] !== "tail") return undefined;
    const text = await readText(host.fs, argv.at(-1) ?? "");
    return text === undefined
      ? { code: 1, stderr: "tail: cannot open: No such file or directory\n" }
      : { stdout: text };
  };
  const journalctl: Program = (argv) =>
    argv[0] === "journalctl" ? { stdout: machine.journal ?? "" } : undefined;
  const host = scriptedHost([tail, journalctl, fakeSystemd({ [service]: status })]);
  const now = host.now().getTime();
  status.startedAt = now - seconds * 1_000;
  /** Local time, as oslo.log has it. */
  const at = (secondsAgo: number) => {
    const date = new Date(now - secondsAgo * 1_000);
    const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString();
    return local.replace("T", " ").replace("Z", "");
  };
  await host.fs.makeDirectory(`/proc/${pid}/task/${pid}`, { ...root, mode: "0555" });
  await host.fs.makeDirectory(`/proc/${pid}/fd`, { ...root, mode: "0555" });
  await host.fs.makeDirectory("/var/log/magnum", { ...root, mode: "0755" });
  const words = machine.words ?? [...python, `--log-file=${file}`];
  await host.fs.write(`/proc/${pid}/cmdline`, `${words.join("\0")}\0`, root);
  await host.fs.write(`/proc/${pid}/task/${pid}/children`, `${worker} `, root);
  await host.fs.link(`/proc/${pid}/fd/2`, machine.output ?? "socket:[1]");
  for (const [index, target] of (machine.files ?? []).entries())
    await host.fs.link(`/proc/${pid}/fd/${index + 3}`, target);
  await host.fs.write(file, `${log(at).join("\n")}\n`, root);
  const [result] = await judge(host, [logGate(service, 0)]);
  return { result, host };
}

const start = (at: string, of = pid) =>
  `${at} ${of} INFO magnum.cmd.conductor [-] Starting server in PID ${of}`;

function failure(at: string, error: string, trace: readonly string[] = [], of = worker): readonly string[] {
  const prefix = `${at} ${of} ERROR oslo.service.loopingcall`;
  return [
    `${prefix} [-] Fixed interval looping call '${loop}' failed: ${error}`,
    `${prefix} Traceback (most recent call last):`,
    ...trace.map((line) => `${prefix}   File "${line}", line 1, in f`),
    `${prefix} ${error}`,
    `${prefix} `,
  ];
}

const driver = "/usr/local/lib/python3.11/dist-packages/magnum_capi_helm/driver.py";
const loader = "/usr/lib/python3/dist-packages/magnum/drivers/common/driver.py";
const operatorRemedy = "capi-graft rollback, or read its log";

describe("the log of the conductor", () => {
  test("with nothing in it opens the gate after the first poll, and names what was read", async () => {
    const { result } = await found({ log: (at) => [start(at(100))] });
    expect(result).toMatchObject({ state: "open", detail: file });
  });

  test("is not judged before the first poll", async () => {
    const { result } = await found({ seconds: 30, log: (at) => [start(at(30))] });
    expect(result).toMatchObject({
      state: "not checked",
      reason: "it polls a minute after its start, which is 30 s ago",
    });
  });

  test.each([
    ["bad JSON in an option", json, [loader, driver]],
    ["a driver that can't be imported", "ModuleNotFoundError: No module named 'yaml'", [driver]],
    [
      "no driver",
      "magnum.common.exception.ClusterTypeNotSupported: Cluster type (vm, ubuntu, kubernetes) not supported",
      [loader],
    ],
    ["JSON alone", json, []],
  ])("closes it for the operator with a loop that failed of %s", async (_, error, trace) => {
    const { result } = await found({ log: (at) => [start(at(100)), ...failure(at(38), error, trace)] });
    expect(result).toMatchObject({
      state: "closed",
      cure: "operator",
      reason: `update_health_status of magnum-conductor fails: ${error} (${file})`,
      remedy: operatorRemedy,
    });
  });

  test("closes it also before the first poll, and of the main process", async () => {
    const { result } = await found({
      seconds: 20,
      log: (at) => [start(at(20)), ...failure(at(5), json, [], pid)],
    });
    expect(result).toMatchObject({ state: "closed", cure: "operator" });
  });

  test.each([
    ["oslo_db.exception.DBConnectionError: (pymysql.err.OperationalError) Can't connect", [loader]],
    ["requests.exceptions.ConnectionError: HTTPSConnectionPool(host='192.0.2.40', port=6443)", [driver]],
    ["oslo_messaging.exceptions.MessagingTimeout: Timed out waiting for a reply", []],
    ["keystoneauth1.exceptions.connection.ConnectFailure: Unable to establish connection", []],
    ["magnum.common.exception.AuthorizationFailure: unexpected keystone client error occurred", [driver]],
    ["ConnectionRefusedError: [Errno 111] ECONNREFUSED", [driver]],
    ["KeyError: 'something of Magnum'", ["/usr/lib/python3/dist-packages/magnum/conductor/monitors.py"]],
  ])("makes a note of what is not the driver's: %s", async (error, trace) => {
    const { result } = await found({ log: (at) => [start(at(100)), ...failure(at(38), error, trace)] });
    expect(result).toMatchObject({
      state: "closed",
      cure: "note",
      reason: `update_health_status of magnum-conductor fails: ${error} (${file})`,
    });
  });

  test("tells of the driver first", async () => {
    const { result } = await found({
      log: (at) => [
        start(at(100)),
        ...failure(at(40), json, [driver]),
        ...failure(at(38), "oslo_db.exception.DBError: no", []),
      ],
    });
    expect(result).toMatchObject({ cure: "operator" });
  });

  test("does not take another process's traceback for a loop's", async () => {
    const { result } = await found({
      log: (at) => [
        start(at(100)),
        ...failure(at(38), "oslo_db.exception.DBError: no", []),
        `${at(37)} 2031 ERROR magnum.other File "${driver}"`,
        ...failure(at(36), "KeyError: 'x'", []),
        `${at(35)} ${worker} INFO magnum.other File "${driver}"`,
      ],
    });
    expect(result).toMatchObject({ cure: "note", reason: expect.stringContaining("KeyError") });
  });

  test("counts neither what an earlier process wrote, of the same pid too, nor what polls have passed", async () => {
    const { result } = await found({
      seconds: 3_600,
      log: (at) => [
        start(at(90), pid),
        ...failure(at(80), json, [driver]),
        start(at(70), 17),
        ...failure(at(60), json, [driver], 17),
        start(at(50), pid),
      ],
    });
    expect(result).toMatchObject({ state: "open" });
    const old = await found({
      seconds: 3_600,
      log: (at) => [start(at(3_600)), ...failure(at(200), json, [driver])],
    });
    expect(old.result).toMatchObject({ state: "open" });
  });

  test("knows its lines by their pids where its start is further back", async () => {
    const others = await found({ log: (at) => failure(at(38), json, [driver], 999) });
    expect(others.result).toMatchObject({ state: "open" });
    const own = await found({ log: (at) => failure(at(38), json, [driver], worker) });
    expect(own.result).toMatchObject({ state: "closed", cure: "operator" });
  });

  test("that can't be read is a note", async () => {
    const { result } = await found({ words: [...python, "--log-file", "/var/log/gone.log"] });
    expect(result).toMatchObject({
      state: "closed",
      cure: "note",
      reason: "/var/log/gone.log can't be read: tail: cannot open: No such file or directory",
    });
  });

  test("is the file that it has open where none is on its command line", async () => {
    const { result } = await found({
      words: python,
      files: ["/dev/null", "pipe:[7]", file],
      log: (at) => [start(at(100)), ...failure(at(38), json, [driver])],
    });
    expect(result).toMatchObject({ state: "closed", remedy: operatorRemedy });
  });

  test("is read without its colours", async () => {
    const { result } = await found({
      log: (at) => [
        ...failure(at(80), json, [driver], pid),
        `${at(50)} ${pid} INFO magnum.cmd.conductor [-] Starting server in PID ${pid}\u001b[00m`,
      ],
    });
    expect(result).toMatchObject({ state: "open" });
  });

  test("is the journal where there is no file, from the start of the process on", async () => {
    const journal = "2026-11-23 14:00:00.000 1 INFO a [-] b";
    const { result, host } = await found({ words: python, journal });
    expect(result).toMatchObject({ state: "open", detail: "the journal" });
    expect(host.commands.at(-1)?.join(" ")).toMatch(
      /^journalctl -u magnum-conductor --since=@\d{10} --no-pager/,
    );
  });

  test.each([
    [{ load: "masked", mainPid: 0 }, "masked: the principal is paused"],
    [{ mainPid: 0, active: "failed" }, "magnum-conductor is not running (failed)"],
  ] as const)("of a service that is %j is not judged", async (more, reason) => {
    expect((await found({ more })).result).toMatchObject({ state: "not checked", reason });
  });
});

describe("the log of the API under uwsgi", () => {
  const uwsgi = { service: "magnum-api", words: ["/usr/bin/uwsgi-core", "--ini", "/x"], output: file };
  const spawned = `spawned uWSGI master process (pid: ${pid})`;
  const broken = [
    "Traceback (most recent call last):",
    "    raise ConfigFileParseError(pe.filename, str(pe))",
    "oslo_config.cfg.ConfigFileParseError: Failed to parse /etc/magnum/magnum.conf.d/99.conf: at 1",
    "OOPS ! failed loading app in worker 1 (pid 1199) :( trying again...",
  ];

  test("is where its output goes, and needs no poll", async () => {
    const { result } = await found({ ...uwsgi, seconds: 3, log: () => [...broken, spawned] });
    expect(result).toMatchObject({ state: "open", detail: file });
  });

  test("closes the gate with a configuration file that can't be parsed", async () => {
    const { result } = await found({ ...uwsgi, seconds: 20, log: () => [spawned, ...broken] });
    expect(result).toMatchObject({
      state: "closed",
      cure: "operator",
      reason: `magnum-api: ConfigFileParseError: Failed to parse /etc/magnum/magnum.conf.d/99.conf: at 1 (${file})`,
      remedy: operatorRemedy,
    });
  });
});
