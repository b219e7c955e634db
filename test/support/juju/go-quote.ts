const named: ReadonlyMap<string, string> = new Map([
  ["\u0007", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ['"', '\\"'],
  ["\\", "\\\\"],
]);
const printable = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;

/** Writes text as Go's `%q` does, the form in which Juju's error texts quote what they were given. */
export function goQuote(text: string): string {
  return `"${Array.from(text, quoteRune).join("")}"`;
}

/** Writes a list of texts as Go's `%q` does: `["a" "b"]`. */
export function goQuoteList(texts: readonly string[]): string {
  return `[${texts.map(goQuote).join(" ")}]`;
}

function quoteRune(rune: string): string {
  const short = named.get(rune);
  if (short !== undefined) return short;
  if (printable.test(rune)) return rune;
  const code = rune.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code > 0xffff) return `\\U${code.toString(16).padStart(8, "0")}`;
  return `\\u${code.toString(16).padStart(4, "0")}`;
}
