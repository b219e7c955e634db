import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";

/** The charmcraft whose linters judge the charm, from the Python index. */
const version = "4.5.0";

/** What a run printed. */
interface CharmcraftResult {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** charmcraft itself, or why it cannot be had here. */
export type Charmcraft =
  | { readonly run: (argv: readonly string[], folder: string) => Promise<CharmcraftResult> }
  | { readonly missing: string };

/**
 * Installs the pinned charmcraft once into a virtual environment under the user's cache folder.
 * @throws Error under CI when that fails
 */
export async function findCharmcraft(): Promise<Charmcraft> {
  const { CI, XDG_CACHE_HOME } = process.env;
  const cache = XDG_CACHE_HOME || join(homedir(), ".cache");
  const folder = join(cache, "magnum-capi-helm", `charmcraft-${version}`);
  try {
    if (!(await isFolder(folder))) await install(folder);
  } catch (error) {
    if (CI) throw error;
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    return {
      missing: `charmcraft ${version} cannot be installed (needs python3 >= 3.10 with venv): ${reason}`,
    };
  }
  return { run: (argv, workFolder) => runIn(folder, argv, workFolder) };
}

/** Installs beside the final place and moves there at the end: an environment is complete or absent. */
async function install(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const temporary = await mkdtemp(`${folder}.`);
  try {
    await execa(
      "python3",
      ["-c", "import sys; sys.exit(sys.version_info < (3, 10) and 'python3 is older than 3.10')"],
      { timeout: 20_000 },
    );
    await execa("python3", ["-m", "venv", temporary], { timeout: 120_000 });
    await execa(
      join(temporary, "bin/python"),
      ["-m", "pip", "install", "--quiet", `charmcraft==${version}`],
      { timeout: 240_000 },
    );
    await rename(temporary, folder);
  } catch (error) {
    // Another run may have put it there meanwhile.
    if (!(await isFolder(folder))) throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Its logs and settings go to the work folder; the environment was moved, so only `python -m` finds its way. */
async function runIn(folder: string, argv: readonly string[], workFolder: string): Promise<CharmcraftResult> {
  const home = Object.fromEntries(
    ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"].map((name) => [
      name,
      join(workFolder, ".home"),
    ]),
  );
  const { exitCode, stdout, stderr } = await execa(
    join(folder, "bin/python"),
    ["-m", "charmcraft", ...argv],
    {
      cwd: workFolder,
      env: home,
      reject: false,
      timeout: 120_000,
    },
  );
  return { exitCode, stdout: stdout ?? "", stderr: stderr ?? "" };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
