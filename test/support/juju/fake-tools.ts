import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { allCommands } from "./commands/all-commands.ts";

let bundled: Promise<string> | undefined;

/** The program behind all fake hook commands as one file for any Node >= 20; built once a process. */
export function bundleFakeJuju(): Promise<string> {
  bundled ??= bundle();
  return bundled;
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("./fake-main.ts", import.meta.url))],
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    write: false,
    logLevel: "silent",
  });
  const [file] = outputFiles;
  if (file === undefined)
    throw new Error("esbuild gave no output for fake-main.ts: run it by hand to see why");
  return file.text;
}

/** Where the parts of the fake hook commands stand, as the unit's machine sees them. */
export interface FakePaths {
  readonly node: string;
  readonly program: string;
  /** The folder of the state and of the record of calls. */
  readonly folder: string;
}

/** The small scripts that stand for the hook commands: file name to content. */
export function commandStubs(paths: FakePaths): ReadonlyMap<string, string> {
  return new Map(Array.from(allCommands.keys(), (name) => [name, commandStub(paths, name)]));
}

/** The small script that stands for one command. */
export function commandStub({ node, program, folder }: FakePaths, name: string): string {
  return `#!/bin/sh\nexec ${[node, program, folder, name].map(quote).join(" ")} "$@"\n`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
