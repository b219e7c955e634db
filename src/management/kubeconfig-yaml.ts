import { type Document, isMap, isNode, isScalar, Lexer, LineCounter, parseDocument, visit } from "yaml";

/**
 * What is not printable for PyYAML, which reads nothing of a file that has it (reader.py, NON_PRINTABLE); and the ends
 * of lines that are some for YAML 1.1 alone.
 */
const unprintable = /[^\t\n\r\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** Whether PyYAML would read these characters, and as our own reader does. */
export function isPrintable(text: string): boolean {
  return !unprintable.test(text);
}

/** The most words and signs of a kubeconfig: fifty clusters come to half of that. The parser is slow for more. */
const mostTokens = 20_000;

/** What can be said of a text by its words alone: too many of them, or a tab where PyYAML takes blanks only. */
export function lexicalFault(text: string): "too much" | "tab" | undefined {
  let count = 0;
  for (const token of new Lexer().lex(text)) {
    count += 1;
    if (count > mostTokens) return "too much";
    if (token.includes("\t") && !/^["'#]/.test(token)) return "tab";
  }
  return undefined;
}

/** Names twice in one map. Not by the parser, whose own search takes minutes for many names. */
function hasTwins(document: Document): boolean {
  let found = false;
  visit(document, {
    Map: (_, map) => {
      const names = map.items.map(({ key }) => (isScalar(key) ? String(key.value) : key));
      if (new Set(names).size === names.length) return undefined;
      found = true;
      return visit.BREAK;
    },
  });
  return found;
}

/** Where something is in a value: names of maps and places in lists, from the outside in. */
export type Place = readonly (string | number)[];

/** What a YAML text says. */
export interface Yaml {
  readonly value: unknown;
  /** The line, from 1, on which something begins; `undefined` where that is not there, or came by an alias. */
  lineOf(place: Place): number | undefined;
}

function lineOf(document: Document, lines: LineCounter, place: Place): number | undefined {
  const parent = document.getIn(place.slice(0, -1), true);
  const name = place.at(-1);
  const pair = isMap(parent)
    ? parent.items.find(({ key }) => isScalar(key) && key.value === name)?.key
    : document.getIn(place, true);
  const start = isNode(pair) ? pair.range?.[0] : undefined;
  return start === undefined ? undefined : lines.linePos(start).line;
}

/**
 * A YAML text as the driver's `yaml.safe_load` reads it (YAML 1.1: `yes` is true, a date is no text); `undefined` where
 * that fails, and where a name stands twice, of which readers take different ones.
 */
export function readYaml(text: string): Yaml | undefined {
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      version: "1.1",
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "error",
      lineCounter: lines,
    });
    // A warning is a tag that nobody knows.
    const isPlain = document.errors.length === 0 && document.warnings.length === 0;
    if (!isPlain || !isMap(document.contents) || hasTwins(document)) return undefined;
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return { value, lineOf: (place) => lineOf(document, lines, place) };
  } catch {
    // Too deep, or aliases that would blow it up.
    return undefined;
  }
}
