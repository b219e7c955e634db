import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";

const packageManifest = z.object({ name: z.string(), version: z.string(), license: z.string() });

/**
 * The licence texts of every package that the bundled files come from, in one text, sorted by name.
 * @param inputs paths relative to `root`, as esbuild names them
 * @throws Error when a package carries no licence file
 */
export async function collectLicences(root: string, inputs: readonly string[]): Promise<string> {
  const folders = new Set(inputs.flatMap((input) => packageFolder(input) ?? []));
  const notices = await Promise.all([...folders].sort().map((folder) => readNotice(join(root, folder))));
  return notices.join(`\n${"-".repeat(72)}\n\n`);
}

/** The folder of the package that a bundled file comes from, undefined for a file of our own. */
export function packageFolder(input: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
}

async function readNotice(folder: string): Promise<string> {
  const manifest = packageManifest.parse(JSON.parse(await readFile(join(folder, "package.json"), "utf8")));
  const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name));
  if (file === undefined) {
    throw new Error(
      `${manifest.name} ${manifest.version} carries no licence file: it cannot go into the bundle`,
    );
  }
  const text = (await readFile(join(folder, file), "utf8")).replaceAll("\r\n", "\n").trim();
  return `${manifest.name} ${manifest.version} (${manifest.license})\n\n${text}\n`;
}
