import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { aptSettingsInside, readAptSettings } from "./apt-settings.ts";
import { rigCache } from "./cache.ts";
import { lowerFoldersInUse } from "./clones.ts";
import { withLock } from "./lock.ts";
import { type Progress, progressOf } from "./progress.ts";
import { type Recipe, type RecipeName, recipeKey, recipes, setUpScript } from "./recipe.ts";
import { downloadWheel } from "./wheels.ts";

/**
 * The folder of a recipe's root, built if it isn't in the cache (minutes). Safe to call side by side and
 * to kill: the root is built next to its place and renamed when it is whole.
 */
export async function provisionRoot(name: RecipeName): Promise<string> {
  const recipe = recipes[name];
  const key = recipeKey(recipe);
  const roots = join(rigCache(), "roots");
  const root = join(roots, key);
  if (existsSync(root)) return root;
  const progress = progressOf(`provision ${name}`);
  return await withLock(
    join(roots, `${name}.lock`),
    async () => {
      sweep(roots, name, key);
      if (!existsSync(root)) await build(recipe, root, progress);
      return root;
    },
    { progress },
  );
}

/** Removes half-built roots and, unless a conductor runs on them, roots of an older recipe. */
function sweep(roots: string, name: RecipeName, key: string): void {
  const busy = lowerFoldersInUse();
  for (const entry of readdirSync(roots)) {
    const stale = entry.startsWith(`${name}-`) && entry !== key && !busy.has(join(roots, entry));
    if (stale) rmSync(join(roots, entry), { recursive: true, force: true });
  }
}

async function build(recipe: Recipe, root: string, progress: Progress): Promise<void> {
  const work = `${root}.partial`;
  const draft = join(work, "root");
  const wheels = join(work, "wheels");
  mkdirSync(wheels, { recursive: true });
  const apt = await readAptSettings(join(work, "apt"));
  for (const wheel of recipe.wheels) {
    progress(`downloading ${wheel.project} ${wheel.version}`);
    await downloadWheel(wheel, wheels, recipe.python);
  }
  progress(`debootstrap ${recipe.suite}`);
  await run(
    [
      "debootstrap",
      "--variant=minbase",
      `--include=${recipe.base.join(",")}`,
      recipe.suite,
      draft,
      ...(apt.archive === undefined ? [] : [apt.archive]),
    ],
    progress,
    /^I: (Retrieving|Extracting|Installing|Configuring|Base)/,
  );
  chmodSync(draft, 0o755);
  progress(`installing ${recipe.packages.join(" ")}`);
  await run(
    inside(recipe, draft, { apt: apt.folder, wheels }),
    progress,
    /^(Unpacking|Setting up|Successfully)/,
  );
  renameSync(draft, root);
  rmSync(work, { recursive: true, force: true });
  progress("done");
}

/** Proxies that the tools outside read from the environment. */
const proxies = Object.entries(process.env)
  .filter(([name]) => /^(https?|no)_proxy$/i.test(name))
  .map(([name, value]) => `${name}=${value}`);

/** The set-up script in the root: network of the host, processes and mounts that end with the command. */
function inside(recipe: Recipe, draft: string, binds: { apt: string; wheels: string }): readonly string[] {
  return [
    ...["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--settings=no", "--timezone=off"],
    ...["--resolv-conf=copy-host", "--console=pipe", `--machine=rig-${recipe.name}`, `--directory=${draft}`],
    ...[`--bind-ro=${binds.apt}:${aptSettingsInside}`, `--setenv=APT_CONFIG=${aptSettingsInside}/apt.conf`],
    ...proxies.map((variable) => `--setenv=${variable}`),
    ...[`--bind-ro=${binds.wheels}:/run/rig-wheels`, `--bind-ro=${setUpScript}:/run/rig-set-up.sh`],
    ...["sh", "/run/rig-set-up.sh", recipe.magnum, ...recipe.packages],
  ];
}

/** Arguments of setpriv: a command whose processes and mounts end with it, and it with us. */
const boxed = [
  ...["--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--fork"],
  ...["--kill-child", "--mount-proc", "sh", "-euc"],
  ...['mkdir -p /run/systemd/nspawn; mount -t tmpfs none /run/systemd/nspawn; exec "$@"', "sh"],
];

/** At most one line of a step's output in this time becomes progress. */
const quietMs = 5000;

/** Runs a step; now and then an output line that matches `shown` becomes progress; the last ones are the error of a failure. */
async function run(argv: readonly string[], progress: Progress, shown: RegExp): Promise<void> {
  const child = execa("setpriv", [...boxed, ...argv], {
    all: true,
    stdin: "ignore",
    reject: false,
    timeout: 30 * 60_000,
    env: { LC_ALL: "C.UTF-8" },
  });
  let next = performance.now() + quietMs;
  for await (const line of child.iterable({ from: "all" })) {
    if (performance.now() < next || !shown.test(line)) continue;
    progress(line.replace(/^I: /, "").slice(0, 100));
    next = performance.now() + quietMs;
  }
  const { failed, all, exitCode } = await child;
  if (failed) {
    const end = all.split("\n").slice(-15).join("\n  ");
    throw new Error(`${argv[0]} ended with ${exitCode ?? "a signal"}:\n  ${end}`);
  }
}
