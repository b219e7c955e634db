import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, resolve } from "node:path";

/** The root of the source tree. */
export const sourceRoot = resolve(import.meta.dirname, "../../src");

/** One import of a source file. */
export interface Import {
  /** A package or builtin by its name, or a file of the tree relative to its root. */
  readonly target: string;
  /** Nothing is loaded for it. */
  readonly typeOnly: boolean;
  /** It is loaded only when that line is reached. */
  readonly dynamic: boolean;
}

/** The source files, relative to the root, sorted. */
export function sourceFiles(): readonly string[] {
  return readdirSync(sourceRoot, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .toSorted();
}

const statement = /^(?:import|export)\s+(type\s)?(?:[^;"']*?\sfrom\s+)?"([^"]+)"/gm;
const call = /\bimport\(\s*(?:"([^"]+)"|([^)]))/g;

/** What a source file imports. Throws for a dynamic import of a computed name, which nobody could check. */
export function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(sourceRoot, file), "utf8");
  const fixed = [...text.matchAll(statement)].map(([, type, name = ""]) => ({
    target: targetOf(file, name),
    typeOnly: type !== undefined,
    dynamic: false,
  }));
  const dynamic = [...text.matchAll(call)].map(([, name]) => {
    if (name === undefined) throw new Error(`${file} imports a computed name`);
    return { target: targetOf(file, name), typeOnly: false, dynamic: true };
  });
  return [...fixed, ...dynamic];
}

function targetOf(file: string, name: string): string {
  if (!name.startsWith(".")) return name;
  return relative(sourceRoot, resolve(sourceRoot, dirname(file), name)).replaceAll("\\", posix.sep);
}
