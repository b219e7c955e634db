import { isMap, type Value } from "./go-json.ts";
import { Page, writeText } from "./go-yaml-scalar.ts";

/**
 * Writes a value as Juju's YAML library does: block style, keys in natural order, numbers from a million on in
 * scientific form. No line end follows the last line. Lists hold scalars only: no hook command prints others.
 */
export function goYaml(value: Value): string {
  const page = new Page();
  writeNode(page, value, 0);
  return page.text.replace(/\n+$/, "");
}

function writeNode(page: Page, value: Value, indent: number): void {
  if (isMap(value)) writeMap(page, value, indent);
  else if (Array.isArray(value)) writeList(page, value, indent);
  else writeScalar(page, value, indent + 2);
}

function writeMap(page: Page, map: { readonly [key: string]: Value }, indent: number): void {
  const keys = Object.keys(map).sort(naturally);
  if (keys.length === 0) page.write("{}");
  for (const key of keys) {
    if (page.text !== "") startLine(page, indent);
    writeText(page, key, indent, true);
    page.write(":");
    const value = map[key] ?? null;
    const nested = typeof value === "object" && value !== null && Object.keys(value).length > 0;
    if (!nested) page.write(" ");
    writeNode(page, value, nested && isMap(value) ? indent + 2 : indent);
  }
}

function writeList(page: Page, list: readonly Value[], indent: number): void {
  if (list.length === 0) page.write("[]");
  for (const item of list) {
    if (page.text !== "") startLine(page, indent);
    page.write("- ");
    writeNode(page, item, indent);
  }
}

/** A literal block that ended in line ends has already begun the next line. */
function startLine(page: Page, indent: number): void {
  if (page.column === 0) page.write(" ".repeat(indent));
  else page.breakLine(indent);
}

function writeScalar(page: Page, value: Value, indent: number): void {
  if (typeof value === "string") writeText(page, value, indent, false);
  else page.write(typeof value === "number" ? goFloat(value) : String(value));
}

/** Go's `%g` with the shortest digits: scientific below 1e-4 and from 1e21 or seven digits on. */
function goFloat(value: number): string {
  const [mantissa = "", exponent = "0"] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  const size = Math.abs(power).toString().padStart(2, "0");
  return `${mantissa}e${power < 0 ? "-" : "+"}${size}`;
}

const letter = /^\p{L}$/u;
const digits = /^\p{Nd}+/u;

/** The order of keys: letters after everything else, runs of digits as numbers. */
function naturally(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const at = left.findIndex((rune, index) => rune !== right[index]);
  const [l, r] = [left[at], right[at]];
  if (l === undefined || r === undefined) return left.length - right.length;
  const letters = [letter.test(l), letter.test(r)];
  if (letters[0] && letters[1]) return codeOf(l) - codeOf(r);
  if (letters[0] || letters[1]) return letters[1] ? -1 : 1;
  const zeros = l === "0" || r === "0" ? afterNonZeroDigit(left.slice(0, at)) : "";
  const [x, y] = [left, right].map((runes) => digits.exec(runes.slice(at).join(""))?.[0] ?? "") as [
    string,
    string,
  ];
  const difference = Number(zeros + x) - Number(zeros + y);
  return difference || x.length - y.length || codeOf(l) - codeOf(r);
}

/** A zero inside a number counts, so the number must not be read from the zero on alone. */
function afterNonZeroDigit(before: readonly string[]): string {
  return /[1-9]\d*$/.test(before.join("")) ? "1" : "";
}

function codeOf(rune: string): number {
  return rune.codePointAt(0) ?? 0;
}
