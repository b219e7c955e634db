import type { Host } from "../host/host.ts";
import { asDaemon, type Conductor } from "./conductor.ts";
import program from "./daemon-view.py";
import { liveRoots, type Roots } from "./roots.ts";

/** One option as a daemon resolves it: its value as text, and the file it comes from ("" for a default). */
type ResolvedOption = { readonly value: string; readonly file: string } | { readonly error: string };

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
}

/** Group and name of an option of a daemon. */
export type OptionKey = readonly [group: string, name: string];

/**
 * Asks the daemons' own Magnum and oslo.config, as their user: which drivers load, and to what each option resolves.
 * `args` are a daemon's configuration arguments, `roots` what it is shown: the unit itself, or a staged copy. A view that can't be had says so in `configError`.
 */
export async function viewAsDaemon(
  host: Host,
  unit: Conductor,
  args: readonly string[],
  options: readonly OptionKey[],
  roots: Roots = liveRoots,
): Promise<DaemonView> {
  const staged = roots.packages !== undefined;
  const directories = staged ? [roots.dropInDirectory] : undefined;
  const request = JSON.stringify({ args, options, preferred: roots.dropIn, directories });
  // stevedore would remember the staged drivers in the daemon's home.
  const packages = staged ? [`PYTHONPATH=${roots.packages}`, `XDG_CACHE_HOME=${roots.packages}/none`] : [];
  const argv = [...asDaemon(unit, undefined, packages), unit.python, "-", request];
  const result = await host.run(argv, { input: program, timeoutMs: 120_000 });
  if (result.ok) return JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "") as DaemonView;
  if (result.timedOut) return { drivers: [], options: {}, configError: "no answer within 120 s", late: true };
  return { drivers: [], options: {}, configError: result.stderr.trim().split("\n").at(-1) ?? "" };
}
