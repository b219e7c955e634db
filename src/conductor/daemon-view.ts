import type { Host } from "../host/host.ts";
import { asDaemon, type Conductor } from "./conductor.ts";
import program from "./daemon-view.py";
import { paths } from "./paths.ts";

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
  readonly options: Readonly<Record<string, ResolvedOption>>;
}

/** Group and name of an option of a daemon. */
export type OptionKey = readonly [group: string, name: string];

/**
 * Asks the daemons' own Magnum and oslo.config, as their user: which drivers load, and to what each option resolves.
 * `args` are a daemon's configuration arguments. A view that can't be had says so in `configError`.
 */
export async function viewAsDaemon(
  host: Host,
  unit: Conductor,
  args: readonly string[],
  options: readonly OptionKey[],
): Promise<DaemonView> {
  const request = JSON.stringify({ args, options, preferred: paths.dropIn });
  const argv = [...asDaemon(unit), unit.python, "-", request];
  const result = await host.run(argv, { input: program, timeoutMs: 60_000 });
  if (result.ok) return JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "") as DaemonView;
  const why = result.timedOut ? "no answer within 60 s" : (result.stderr.trim().split("\n").at(-1) ?? "");
  return { drivers: [], options: {}, configError: why };
}
