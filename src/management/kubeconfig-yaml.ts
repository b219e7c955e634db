import { type Document, isMap, isScalar, Lexer, parseDocument, visit } from "yaml";

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

/**
 * The value of a YAML text as the driver's `yaml.safe_load` gives it (YAML 1.1: `yes` is true, a date is no text);
 * `undefined` where that fails, and where a name stands twice, of which readers take different ones.
 */
export function readYaml(text: string): unknown {
  try {
    const document = parseDocument(text, {
      version: "1.1",
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "error",
    });
    // A warning is a tag that nobody knows.
    const isPlain = document.errors.length === 0 && document.warnings.length === 0;
    return isPlain && isMap(document.contents) && !hasTwins(document)
      ? document.toJS({ maxAliasCount: 100 })
      : undefined;
  } catch {
    // Too deep, or aliases that would blow it up.
    return undefined;
  }
}
