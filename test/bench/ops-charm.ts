import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { projectRoot } from "../../build/build.ts";
import { rigCache } from "../rig/cache.ts";
import type { Conductor } from "../rig/conductor.ts";
import { withLock } from "../rig/lock.ts";
import { recipes } from "../rig/recipe.ts";
import { benchFolder } from "./cheap-commands.ts";
import type { Case } from "./stopwatch.ts";

const source = join(import.meta.dirname, "ops-charm");
const requirements = join(source, "requirements.txt");

/** The version of the ops framework that is measured against. */
export const opsVersion = /^ops==(\S+)/m.exec(readFileSync(requirements, "utf8"))?.[1] ?? "";

/** The framework and what it needs, out of the Python index into the cache; checked against their digests. */
async function provisionOps(python: string): Promise<string> {
  const key = createHash("sha256")
    .update(python)
    .update(readFileSync(requirements))
    .digest("hex")
    .slice(0, 16);
  const folder = join(dirname(rigCache()), "bench", `ops-${key}`);
  if (existsSync(folder)) return folder;
  return await withLock(`${folder}.lock`, async () => {
    if (existsSync(folder)) return folder;
    const partial = `${folder}.partial`;
    rmSync(partial, { recursive: true, force: true });
    const { failed, all } = await execa(
      "python3",
      [
        ...["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"],
        ...["--require-hashes", "--only-binary=:all:", "--python-version", python],
        ...["--target", partial, "--requirement", requirements],
      ],
      { all: true, reject: false, stdin: "ignore", timeout: 600_000 },
    );
    if (failed) throw new Error(`pip could not install ops ${opsVersion}:\n${all}`);
    renameSync(partial, folder);
    return folder;
  });
}

/** Puts a charm on ops into a conductor, as a packed one is laid out, and tells how its hook is run. */
export async function placeOpsCharm({ root, recipe }: Conductor): Promise<Case> {
  const { python } = recipes[recipe];
  const packages = await provisionOps(python);
  const charm = `${benchFolder}/ops`;
  const onHost = (path: string): string => join(root, charm, path);
  mkdirSync(onHost("venv/bin"), { recursive: true });
  mkdirSync(onHost("src"));
  // As in a packed charm the interpreter is the machine's, and the machine's own packages are not in its way.
  symlinkSync("/usr/bin/python3", onHost("venv/bin/python3"));
  writeFileSync(onHost("venv/pyvenv.cfg"), "home = /usr/bin\ninclude-system-site-packages = false\n");
  cpSync(packages, onHost(`venv/lib/python${python}/site-packages`), { recursive: true });
  for (const name of ["metadata.yaml", "config.yaml"]) cpSync(join(projectRoot, name), onHost(name));
  cpSync(join(source, "dispatch"), onHost("dispatch"));
  cpSync(join(source, "charm.py"), onHost("src/charm.py"));
  return {
    argv: ["/bin/sh", `${charm}/dispatch`],
    environment: { CHARM_DIR: charm, JUJU_CHARM_DIR: charm },
  };
}
