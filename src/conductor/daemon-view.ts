import type { Host } from "../host/host.ts";
import { asDaemon, type Conductor } from "./conductor.ts";
import program from "./daemon-view.py";
import loginProgram from "./driver-login.py";
import { paths } from "./paths.ts";
import { afterDefaults, liveRoots, type Roots } from "./roots.ts";

/** One option as a daemon resolves it: its value as text, and the file it comes from ("" for a default). */
export type ResolvedOption = { readonly value: string; readonly file: string } | { readonly error: string };

/** What a daemon would see if it started now. */
export interface DaemonView {
  /** Names of the drivers that it loads. */
  readonly drivers: readonly string[];
  /** Why it can't load any. */
  readonly driverError?: string;
  /** Why it would not start. */
  readonly configError?: string;
  /** It gave no answer in time, which says nothing yet: an overloaded machine does that. */
  readonly late?: true;
  readonly options: Readonly<Record<string, ResolvedOption>>;
  /** Where it was asked for, and the drivers load. */
  readonly login?: DriverLook;
}

/** What the driver's own client got for one of its kinds. */
export type DriverRead =
  | {
      /** Group and version that its class asks for, `cluster.x-k8s.io/v1beta1`. */
      readonly version: string;
      readonly plural: string;
      readonly status: number;
      /** Whether objects of it can be read. */
      readonly readable: boolean;
      /** The server saw nobody. */
      readonly anonymous?: true;
    }
  | { readonly error: string };

/** How the driver's own client fared at the management cluster; names of errors are classes of Python. */
export interface DriverLook {
  /** Why it can't use the kubeconfig at all; the next seven are absent then. */
  readonly error?: string;
  readonly server?: string;
  readonly login?: "certificate" | "token";
  /** sha256 of the certificates that it trusts, null for the public ones; and of the one that it shows. */
  readonly ca?: string | null;
  readonly certificate?: string | null;
  /** The variable of the environment that takes the place of those certificates. */
  readonly bundle?: string | null;
  /** Whether a `~/.netrc` takes the place of its token. */
  readonly netrc?: boolean;
  readonly proxy?: boolean;
  /** By name of its class. */
  readonly kinds: Readonly<Record<string, DriverRead>>;
  /** Why no more kinds were asked for; `why` is what OpenSSL says. */
  readonly failure?: { readonly error: string; readonly why?: string };
}

/** Group and name of an option of a daemon. */
export type OptionKey = readonly [group: string, name: string];

/** What else a view is asked for. */
export interface Asks {
  /** Groups of options, all of each. */
  readonly groups?: readonly string[];
  /**
   * Has the driver's own client log in with the unit's kubeconfig, or this one, and read these kinds, by name of its
   * class.
   */
  readonly login?: { readonly kinds: readonly string[]; readonly kubeconfig?: string };
}

/**
 * The daemon's command line with the environment that the files of /etc/default give it. What they hold may be secret,
 * so the shell reads it there.
 */
function inItsEnvironment(words: readonly string[], roots: Roots): readonly string[] {
  return ["sh", "-c", afterDefaults(roots, 'exec "$@"'), "sh", ...words];
}

/** The program that logs in too. A kubeconfig that is not in its place yet goes with it, and never to a disk. */
function withLogin(kubeconfig: string | undefined): string {
  if (kubeconfig === undefined) return `${loginProgram}\n${program}`;
  const text = Buffer.from(kubeconfig).toString("base64");
  return `${loginProgram}\nKUBECONFIG = "${text}"\n${program}`;
}

function answerIn(stdout: string): DaemonView | undefined {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  // The files of /etc/default may end the shell, with success and without a word.
  return line === "" ? undefined : (JSON.parse(line) as DaemonView);
}

/**
 * Asks the daemons' own Magnum and oslo.config, as their user: which drivers load, and to what each option resolves.
 * `args` are a daemon's configuration arguments, `roots` what it is shown: the unit itself, or a staged copy. A view
 * that can't be had says so in `configError`.
 */
export async function viewAsDaemon(
  host: Host,
  unit: Conductor,
  args: readonly string[],
  options: readonly OptionKey[],
  roots: Roots = liveRoots,
  { groups, login }: Asks = {},
): Promise<DaemonView> {
  const staged = roots.packages !== undefined;
  const directories = staged ? [roots.dropInDirectory] : undefined;
  const management = login === undefined ? undefined : { kubeconfig: paths.kubeconfig, kinds: login.kinds };
  const request = JSON.stringify({ args, options, preferred: roots.dropIn, directories, groups, management });
  // stevedore would remember the staged drivers in the daemon's home.
  const packages = staged ? [`PYTHONPATH=${roots.packages}`, `XDG_CACHE_HOME=${roots.packages}/none`] : [];
  const words = [unit.python, "-", request];
  const argv =
    login === undefined
      ? [...asDaemon(unit, undefined, packages), ...words]
      : [...asDaemon(unit), ...inItsEnvironment(["env", ...packages, ...words], roots)];
  const input = login === undefined ? program : withLogin(login.kubeconfig);
  const result = await host.run(argv, { input, timeoutMs: 120_000 });
  const view = result.ok ? answerIn(result.stdout) : undefined;
  if (view !== undefined) return view;
  if (result.timedOut) return { drivers: [], options: {}, configError: "no answer within 120 s", late: true };
  return { drivers: [], options: {}, configError: result.stderr.trim().split("\n").at(-1) ?? "" };
}
