import { needsQuotes } from "./go-yaml-resolve.ts";

/** A growing text that knows its column, in characters. */
export class Page {
  text = "";
  column = 0;

  write(part: string): void {
    this.text += part;
    this.column += Array.from(part).length;
  }

  /** Starts a line and indents it. */
  breakLine(indent: number): void {
    this.text += `\n${" ".repeat(indent)}`;
    this.column = indent;
  }
}

type Style = "plain" | "single" | "double" | "literal";

const width = 80;
const indicators = /^[#,[\]{}&*!|>'"%@`]/;
const shortEscapes: ReadonlyMap<string, string> = new Map([
  ["\0", "\\0"],
  ["\u0007", "\\a"],
  ["\b", "\\b"],
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\v", "\\v"],
  ["\f", "\\f"],
  ["\r", "\\r"],
  ["\u001b", "\\e"],
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\u0085", "\\N"],
  ["\u00a0", "\\_"],
  ["\u2028", "\\L"],
  ["\u2029", "\\P"],
]);

/** Writes a text as a YAML scalar in the style that Juju's library chooses, lines folded at column 80. */
export function writeText(page: Page, text: string, indent: number, isKey: boolean): void {
  const style = chooseStyle(text, isKey);
  if (style === "plain") writeFolded(page, text, indent, isKey, (rune) => rune);
  else if (style === "literal") writeLiteral(page, text, indent);
  else if (style === "double") writeDouble(page, text, indent, isKey);
  else {
    page.write("'");
    writeFolded(page, text, indent, isKey, (rune) => (rune === "'" ? "''" : rune));
    page.write("'");
  }
}

function chooseStyle(text: string, isKey: boolean): Style {
  const unprintable = Array.from(text).some((rune) => !isPrintable(rune));
  const breaks = /[\n\r\u0085\u2028\u2029]/;
  if (unprintable || (isKey && breaks.test(text))) return "double";
  const spaceBeforeBreak = / [\n\r\u0085\u2028\u2029]/.test(text);
  if (text.includes("\n")) return spaceBeforeBreak || text.endsWith(" ") ? "double" : "literal";
  if (needsQuotes(text)) return "double";
  if (spaceBeforeBreak || /[\u0085\u2028\u2029] /.test(text)) return "double";
  return isPlain(text) && !breaks.test(text) ? "plain" : "single";
}

function isPlain(text: string): boolean {
  if (indicators.test(text) || text.startsWith("---") || text.startsWith("...")) return false;
  if (/^[-?:]([ \t]|$)/.test(text) || /:([ \t\n]|$)/.test(text) || /[ \t]#/.test(text)) return false;
  return !text.startsWith(" ") && !text.endsWith(" ");
}

function isPrintable(rune: string): boolean {
  const code = rune.codePointAt(0) ?? 0;
  if (code < 0x80) return code === 0x0a || (code >= 0x20 && code <= 0x7e);
  return code >= 0xa0 && code < 0xfffe && code !== 0xfeff;
}

function isBreak(rune: string | undefined): boolean {
  return rune !== undefined && /[\n\r\u0085\u2028\u2029]/.test(rune);
}

/** Plain and single-quoted text: a lone space past the width becomes a line end. */
function writeFolded(
  page: Page,
  text: string,
  indent: number,
  isKey: boolean,
  spell: (rune: string) => string,
): void {
  const runes = Array.from(text);
  for (const [index, rune] of runes.entries()) {
    const inside = index > 0 && index < runes.length - 1;
    const lone = rune === " " && runes[index - 1] !== " " && runes[index + 1] !== " ";
    if (lone && inside && !isKey && page.column > width) {
      page.breakLine(indent);
    } else if (isBreak(rune)) {
      page.text += rune;
      page.column = 0;
    } else {
      if (isBreak(runes[index - 1])) page.write(" ".repeat(indent));
      page.write(spell(rune));
    }
  }
}

function writeDouble(page: Page, text: string, indent: number, isKey: boolean): void {
  page.write('"');
  const runes = Array.from(text);
  let afterFoldable = false;
  for (const [index, rune] of runes.entries()) {
    const inside = index > 0 && index < runes.length - 1;
    if (rune === " " && !afterFoldable && inside && !isKey && page.column > width) {
      page.breakLine(indent);
      if (runes[index + 1] === " ") page.write("\\");
    } else {
      page.write(escapeIfNeeded(rune));
    }
    afterFoldable = rune === " ";
  }
  page.write('"');
}

function escapeIfNeeded(rune: string): string {
  const plain = isPrintable(rune) && !isBreak(rune) && rune !== '"' && rune !== "\\";
  return plain ? rune : escapeRune(rune);
}

function escapeRune(rune: string): string {
  const short = shortEscapes.get(rune);
  if (short !== undefined) return short;
  const hex = (rune.codePointAt(0) ?? 0).toString(16).toUpperCase();
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

function writeLiteral(page: Page, text: string, indent: number): void {
  const runes = Array.from(text);
  const hint = runes[0] === " " || isBreak(runes[0]) ? "2" : "";
  page.write(`|${hint}${chomping(runes)}`);
  page.text += "\n";
  page.column = 0;
  for (const [index, rune] of runes.entries()) {
    if (!isBreak(rune) && (index === 0 || isBreak(runes[index - 1]))) page.write(" ".repeat(indent));
    page.write(rune);
    if (isBreak(rune)) page.column = 0;
  }
}

/** Nothing for one line end at the end, `-` for none, `+` for more. */
function chomping(runes: readonly string[]): string {
  if (!isBreak(runes.at(-1))) return "-";
  return runes.length === 1 || isBreak(runes.at(-2)) ? "+" : "";
}
