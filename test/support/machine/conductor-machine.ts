import type { DaemonView, DriverLook } from "../../../src/conductor/daemon-view.ts";
import { services as names, paths } from "../../../src/conductor/paths.ts";
import { type Host, type RunOptions, readText } from "../../../src/host/host.ts";
import { isFinding, readManagement } from "../../../src/management/kubeconfig.ts";
import { sha256 } from "../../../src/resources/file.ts";
import { kubeconfigText } from "../kubeconfigs.ts";
import { type OsloSections, readAsOslo } from "../oslo-reader.ts";
import { fakeCharts, fakeHelm, fakeTar, helmArchive, helmDigest } from "./fake-helm.ts";
import { type FakePython, fakePython, packageFolder, packageTar } from "./fake-python.ts";
import { type FakeService, fakeSystemd, runningService } from "./fake-systemd.ts";
import { fakeUnitFiles } from "./fake-unit-files.ts";
import { machineManagement } from "./management.ts";
import { type Program, scriptedHost, withoutUser } from "./scripted-host.ts";

/** This machine's architecture, as helm's archives name it. */
export const architecture = process.arch === "x64" ? "amd64" : process.arch;

const helmUrl = "http://mirror/helm.tar.gz";
const initPath = "/sbin:/usr/sbin:/bin:/usr/bin";

/** What an operator wants of a machine, fit for the fake mirror. */
export function wish(options: Readonly<Record<string, unknown>> = {}) {
  const helm = { "helm-url": helmUrl, "helm-sha256": helmDigest("3.17.3", architecture) };
  return {
    options: { kubeconfig: "secret:d0bsnaj8mtb47d5kqv0g", ...helm, ...options },
    kubeconfig: kubeconfigText(),
  };
}

/** How a conductor in memory is made. */
interface MachineOptions {
  readonly hasApi?: boolean;
  /** Whether the API's init script hands a `--config-file` on. */
  readonly apiTakesArguments?: boolean;
  readonly files?: Readonly<Record<string, string>>;
}

/** A packaged Magnum conductor in memory, as it is before anything was grafted: root's files, programs and services. */
export async function conductorMachine(options: MachineOptions = {}) {
  const { hasApi = true, apiTakesArguments = false } = options;
  const python = fakePython();
  const management = machineManagement();
  const faults: StartFaults = { atStart: () => "runs" };
  const dying = new Map<string, number>();
  const services: Record<string, FakeService> = {
    [names.conductor]: runningService({ mainPid: 100, group: "" }),
    ...(hasApi ? { [names.api]: runningService({ mainPid: 200 }) } : {}),
  };
  const start = async (host: Host, name: string, pid: number) => {
    const defaults = name === names.conductor ? paths.conductorDefaults : paths.apiDefaults;
    const environment = [`PATH=${await daemonPath(host)}`, ...(await exported(host, defaults))];
    await writeProcess(host, pid, await daemonWords(host, defaults), environment);
    const end = faults.atStart(name);
    dying.delete(name);
    if (end === "crashes") Object.assign(services[name] ?? {}, crashed);
    if (end === "dies later") dying.set(name, 2);
    if (end === "exits")
      Object.assign(services[name] ?? {}, { ...crashed, active: "inactive", result: "success" });
  };
  const host = scriptedHost(
    [
      getent,
      initScripts(apiTakesArguments),
      daemonView(python),
      httpLook,
      emptyLog,
      python.program,
      fakeCharts,
      findHelm,
      printEnvironment,
      packageTar(python),
      fakeTar,
      fakeHelm,
      fakeUnitFiles().program,
      lateDeath(services, dying),
      fakeSystemd(services, start),
    ],
    {
      [paths.conductorInit]: `#!/bin/sh\n. ${paths.conductorDefaults}\n`,
      ...(hasApi ? { [paths.apiInit]: `#!/bin/sh\n. ${paths.apiDefaults}\n` } : {}),
      [paths.conductorProgram]: "#!/usr/bin/python3\nfrom magnum.cmd.conductor import main\n",
      [paths.magnumConf]: "[DEFAULT]\n",
      "/usr/local/bin/other": "",
      "/etc/default/other": "",
      "/etc/systemd/system/other.service": "",
      "/var/lib/other/file": "",
      "/var/cache/other": "",
      ...options.files,
    },
    (...asked) => management.https(...asked),
  );
  for (const path of [paths.conductorInit, paths.conductorProgram, ...(hasApi ? [paths.apiInit] : [])]) {
    await host.fs.setOwnership(path, { mode: "0755", uid: 0, gid: 0 });
  }
  await host.fs.link("/usr/bin/python3", "python3.11");
  await host.fs.setOwnership("/etc/magnum", { mode: "0750", uid: 111, gid: 112 });
  host.web.set(helmUrl, helmArchive("3.17.3", architecture));
  for (const [name, { mainPid }] of Object.entries(services)) await start(host, name, mainPid);
  return { host, python, services, helmUrl, faults, management };
}

/** How a service fares when it is started anew. Tests change its field. */
interface StartFaults {
  atStart(service: string): "runs" | "crashes" | "exits" | "dies later";
}

const crashed = { active: "failed", result: "exit-code", mainPid: 0 } as const;

/** Services that crash once they have been looked at so many times. */
function lateDeath(services: Record<string, FakeService>, dying: Map<string, number>): Program {
  return ([program, verb, name = ""]) => {
    const left = dying.get(name);
    if (program !== "systemctl" || verb !== "show" || left === undefined) return undefined;
    dying.set(name, left - 1);
    if (left === 0) Object.assign(services[name] ?? {}, crashed);
    return undefined;
  };
}

const getent: Program = ([program, table, key]) => {
  if (program !== "getent") return undefined;
  if (table === "passwd" && key === "magnum")
    return { stdout: "magnum:x:111:112::/var/lib/magnum:/usr/sbin/nologin\n" };
  if (table === "group" && (key === "magnum" || key === "112")) return { stdout: "magnum:x:112:\n" };
  return { code: 2 };
};

/** The command line of a daemon, as its init script and its defaults make it. */
async function daemonWords(host: Host, defaults: string): Promise<readonly string[]> {
  const text = (await readText(host.fs, defaults)) ?? "";
  const directory = /DAEMON_ARGS="\$DAEMON_ARGS --config-dir (.*)"/.exec(text)?.[1];
  const isThere = directory !== undefined && (await host.fs.stat(directory.replace(/".*/, ""))) !== undefined;
  const more = isThere ? ["--config-dir", directory.replace(/".*/, "")] : [];
  return [`--config-file=${paths.magnumConf}`, "--log-file=/var/log/magnum/magnum.log", ...more];
}

async function daemonPath(host: Host, defaults: string = paths.conductorDefaults): Promise<string> {
  const text = (await readText(host.fs, defaults)) ?? "";
  const more = /^PATH="\$PATH:(.*)"/m.exec(text)?.[1];
  return more === undefined ? initPath : `${initPath}:${more}`;
}

/** What a file of defaults exports; the last of several of one name counts, as in a shell. */
async function exported(host: Host, defaults: string): Promise<readonly string[]> {
  const text = (await readText(host.fs, defaults)) ?? "";
  const lines = [...text.matchAll(/^export (\w+)='(.*)'$/gm)];
  const values = Object.fromEntries(lines.map(([, name = "", value = ""]) => [name, value]));
  return Object.entries(values).map(([name, value]) => `${name}=${value}`);
}

/** A shell that prints what the daemon's environment would be. */
const printEnvironment: Program = async (argv, _options, host) => {
  const [shell, flag, script = ""] = withoutUser(argv);
  if (shell !== "sh" || flag !== "-c" || !script.includes("exec env -0")) return undefined;
  const defaults = /(\S+\/magnum-conductor);/.exec(script)?.[1] ?? "";
  return { stdout: (await exported(host, defaults)).map((it) => `${it}\0`).join("") };
};

async function writeProcess(
  host: Host,
  pid: number,
  words: readonly string[],
  environment: readonly string[],
): Promise<void> {
  const owner = { uid: 0, gid: 0 };
  const command = ["/usr/bin/python3", paths.conductorProgram, ...words];
  await host.fs.makeDirectory(`/proc/${pid}/task/${pid}`, { ...owner, mode: "0755" });
  await host.fs.write(`/proc/${pid}/cmdline`, `${command.join("\0")}\0`, { ...owner, mode: "0444" });
  await host.fs.write(`/proc/${pid}/environ`, `${["LANG=C", ...environment].join("\0")}\0`, {
    ...owner,
    mode: "0400",
  });
  await host.fs.write(`/proc/${pid}/task/${pid}/children`, `${pid + 5000} ${pid + 5001} `, {
    ...owner,
    mode: "0444",
  });
  await listen(host, pid);
}

/** Lets a process listen on 127.0.0.1:9511; only the API's is ever asked. */
async function listen(host: Host, pid: number): Promise<void> {
  const owner = { uid: 0, gid: 0 };
  await host.fs.makeDirectory(`/proc/${pid}/fd`, { ...owner, mode: "0500" });
  await host.fs.makeDirectory(`/proc/${pid}/net`, { ...owner, mode: "0555" });
  await host.fs.link(`/proc/${pid}/fd/3`, `socket:[${pid}]`);
  const line = `0: 0100007F:2527 00000000:0000 0A 00000000:00000000 00:00000000 00000000 111 0 ${pid} 1\n`;
  await host.fs.write(`/proc/${pid}/net/tcp`, line, { ...owner, mode: "0444" });
}

/** A log file with nothing in it. */
const emptyLog: Program = ([program]) => (program === "tail" ? {} : undefined);

/** The daemons' Python, asked with `http-look.py`. */
const httpLook: Program = (argv) => {
  const request = argv.at(-1) ?? "";
  if (!request.startsWith('[{"host"')) return undefined;
  return { stdout: JSON.stringify((JSON.parse(request) as unknown[]).map(() => ({ status: 200 }))) };
};

function initScripts(apiTakesArguments: boolean): Program {
  return async (argv, _options, host) => {
    const [init = "", verb] = withoutUser(argv);
    if (verb !== "show-args") return undefined;
    if (init === paths.apiInit && !apiTakesArguments)
      return { stdout: "--http-socket :9511 --ini /etc/magnum/uwsgi.ini\n" };
    const defaults = /^\. (\S+)$/m.exec((await readText(host.fs, init)) ?? "")?.[1] ?? "";
    const carriageReturn = ((await readText(host.fs, defaults)) ?? "").includes("\r") ? "\r" : "";
    return { stdout: `${(await daemonWords(host, defaults)).join(" ")}${carriageReturn}\n` };
  };
}

/** The daemons' Magnum and oslo.config, asked with `daemon-view.py`. */
function daemonView(python: FakePython): Program {
  return async (argv, { input }, host) => {
    const [program, dash, request = ""] = withoutUser(argv);
    if (program !== "/usr/bin/python3" || dash !== "-" || !request.startsWith("{")) return undefined;
    const { views, directories } = JSON.parse(request) as {
      views: AskedView[];
      directories?: string[];
    };
    const staged = argv.find((word) => word.startsWith("PYTHONPATH="))?.slice("PYTHONPATH=".length);
    const answers = views.map(async (it) => {
      const at = { staged, directory: directoryOf(it.args, directories?.[0] ?? paths.dropInDirectory) };
      return await viewOf(host, python, { ...it, input }, at);
    });
    return { stdout: `${JSON.stringify(await Promise.all(answers))}\n` };
  };
}

interface AskedView {
  readonly args: readonly string[];
  readonly options: readonly (readonly [group: string, name: string])[];
  readonly groups?: readonly string[];
  readonly management?: { readonly kubeconfig: string; readonly kinds: readonly string[] };
}

async function viewOf(
  host: Host,
  python: FakePython,
  {
    options,
    groups = [],
    management,
    input,
  }: AskedView & { readonly input: RunOptions["input"] | undefined },
  { staged, directory }: { readonly staged: string | undefined; readonly directory: string },
): Promise<DaemonView> {
  const stagedVersion = await readText(host.fs, `${staged}/magnum_capi_helm/driver.py`);
  const version = stagedVersion ?? (python.installed?.entryPoint ? python.installed.version : undefined);
  const values = await resolved(host, directory);
  if (values instanceof Error) return { drivers: [], options: {}, configError: values.message };
  const registered = version === undefined ? [] : [...driverOptions, ...Object.keys(values)];
  const whole = [...new Set(registered)]
    .map((it) => it.split(".") as [string, string])
    .filter(([group]) => groups.includes(group));
  const seen = [...options, ...whole].map(([group, name]) => {
    const found = values[`${group}.${name}`];
    const unknown = group === "capi_helm" && version === undefined;
    return [
      `${group}.${name}`,
      unknown ? { error: "NoSuchOptError: no such option" } : (found ?? { value: "", file: "" }),
    ] as const;
  });
  const drivers = driversOf(python, version, staged);
  const asked = management && {
    kinds: management.kinds,
    text: await kubeconfigOf(host, management, input),
  };
  return { ...drivers, options: Object.fromEntries(seen), ...logIn(python, drivers.drivers, asked) };
}

/** The kubeconfig that comes with the program, else the one in the file. */
async function kubeconfigOf(
  host: Host,
  { kubeconfig }: { kubeconfig: string },
  input: RunOptions["input"] | undefined,
) {
  const given = /^KUBECONFIG = "(.+)"$/m.exec(String(input))?.[1];
  if (given !== undefined) return Buffer.from(given, "base64").toString();
  return (await readText(host.fs, kubeconfig)) ?? "";
}

function logIn(
  python: FakePython,
  drivers: readonly string[],
  asked: { readonly text: string; readonly kinds: readonly string[] } | undefined,
): { readonly login?: DriverLook } {
  if (asked === undefined || !drivers.includes("k8s_capi_helm_v1")) return {};
  return { login: driverLook(python, asked) };
}

/** What the driver's own client reads in a kubeconfig, and what it gets: all well, or what the test says. */
function driverLook(
  { login }: FakePython,
  { text, kinds }: { readonly text: string; readonly kinds: readonly string[] },
): DriverLook {
  const read = readManagement(text);
  if (isFinding(read)) return { error: "Exception", kinds: {} };
  const digest = (pem: string | undefined) => (pem === undefined ? null : sha256(Buffer.from(pem, "latin1")));
  const well = { version: "example.com/v1beta1", plural: "things", status: 200, readable: true };
  return {
    server: read.server.href.replace(/\/$/, ""),
    login: read.certificate === undefined ? "token" : "certificate",
    ca: digest(read.ca),
    certificate: digest(read.certificate?.cert),
    bundle: null,
    netrc: false,
    proxy: false,
    kinds: Object.fromEntries(kinds.map((it) => [it, well])),
    ...login,
  };
}

/** Some of the driver's options that nothing sets. */
const driverOptions = ["capi_helm.namespace_prefix", "capi_helm_cluster_labels.octavia_provider"];

/** What Magnum lists; one driver that can't be imported takes all of them down. */
function driversOf(
  python: FakePython,
  version: string | undefined,
  staged: string | undefined,
): Pick<DaemonView, "drivers" | "driverError"> {
  const error = python.unloadable.get(version ?? "");
  const where = `${staged ?? packageFolder}/magnum_capi_helm/driver.py`;
  if (error !== undefined) return { drivers: [], driverError: `${error} (${where})` };
  const drivers = ["k8s_fedora_coreos_v1", ...(version === undefined ? [] : ["k8s_capi_helm_v1"])];
  return { drivers: drivers.toSorted() };
}

/** The directory of drop-ins that these arguments name; without any argument, the one that is read by default. */
function directoryOf(args: readonly string[], byDefault: string): string {
  return args.length === 0 ? byDefault : (/--config-dir (\S+)/.exec(args.join(" "))?.[1] ?? "/none");
}

async function resolved(
  host: Host,
  directory: string,
): Promise<Record<string, { value: string; file: string }> | Error> {
  const values: Record<string, { value: string; file: string }> = {};
  for (const name of (await host.fs.list(directory)) ?? []) {
    const file = `${directory}/${name}`;
    const sections = parsed(file, (await readText(host.fs, file)) ?? "");
    if (sections instanceof Error) return sections;
    for (const [group, section] of Object.entries(sections)) {
      for (const [option, value] of Object.entries(section)) values[`${group}.${option}`] = { value, file };
    }
  }
  return values;
}

function parsed(file: string, text: string): OsloSections | Error {
  try {
    return readAsOslo(text);
  } catch (error) {
    return new Error(`ConfigFileParseError: Failed to parse ${file}: ${(error as Error).message}`);
  }
}

/** A shell that looks for helm: on the PATH of its environment, or on the one that the defaults make of it. */
const findHelm: Program = async (argv, _options, host) => {
  const [shell = "", flag, script = ""] = withoutUser(argv);
  if (!/^(\/bin\/)?sh$/.test(shell) || flag !== "-c" || !script.includes("command -v helm")) return undefined;
  const given = argv.find((word) => word.startsWith("PATH="))?.slice("PATH=".length) ?? "";
  const sourced = /(\S+\/magnum-conductor);/.exec(script)?.[1];
  const path = script.includes("DAEMON_ARGS") ? await daemonPath(host, sourced) : given;
  for (const directory of path.split(":")) {
    const version = /^helm (\S+)$/.exec((await readText(host.fs, `${directory}/helm`)) ?? "")?.[1];
    if (version !== undefined) return { stdout: `${directory}/helm\nv${version}\n` };
  }
  return { code: 127 };
};
