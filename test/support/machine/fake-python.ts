import type { DriverLook } from "../../../src/conductor/daemon-view.ts";
import { type Host, readText } from "../../../src/host/host.ts";
import { sha256 } from "../../../src/resources/file.ts";
import { readWheel } from "../../../src/resources/wheel.ts";
import { type Program, withoutUser } from "./scripted-host.ts";

interface Installed {
  version: string;
  damaged: string[];
  entryPoint: boolean;
  /** sha256 of its RECORD; that of the index's wheel unless told. */
  record?: string;
  /** Milliseconds since the epoch. */
  changedAt: number;
}

/** A Python with pip, seen from the one package that matters. Tests change its fields. */
export interface FakePython {
  installed: Installed | undefined;
  /** What the package index says instead of giving a wheel; empty when all is well. */
  refusal: string;
  /** What pip says instead of installing or uninstalling. */
  failure: string;
  /** Whether there is no such program (any more). */
  isGone: boolean;
  /** The environment that pip was last given. */
  environment: Readonly<Record<string, string>>;
  /** Versions of the driver that can't be imported, with the error that Python ends with. */
  readonly unloadable: Map<string, string>;
  /** How the driver's own client fares at the management cluster where that is not well. */
  login: Partial<DriverLook>;
  readonly program: Program;
}

const folder = "/usr/local/lib/python3.11/dist-packages";

/** Where the fake has its packages. */
export const packageFolder = folder;

/** A Python without the package, at `path`. */
export function fakePython(path = "/usr/bin/python3"): FakePython {
  const python: FakePython = {
    installed: undefined,
    refusal: "",
    failure: "",
    isGone: false,
    environment: {},
    unloadable: new Map(),
    login: {},
    program: async (argv, options, host) => {
      const [program, ...rest] = withoutUser(argv);
      if (program !== path || python.isGone) return undefined;
      return rest[1] === "" ? {} : await answer(python, rest, options, host);
    },
  };
  return python;
}

async function answer(
  python: FakePython,
  rest: readonly string[],
  options: Parameters<Program>[1],
  host: Host,
): Promise<Awaited<ReturnType<Program>>> {
  if (rest[0] === "-") return rest[2] === "magnum.drivers" ? inspection(python) : undefined;
  if (rest[1] === "zipfile") return await unzip(rest.slice(-2), host);
  if (rest[1] !== "pip") return undefined;
  python.environment = options.env ?? {};
  return await pip(python, rest.slice(2), host);
}

/** `tar` that packs and unpacks the files of the installed package. */
export function packageTar(python: FakePython): Program {
  return async (argv, _options, host) => {
    const archive = argv[argv.indexOf("--file") + 1] ?? "";
    if (argv[0] !== "tar" || !archive.endsWith(".tar")) return undefined;
    if (argv.includes("--create")) {
      const text = `package of ${python.installed?.version} ${describe(python)?.record}`;
      await host.fs.write(archive, text, { mode: "0600", uid: 0, gid: 0 });
      return {};
    }
    const [, version, record] =
      /^package of (\S+) (\S+)$/.exec((await readText(host.fs, archive)) ?? "") ?? [];
    if (version === undefined) return { code: 2, stderr: "tar: This does not look like a tar archive\n" };
    install(python, version, record);
    return {};
  };
}

function recordOf(version: string): string {
  return sha256(`record of ${version}`);
}

/** Puts the package there, as an installation of that version would. */
export function install(python: FakePython, version: string, record = recordOf(version)): void {
  python.installed = {
    version,
    damaged: [],
    entryPoint: true,
    changedAt: Date.now(),
    record,
  };
}

function inspection(python: FakePython) {
  return { stdout: `${JSON.stringify(describe(python))}\n` };
}

function describe({ installed }: FakePython) {
  if (installed === undefined) return null;
  const files = ["magnum_capi_helm/driver.py", `magnum_capi_helm-${installed.version}.dist-info/RECORD`];
  return {
    record: recordOf(installed.version),
    ...installed,
    leftovers: [],
    location: folder,
    files: files.map((name) => `${folder}/${name}`),
    identity: `${installed.version}@${installed.changedAt}`,
  };
}

async function pip(python: FakePython, words: readonly string[], host: Host) {
  if (words[0] === "download") return await download(python, words, host);
  if (python.failure !== "") return { code: 1, stderr: python.failure };
  if (words[0] === "uninstall") python.installed = undefined;
  else await installWheel(python, words.at(-1) ?? "", host);
  return {};
}

/** A real wheel leaves a RECORD of its own, one of the fake index that of its version. */
async function installWheel(python: FakePython, path: string, host: Host): Promise<void> {
  const version = /-(\d+\.\d+\.\d+[^-]*)-py3/.exec(path)?.[1] ?? "no wheel";
  const bytes = (await host.fs.read(path)) ?? new Uint8Array();
  install(python, version, "reason" in (await readWheel(bytes)) ? undefined : sha256(bytes));
}

async function unzip([wheel = "", into = ""]: readonly string[], host: Host) {
  const real = await readWheel((await host.fs.read(wheel)) ?? new Uint8Array());
  const ofIndex = /^wheel of (\S+)$/.exec((await readText(host.fs, wheel)) ?? "")?.[1];
  const version = "reason" in real ? ofIndex : real.version;
  if (version === undefined) return { code: 1, stderr: "zipfile.BadZipFile: File is not a zip file" };
  const owner = { uid: 0, gid: 0 };
  await host.fs.makeDirectory(`${into}/magnum_capi_helm`, { mode: "0755", ...owner });
  await host.fs.write(`${into}/magnum_capi_helm/driver.py`, version, { mode: "0644", ...owner });
  return {};
}

async function download(python: FakePython, words: readonly string[], host: Host) {
  if (python.refusal !== "") return { code: 1, stderr: python.refusal };
  const after = (name: string) => words[words.indexOf(name) + 1] ?? "";
  const requirement = (await readText(host.fs, after("--requirement"))) ?? "";
  const version = /==(\S+)/.exec(requirement)?.[1] ?? "";
  const wheel = `${after("--dest")}/magnum_capi_helm-${version}-py3-none-any.whl`;
  await host.fs.write(wheel, `wheel of ${version}`, { mode: "0644", uid: 0, gid: 0 });
  return {};
}
