/** What a hook command can print: the values of JSON. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

const escapes: ReadonlyMap<string, string> = new Map([
  ["<", "\\u003c"],
  [">", "\\u003e"],
  ["&", "\\u0026"],
  ["\u2028", "\\u2028"],
  ["\u2029", "\\u2029"],
]);

/**
 * Writes a value as Go's `encoding/json` does: keys sorted by code point, and `<`, `>`, `&`, U+2028 and U+2029
 * escaped. Numbers need no care: both languages print the shortest form of a 64-bit float in the same way.
 */
export function goJson(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(",")}]`;
  if (!isMap(value)) return escaped(JSON.stringify(value));
  const keys = Object.keys(value).sort(byCodePoint);
  return `{${keys.map((key) => `${escaped(JSON.stringify(key))}:${goJson(value[key] ?? null)}`).join(",")}}`;
}

/** Orders texts by code point, as Go compares strings. */
export function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** True for a JSON object. */
export function isMap(value: Value): value is { readonly [key: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function escaped(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (found) => escapes.get(found) ?? found);
}
