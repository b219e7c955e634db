import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { execa } from "execa";
import * as z from "zod";
import { bundleCharm, bundleLibrary } from "./bundle.ts";

/** The program `capi-graft` for people without the charm: on a unit the charm puts its own in place. */
const command = `#!/usr/bin/env node
process.argv.splice(2, 0, "cli");
require("./main.cjs");
`;

/**
 * Writes what the npm package ships into dist/lib: the library as one ES module with the templates inside,
 * its declarations, and the program behind the command `capi-graft`.
 * @throws Error when the types are wrong, or the library imports a package that its users would not get
 */
export async function buildLibrary(root: string): Promise<void> {
  const folder = join(root, "dist", "lib");
  const [library, charm] = await Promise.all([bundleLibrary(root), bundleCharm(root)]);
  await refuseMissingPackages(root, library.packages);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await execa("tsc", ["-p", "tsconfig.lib.json"], { cwd: root, preferLocal: true, timeout: 120_000 });
  await writeFile(join(folder, "index.js"), library.code);
  await writeFile(join(folder, "main.cjs"), charm.main);
  await writeFile(join(folder, "full.cjs"), charm.full);
  await writeFile(join(folder, "capi-graft.cjs"), command);
  await chmod(join(folder, "capi-graft.cjs"), 0o755);
  await writeFile(join(folder, "LICENSE.packages"), charm.licences);
}

async function refuseMissingPackages(root: string, imports: readonly string[]): Promise<void> {
  const manifest: unknown = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const { dependencies } = z.object({ dependencies: z.record(z.string(), z.string()) }).parse(manifest);
  for (const path of imports) {
    const name = /^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path;
    if (isBuiltin(path) || name in dependencies) continue;
    throw new Error(
      `src/index.ts leads to an import of ${name}, which is not under dependencies in package.json`,
    );
  }
}

if (import.meta.main) await buildLibrary(dirname(import.meta.dirname));
