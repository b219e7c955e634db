/** Options by group, as a daemon of OpenStack would read them. */
export type OsloSections = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Reads a configuration file by the rules of oslo.config: a comment has a line of its own, a line that begins with a
 * blank goes on with the value above, a value in one pair of quotes loses them. Throws for a line that is none of it,
 * as the daemon would.
 */
export function readAsOslo(text: string): OsloSections {
  const sections: Record<string, Record<string, string>> = {};
  let current: Record<string, string> = {};
  let last = "";
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const header = /^\[([^\]]+)\]\s*$/.exec(line)?.[1];
    if (header !== undefined) {
      current = sections[header] ??= {};
      last = "";
    } else if (/^\s/.test(line) && last !== "") {
      current[last] += `\n${line.trim()}`;
    } else {
      const [name, value] = optionOf(line, index + 1);
      current[name] = value;
      last = name;
    }
  }
  return sections;
}

function optionOf(line: string, number: number): readonly [name: string, value: string] {
  const [, name, value] = /^([^\s=:[][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`line ${number} is no option: ${line}`);
  return [name, unquoted(value)];
}

function unquoted(value: string): string {
  return /^(["']).*\1$/.test(value) && value.length > 1 ? value.slice(1, -1) : value;
}
