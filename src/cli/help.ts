import { optionsOf, type Verb, type VerbOptionName, verbNames, verbOption, verbs } from "./verbs.ts";

const column = 25;

function row(first: string, [text = "", ...more]: readonly string[]): string {
  const lines = first.length + 2 < column ? [`  ${first}`.padEnd(column) + text] : [`  ${first}`, text];
  const [head = "", ...rest] = lines;
  return [head, ...[...rest, ...more].map((it) => `${" ".repeat(column)}${it}`)].join("\n");
}

function rowsFor(where: "unit" | "anywhere"): string {
  const own = verbNames.filter((verb) => verbs[verb].where === where);
  return own.map((verb) => row(verb, [verbs[verb].does])).join("\n");
}

const json = row("--json", ["one JSON document on standard output, for pipelines"]);

const exitCodes = "exit code: 0 in line, 2 drift or a closed gate, 1 error, 64 wrong use\n";

/** The help text: fits a screen of 80 by 24. */
export const help = `capi-graft - keep the Cluster API driver grafted onto this Magnum conductor

usage: capi-graft VERB [OPTION]...

on a unit:
${rowsFor("unit")}
anywhere:
${rowsFor("anywhere")}

${json}
${row("--help", ["this text; after a verb, what that verb takes"])}

${exitCodes}`;

function asWritten(name: VerbOptionName): string {
  const { value } = verbOption(name);
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

/** What one verb does and takes; fits a screen of 80 by 24 as well. */
export function helpOf(verb: Verb): string {
  const options = optionsOf(verb);
  const rows = options.map((name) => row(asWritten(name), verbOption(name).says));
  const usage = [...options.map((name) => `[${asWritten(name)}]`), "[--json]"];
  return `${verbs[verb].does}

usage: capi-graft ${verb} ${wrapped(usage, `capi-graft ${verb} `.length + "usage: ".length)}

${[...rows, json].join("\n")}

${exitCodes}`;
}

/** Words in lines of 80, each after the first one indented by as much as stands before it. */
function wrapped(words: readonly string[], indent: number): string {
  const lines = [""];
  for (const word of words) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && indent + last.length + 1 + word.length > 80) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}
