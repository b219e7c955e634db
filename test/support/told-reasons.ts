import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What a source file can give as the reason of a closed gate, a fault or a trouble. */
export interface ToldReason {
  readonly file: string;
  /** The text; what is filled in at run time is a `*`. */
  readonly text: string;
}

const text = /`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"/.source;

/** Where a reason is written: itself, or the name of a constant. */
const reasons = [
  new RegExp(`\\bclosed\\(\\s*"(?:operator|time|note)",\\s*(${text}|\\w+)`, "g"),
  new RegExp(`\\bnew HostFault\\(\\s*(${text}|\\w+)`, "g"),
  new RegExp(`\\boperator\\((${text}|\\w+)`, "g"),
  new RegExp(`\\b(?:what|reason): (${text})(?=,\\s*remedy|, cure)`, "g"),
  new RegExp(`\\bcure: "\\w+",\\s*reason: (${text})`, "g"),
  new RegExp(`\\bnothing\\((${text})`, "g"),
];

/** The texts of a constant of that name in a file; a reason that is handed on has none. */
function valuesOf(name: string, source: string): readonly string[] {
  const statements = source.matchAll(new RegExp(`\\b(?:const|let) ${name} =([^;]*);`, "g"));
  const literals = [...statements].flatMap(([, value = ""]) => [...value.matchAll(new RegExp(text, "g"))]);
  return literals.map(([it]) => it).filter((it) => it.includes(" "));
}

function withoutQuotes(literal: string): string {
  return literal.slice(1, -1).replace(/\$\{[^}]*\}/g, "*");
}

/** Every reason that the files of these folders of `src` write out. */
export function toldReasons(root: string, folders: readonly string[]): readonly ToldReason[] {
  const files = folders.flatMap((folder) => globSync(`src/${folder}/*.ts`, { cwd: root }));
  return files.flatMap((file) => {
    const source = readFileSync(join(root, file), "utf8");
    const found = reasons.flatMap((pattern) => [...source.matchAll(pattern)].map(([, it = ""]) => it));
    const literals = found.flatMap((it) => (/^\w/.test(it) ? valuesOf(it, source) : [it]));
    const texts = literals.map(withoutQuotes).filter((it) => /[a-z]{3}/.test(it));
    return [...new Set(texts)].map((it) => ({ file, text: it }));
  });
}
