import type { CommandResult, Host } from "../host/host.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { showUnit } from "../resources/systemctl.ts";
import { asDaemon, type Conductor } from "./conductor.ts";
import { type Asked, type DaemonView, viewsAsDaemons } from "./daemon-view.ts";
import { type DriverLogin, driverLoginGate } from "./driver-login.ts";
import type { DaemonOption } from "./drop-in.ts";
import { paths, services } from "./paths.ts";
import { afterDefaults, liveRoots, type Roots } from "./roots.ts";

/** The entry point that the driver must show (driver 1.3.0 and 1.4.0, entry_points.txt). */
export const driverEntryPoint = { group: "magnum.drivers", name: "k8s_capi_helm_v1" } as const;

const configFile = `--config-file=${paths.magnumConf}`;

/** The command line that an init script would start its daemon with, asked as the daemon's user. */
async function showArgs(
  host: Host,
  unit: Conductor,
  init: string,
): Promise<GateState | { words: readonly string[] }> {
  const result = await host.run([...asDaemon(unit), init, "show-args"], { timeoutMs: 15_000 });
  const look = `look at ${init.replace("init.d", "default")}`;
  if (result.timedOut) return closed("operator", `${init} show-args: ${result.stderr}`, look);
  if (!result.ok)
    return closed(
      "operator",
      `${init} show-args ends with ${result.code}: ${firstLine(result.stderr)}`,
      look,
    );
  if (result.stderr.trim() !== "")
    return closed("operator", `${init} show-args says: ${firstLine(result.stderr)}`, look);
  if (result.stdout.includes("\r"))
    return closed("operator", `${init} show-args prints a carriage return`, look);
  return { words: result.stdout.trim().split(/\s+/) };
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}

/** Pairs of `--config-file` and `--config-dir` among a daemon's words, as arguments of oslo.config. */
export function configArguments(words: readonly string[]): readonly string[] {
  return words.flatMap((word, index) => {
    if (/^--config-(file|dir)=/.test(word)) return [word];
    const value = words[index + 1];
    return /^--config-(file|dir)$/.test(word) && value !== undefined ? [word, value] : [];
  });
}

/** Whether a daemon's words name `magnum.conf` and then the drop-in directory. */
export function takesDropIns(words: readonly string[], directory: string = paths.dropInDirectory): boolean {
  const args = configArguments(words);
  const spaced = args.some((word, index) => word === "--config-dir" && args[index + 1] === directory);
  return args.includes(configFile) && (spaced || args.includes(`--config-dir=${directory}`));
}

/** `show-args`, as the daemon's user, lists the configuration file and the drop-in directory. */
export function showArgsGate(unit: Conductor, roots: Roots = liveRoots): Gate {
  return {
    id: "show-args",
    title: `${services.conductor} would be started with ${configFile} and --config-dir`,
    check: async (host) => {
      // Debian's LSB functions end every init script of a masked unit, with success and without a word.
      const { load } = await showUnit(host, services.conductor);
      if (load === "masked") return { state: "not checked", reason: "masked: the principal is paused" };
      const args = await showArgs(host, unit, roots.conductorInit);
      if ("state" in args) return args;
      if (takesDropIns(args.words, roots.dropInDirectory)) return open();
      const reason = `${services.conductor} would not read the drop-ins: no ${configFile} or --config-dir ${paths.dropInDirectory}`;
      return closed("operator", reason, `look at ${paths.conductorDefaults}`);
    },
  };
}

/** What a view of a daemon is asked for, but for the daemon's own arguments. */
type Question = Omit<Asked, "args">;

/**
 * What the unit's services would see if they started now, each with its own configuration arguments; `questions` by name
 * of the service.
 */
export async function viewsOfServices(
  host: Host,
  unit: Conductor,
  questions: Readonly<Record<string, Question>>,
  roots: Roots = liveRoots,
): Promise<Readonly<Record<string, DaemonView>>> {
  const asked = Object.entries(questions).map(async ([service, question]): Promise<Asked> => {
    const isConductor = service === services.conductor;
    const takesArguments = isConductor || unit.apiTakesConfigArguments;
    const init = isConductor ? roots.conductorInit : roots.apiInit;
    const args = takesArguments ? await showArgs(host, unit, init) : { words: [] };
    return { ...question, args: "words" in args ? configArguments(args.words) : [] };
  });
  const views = await viewsAsDaemons(host, unit, await Promise.all(asked), roots);
  return Object.fromEntries(Object.keys(questions).map((it, index) => [it, views[index] as DaemonView]));
}

function judgeOption(view: DaemonView, { group, name, value }: DaemonOption, ours: string): GateState {
  const seen = view.options[`${group}.${name}`];
  if (seen === undefined || "error" in seen) {
    return closed(
      "operator",
      `[${group}] ${name} can't be read: ${seen?.error ?? "unknown"}`,
      "is the driver installed?",
    );
  }
  if (seen.file === ours && seen.value === value) return open();
  const what = `[${group}] ${name}: it is ${seen.value}, not ${value}`;
  if (seen.file === "") return closed("operator", `nothing sets ${what}`, "capi-graft plan");
  const remedy = seen.file === ours ? "capi-graft apply" : "take it out of that file";
  return closed("operator", `${seen.file} sets ${what}`, remedy);
}

function isLate(view: DaemonView): GateState | undefined {
  if (view.late !== true) return undefined;
  return closed("time", `Magnum's own Python gave ${view.configError}`, "is the machine overloaded?");
}

function judgeOptions(view: DaemonView, options: readonly DaemonOption[], ours: string): GateState {
  const late = isLate(view);
  if (late !== undefined) return late;
  if (view.configError !== undefined) {
    // What kind of error Python calls it takes the place of the file in a status.
    return closed("operator", view.configError.replace(/^ConfigFile\w*Error: /, ""), "repair it");
  }
  const first = options.map((it) => judgeOption(view, it, ours)).find(({ state }) => state === "closed");
  return first ?? open(`${options.length} options out of ${paths.dropIn}`);
}

function judgeDrivers(view: DaemonView): GateState {
  const late = isLate(view);
  if (late !== undefined) return late;
  // The gate on the options tells of it.
  if (view.configError !== undefined)
    return { state: "not checked", reason: "the daemon would not start with its configuration" };
  if (view.driverError !== undefined)
    return closed("operator", `Magnum can't load its drivers: ${view.driverError}`, "capi-graft plan");
  if (view.drivers.includes(driverEntryPoint.name)) return open(view.drivers.join(", "));
  return closed("operator", `Magnum does not list ${driverEntryPoint.name}`, "capi-graft plan");
}

/**
 * The driver is imported and enumerated, and our options resolve, for the conductor and for the API. With `login`, the
 * driver's own client logs in to the management cluster too, in the same view.
 */
export function viewGates(
  unit: Conductor,
  options: readonly DaemonOption[],
  roots: Roots = liveRoots,
  login?: DriverLogin,
): readonly Gate[] {
  const question: Question = { options: options.map(({ group, name }) => [group, name]) };
  const questions = {
    [services.conductor]: { ...question, ...(login === undefined ? {} : { login }) },
    ...(unit.hasApi ? { [services.api]: question } : {}),
  };
  let views: ReturnType<typeof viewsOfServices> | undefined;
  const viewOf = (service: string) => async (host: Host) => {
    views ??= viewsOfServices(host, unit, questions, roots);
    return (await views)[service] as DaemonView;
  };
  const [conductor, api] = [viewOf(services.conductor), viewOf(services.api)];
  const resolve = (service: string, view: (host: Host) => Promise<DaemonView>): Gate => ({
    id: `${service}-options`,
    title: `${service} resolves our options to our values`,
    check: async (host) => judgeOptions(await view(host), options, roots.dropIn),
  });
  const drivers: Gate = {
    id: "driver-enumerated",
    title: `Magnum imports and lists ${driverEntryPoint.name} as ${unit.daemon.user}`,
    check: async (host) => judgeDrivers(await conductor(host)),
  };
  return [
    drivers,
    resolve(services.conductor, conductor),
    ...(unit.hasApi ? [resolve(services.api, api)] : []),
    ...(login === undefined ? [] : [driverLoginGate(conductor, login)]),
  ];
}

const searchHelm = "command -v helm && helm version --template '{{.Version}}'";

/** The PATH that the daemon would get finds helm, and it runs. */
export function helmOnPathGate(unit: Conductor, version: string, roots: Roots = liveRoots): Gate {
  return {
    id: "helm-on-path",
    title: `helm ${version} is found on the conductor's PATH and runs as ${unit.daemon.user}`,
    check: async (host) => {
      const argv = [...asDaemon(unit), "sh", "-c", afterDefaults(roots, searchHelm)];
      return judgeHelm(await host.run(argv, { timeoutMs: 30_000 }), version);
    },
  };
}

/** The first of these variables that an environment, as `/proc` has it, does not have with this value. */
export function firstMissing(
  environment: string,
  wanted: Readonly<Record<string, string>>,
): string | undefined {
  const found = new Set(environment.split("\0"));
  return Object.keys(wanted).find((name) => !found.has(`${name}=${wanted[name]}`));
}

/** The conductor would be started with the proxies that are wanted. Their values are never told. */
export function conductorProxiesGate(
  unit: Conductor,
  wanted: Readonly<Record<string, string>>,
  roots: Roots = liveRoots,
): Gate {
  return {
    id: "conductor-proxies",
    title: `${services.conductor} would be started with the model's proxies`,
    check: async (host) => {
      const argv = [...asDaemon(unit), "sh", "-c", afterDefaults(roots, "exec env -0")];
      const { stdout, stderr, timedOut } = await host.run(argv, { timeoutMs: 15_000 });
      if (timedOut) return closed("operator", `${paths.conductorDefaults}: ${stderr}`, "repair it");
      const missing = firstMissing(stdout, wanted);
      if (missing === undefined) return open();
      const reason = `the conductor would get another ${missing}`;
      return closed("operator", reason, `take it out of ${paths.conductorDefaults}`);
    },
  };
}

/** Judges what `command -v helm && helm version` printed. */
export function judgeHelm(
  { stdout, stderr, timedOut }: Pick<CommandResult, "stdout" | "stderr" | "timedOut">,
  version: string,
): GateState {
  const [where, found] = stdout.trim().split("\n").slice(-2);
  if (found === `v${version}`) return open(where);
  if (timedOut) return closed("time", `helm version: ${stderr}`, "is the machine overloaded?");
  if (where === undefined || !where.startsWith("/")) {
    return closed(
      "operator",
      "helm is not on the conductor's PATH",
      `look at PATH in ${paths.conductorDefaults}`,
    );
  }
  const isOurs = where === paths.helm || where.startsWith(paths.staging);
  return closed(
    "operator",
    `the conductor finds ${where}, helm ${found ?? "that does not run"}`,
    isOurs ? "is helm-url right?" : `remove ${where}`,
  );
}

function notChecked(id: string, title: string, reason: string): Gate {
  return { id, title, check: async () => ({ state: "not checked", reason }) };
}

const needsCloud = "needs OpenStack credentials: not built yet";

/** What this program does not look at yet: listed, never passed. */
export const gatesNotChecked: readonly Gate[] = [
  notChecked("trust", "the trustee domain and its admin log in", needsCloud),
  notChecked("security-group", "the security group lets the conductor in", needsCloud),
  notChecked("cluster-health", "live clusters are HEALTHY, by a fresh reading", needsCloud),
  notChecked("create-delete", "a cluster can be created and deleted", needsCloud),
];
