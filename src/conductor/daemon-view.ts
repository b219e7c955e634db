import type { CommandResult, Host } from "../host/host.ts";
import { asDaemon, type Conductor, daemonEnvironment, settings } from "./conductor.ts";
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

/** What one daemon's view is asked for. */
export interface Asked {
  /** The daemon's configuration arguments. */
  readonly args: readonly string[];
  readonly options: readonly OptionKey[];
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

function answerIn(stdout: string): readonly DaemonView[] | undefined {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  // The files of /etc/default may end the shell, with success and without a word.
  return line === "" ? undefined : (JSON.parse(line) as readonly DaemonView[]);
}

/**
 * Asks the daemons' own Magnum and oslo.config, as their user: which drivers load, and to what each option resolves. One
 * interpreter answers for all of `asked`, since to import Magnum takes most of the time; `roots` is what it is shown: the
 * unit itself, or a staged copy. A view that can't be had says so in `configError`.
 *
 * Where the driver is to log in, the interpreter starts in the environment that the files of /etc/default give the
 * conductor; the views without a login have the plain one, but for variables that Python reads at its own start.
 */
export async function viewsAsDaemons(
  host: Host,
  unit: Conductor,
  asked: readonly Asked[],
  roots: Roots = liveRoots,
): Promise<readonly DaemonView[]> {
  const staged = roots.packages !== undefined;
  const login = asked.find((it) => it.login !== undefined)?.login;
  // stevedore would remember the staged drivers in the daemon's home.
  const packages: Readonly<Record<string, string>> = staged
    ? { PYTHONPATH: `${roots.packages}`, XDG_CACHE_HOME: `${roots.packages}/none` }
    : {};
  const request = JSON.stringify({
    views: asked.map(({ login: own, ...it }) =>
      own === undefined ? it : { ...it, management: { kubeconfig: paths.kubeconfig, kinds: own.kinds } },
    ),
    preferred: roots.dropIn,
    directories: staged ? [roots.dropInDirectory] : undefined,
    environment: { ...daemonEnvironment(unit), ...packages },
  });
  const words = [unit.python, "-", request];
  const argv =
    login === undefined
      ? [...asDaemon(unit, undefined, packages), ...words]
      : [...asDaemon(unit), ...inItsEnvironment(["env", ...settings(packages), ...words], roots)];
  const input = login === undefined ? program : withLogin(login.kubeconfig);
  const result = await host.run(argv, { input, timeoutMs: 120_000 });
  const views = result.ok ? answerIn(result.stdout) : undefined;
  if (views !== undefined) return views;
  const none = { drivers: [], options: {}, configError: whyNone(result) };
  return asked.map(() => (result.timedOut ? { ...none, late: true } : none));
}

function whyNone({ ok, stderr, timedOut }: CommandResult): string {
  if (timedOut) return "no answer within 120 s";
  return ok ? "a file of /etc/default ends the shell" : (stderr.trim().split("\n").at(-1) ?? "");
}
