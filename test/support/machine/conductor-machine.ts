import { services as names, paths } from "../../../src/conductor/paths.ts";
import { type Host, readText } from "../../../src/host/host.ts";
import { kubeconfigText } from "../kubeconfigs.ts";
import { readAsOslo } from "../oslo-reader.ts";
import { fakeHelm, fakeTar, helmArchive, helmDigest } from "./fake-helm.ts";
import { type FakePython, fakePython } from "./fake-python.ts";
import { type FakeService, fakeSystemd, runningService } from "./fake-systemd.ts";
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
  const services: Record<string, FakeService> = {
    [names.conductor]: runningService({ mainPid: 100, group: "" }),
    ...(hasApi ? { [names.api]: runningService({ mainPid: 200 }) } : {}),
  };
  const start = async (host: Host, name: string, pid: number) => {
    const defaults = name === names.conductor ? paths.conductorDefaults : paths.apiDefaults;
    await writeProcess(host, pid, await daemonWords(host, defaults), await daemonPath(host));
  };
  const host = scriptedHost(
    [
      getent,
      initScripts(apiTakesArguments),
      daemonView(python),
      python.program,
      findHelm,
      fakeTar,
      fakeHelm,
      fakeSystemd(services, start),
    ],
    {
      [paths.conductorInit]: "#!/bin/sh\n",
      ...(hasApi ? { [paths.apiInit]: "#!/bin/sh\n" } : {}),
      [paths.conductorProgram]: "#!/usr/bin/python3\nfrom magnum.cmd.conductor import main\n",
      [paths.magnumConf]: "[DEFAULT]\n",
      "/usr/local/bin/other": "",
      "/etc/default/other": "",
      "/var/lib/other/file": "",
      ...options.files,
    },
  );
  for (const path of [paths.conductorInit, paths.conductorProgram, ...(hasApi ? [paths.apiInit] : [])]) {
    await host.fs.setOwnership(path, { mode: "0755", uid: 0, gid: 0 });
  }
  await host.fs.setOwnership("/etc/magnum", { mode: "0750", uid: 111, gid: 112 });
  host.web.set(helmUrl, helmArchive("3.17.3", architecture));
  for (const [name, { mainPid }] of Object.entries(services)) await start(host, name, mainPid);
  return { host, python, services, helmUrl };
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
  const isThere = directory !== undefined && (await host.fs.stat(paths.dropInDirectory)) !== undefined;
  const more = isThere ? ["--config-dir", directory.replace(/".*/, "")] : [];
  return [`--config-file=${paths.magnumConf}`, "--log-file=/var/log/magnum/magnum.log", ...more];
}

async function daemonPath(host: Host): Promise<string> {
  const text = (await readText(host.fs, paths.conductorDefaults)) ?? "";
  const more = /^PATH="\$PATH:(.*)"/m.exec(text)?.[1];
  return more === undefined ? initPath : `${initPath}:${more}`;
}

async function writeProcess(host: Host, pid: number, words: readonly string[], path: string): Promise<void> {
  const owner = { uid: 0, gid: 0 };
  const command = ["/usr/bin/python3", paths.conductorProgram, ...words];
  await host.fs.makeDirectory(`/proc/${pid}/task/${pid}`, { ...owner, mode: "0755" });
  await host.fs.write(`/proc/${pid}/cmdline`, `${command.join("\0")}\0`, { ...owner, mode: "0444" });
  await host.fs.write(`/proc/${pid}/environ`, `LANG=C\0PATH=${path}\0`, { ...owner, mode: "0400" });
  await host.fs.write(`/proc/${pid}/task/${pid}/children`, `${pid + 5000} ${pid + 5001} `, {
    ...owner,
    mode: "0444",
  });
}

function initScripts(apiTakesArguments: boolean): Program {
  return async (argv, _options, host) => {
    const [init, verb] = withoutUser(argv);
    if (verb !== "show-args") return undefined;
    if (init === paths.apiInit && !apiTakesArguments)
      return { stdout: "--http-socket :9511 --ini /etc/magnum/uwsgi.ini\n" };
    const defaults = init === paths.apiInit ? paths.apiDefaults : paths.conductorDefaults;
    const carriageReturn = ((await readText(host.fs, defaults)) ?? "").includes("\r") ? "\r" : "";
    return { stdout: `${(await daemonWords(host, defaults)).join(" ")}${carriageReturn}\n` };
  };
}

/** The daemons' Magnum and oslo.config, asked with `daemon-view.py`. */
function daemonView(python: FakePython): Program {
  return async (argv, _options, host) => {
    const [program, dash, request = ""] = withoutUser(argv);
    if (program !== "/usr/bin/python3" || dash !== "-" || !request.startsWith("{")) return undefined;
    const { args, options } = JSON.parse(request) as { args: string[]; options: [string, string][] };
    const reads = args.length === 0 || args.join(" ").includes(`--config-dir ${paths.dropInDirectory}`);
    const values = reads ? await resolved(host) : {};
    const seen = options.map(([group, name]) => {
      const found = values[`${group}.${name}`];
      const unknown = group === "capi_helm" && python.installed === undefined;
      return [
        `${group}.${name}`,
        unknown ? { error: "NoSuchOptError: no such option" } : (found ?? { value: "", file: "" }),
      ];
    });
    const drivers = ["k8s_fedora_coreos_v1", ...(python.installed?.entryPoint ? ["k8s_capi_helm_v1"] : [])];
    return {
      stdout: `${JSON.stringify({ drivers: drivers.toSorted(), options: Object.fromEntries(seen) })}\n`,
    };
  };
}

async function resolved(host: Host): Promise<Record<string, { value: string; file: string }>> {
  const values: Record<string, { value: string; file: string }> = {};
  for (const name of (await host.fs.list(paths.dropInDirectory)) ?? []) {
    const file = `${paths.dropInDirectory}/${name}`;
    for (const [group, section] of Object.entries(readAsOslo((await readText(host.fs, file)) ?? ""))) {
      for (const [option, value] of Object.entries(section)) values[`${group}.${option}`] = { value, file };
    }
  }
  return values;
}

/** A shell that looks for helm: on the PATH of its environment, or on the one that the defaults make of it. */
const findHelm: Program = async (argv, _options, host) => {
  const [shell = "", flag, script = ""] = withoutUser(argv);
  if (!/^(\/bin\/)?sh$/.test(shell) || flag !== "-c" || !script.includes("command -v helm")) return undefined;
  const given = argv.find((word) => word.startsWith("PATH="))?.slice("PATH=".length) ?? "";
  const path = script.includes("DAEMON_ARGS") ? await daemonPath(host) : given;
  for (const directory of path.split(":")) {
    const version = /^helm (\S+)$/.exec((await readText(host.fs, `${directory}/helm`)) ?? "")?.[1];
    if (version !== undefined) return { stdout: `${directory}/helm\nv${version}\n` };
  }
  return { code: 127 };
};
