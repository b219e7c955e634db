import { type Host, HostFault } from "../host/host.ts";
import probe from "./pip-inspection.py";

/** Which package is asked for, of which interpreter, and as whom. */
export interface InstalledPackage {
  readonly name: string;
  /** The one that proves it. */
  readonly entryPoint: { readonly group: string; readonly name: string };
  /** The interpreter's path, `/usr/bin/python3`. */
  readonly python: string;
  /** Runs as the user whose view counts: its command line goes in front. */
  readonly asUser: readonly string[];
}

/** An installed package, as its interpreter sees it. */
export interface Installation {
  readonly version: string;
  readonly location: string;
  /** Names of files that are missing or differ from the package's own record. */
  readonly damaged: readonly string[];
  readonly entryPoint: boolean;
  /** sha256 of its RECORD, hex; empty where it has none. */
  readonly record: string;
  /** Directories and files that an installation which was cut off left behind. */
  readonly leftovers: readonly string[];
  /** Absolute paths. */
  readonly files: readonly string[];
  /** Changes with every installation. */
  readonly identity: string;
  /** Milliseconds since the epoch. */
  readonly changedAt: number;
}

/** `null` for none; without a version only what an installation that was cut off left behind. */
type Inspection = Installation | Pick<Installation, "leftovers"> | null;

/** Looks that are under way. A run writes nothing while it looks at everything, and asks for the package three times then. */
const underWay = new WeakMap<Host, Map<string, Promise<Inspection>>>();

/**
 * Asks the interpreter for a package; who asks while the same question is under way gets its answer. Throws a `HostFault`
 * where it can't be asked.
 */
export function inspectAll(host: Host, it: InstalledPackage): Promise<Inspection> {
  const looks = underWay.get(host) ?? new Map<string, Promise<Inspection>>();
  underWay.set(host, looks);
  const key = JSON.stringify([it.asUser, it.python, it.name, it.entryPoint]);
  const look = looks.get(key) ?? inspectAnew(host, it).finally(() => looks.delete(key));
  looks.set(key, look);
  return look;
}

async function inspectAnew(host: Host, it: InstalledPackage): Promise<Inspection> {
  const argv = [...it.asUser, it.python, "-", it.name, it.entryPoint.group, it.entryPoint.name];
  const result = await host.run(argv, { input: probe, timeoutMs: 60_000 });
  if (!result.ok) {
    const said = result.stderr.trim().split("\n").at(-1) ?? "";
    throw new HostFault(`${it.python} could not be asked for ${it.name}: ${said}`, {
      remedy: `run ${it.python} -c "import importlib.metadata"`,
    });
  }
  return JSON.parse(result.stdout) as Inspection;
}

/** The same; `undefined` where it is not installed. */
export async function inspect(host: Host, it: InstalledPackage): Promise<Installation | undefined> {
  const found = await inspectAll(host, it);
  return found !== null && "version" in found ? found : undefined;
}
