import { goQuote } from "./go-quote.ts";

/** A flag of a hook command. */
export interface Flag {
  /** All spellings without dashes; the first one is the key in `ParsedFlags`. */
  readonly names: readonly [string, ...string[]];
  readonly kind: "boolean" | "text";
  /** Says what is wrong with a value, or nothing; asked while parsing, so the first wrong flag is reported. */
  check?(value: string): string | undefined;
}

/** A command line taken apart. Boolean flags read "true" or "false"; a flag that was not given is absent. */
export interface ParsedFlags {
  readonly flags: ReadonlyMap<string, string>;
  readonly args: readonly string[];
  readonly help: boolean;
}

/** A command line that the command refuses: exit code 2. */
export class UsageError extends Error {}

interface Cursor {
  readonly rest: string[];
  readonly flags: Map<string, string>;
  readonly args: string[];
  help: boolean;
}

/**
 * Takes a command line apart by the rules of Juju's flag parser: flags stand anywhere before `--`, long ones
 * as `--name value` or `--name=value`, single letters in clusters whose rest may be a value. Throws `UsageError`.
 */
export function parseFlags(flags: readonly Flag[], argv: readonly string[]): ParsedFlags {
  const cursor: Cursor = { rest: [...argv], flags: new Map(), args: [], help: false };
  for (let word = cursor.rest.shift(); word !== undefined && !cursor.help; word = cursor.rest.shift()) {
    if (word === "--") {
      cursor.args.push(...cursor.rest.splice(0));
    } else if (word === "-" || !word.startsWith("-")) {
      cursor.args.push(word);
    } else if (word.startsWith("--")) {
      parseLong(flags, word, cursor);
    } else {
      parseCluster(flags, Array.from(word.slice(1)), cursor);
    }
  }
  return cursor;
}

function parseLong(flags: readonly Flag[], word: string, cursor: Cursor): void {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  if (name === "") throw new UsageError(`empty option in argument ${goQuote(word)}`);
  const flag = find(flags, name, cursor);
  if (flag === undefined) return;
  if (equals >= 0) set(flag, name, word.slice(equals + 1), cursor);
  else if (flag.kind === "boolean") set(flag, name, "true", cursor);
  else set(flag, name, next(name, cursor), cursor);
}

function parseCluster(flags: readonly Flag[], letters: readonly string[], cursor: Cursor): void {
  for (const [index, letter] of letters.entries()) {
    const flag = find(flags, letter, cursor);
    if (flag === undefined) return;
    const rest = letters.slice(index + 1).join("");
    if (flag.kind === "boolean" && !rest.startsWith("=")) {
      set(flag, letter, "true", cursor);
      continue;
    }
    set(flag, letter, rest === "" ? next(letter, cursor) : rest, cursor);
    return;
  }
}

function find(flags: readonly Flag[], name: string, cursor: Cursor): Flag | undefined {
  const found = flags.find(({ names }) => names.includes(name));
  if (found !== undefined) return found;
  if (name !== "help" && name !== "h") {
    throw new UsageError(`option provided but not defined: ${dashed(name)}`);
  }
  cursor.help = true;
  return undefined;
}

function next(name: string, cursor: Cursor): string {
  const value = cursor.rest.shift();
  if (value === undefined) throw new UsageError(`option needs an argument: ${dashed(name)}`);
  return value;
}

function set(flag: Flag, name: string, value: string, cursor: Cursor): void {
  const wrong = flag.kind === "boolean" ? checkBoolean(value) : flag.check?.(value);
  if (wrong !== undefined) {
    throw new UsageError(`invalid value ${goQuote(value)} for option ${dashed(name)}: ${wrong}`);
  }
  cursor.flags.set(flag.names[0], flag.kind === "boolean" ? String(parseGoBoolean(value)) : value);
}

function checkBoolean(value: string): string | undefined {
  if (parseGoBoolean(value) !== undefined) return undefined;
  return `strconv.ParseBool: parsing ${goQuote(value)}: invalid syntax`;
}

/** Reads a boolean as Go's `strconv.ParseBool` does; undefined when it is none. */
export function parseGoBoolean(text: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  return undefined;
}

function dashed(name: string): string {
  return Buffer.byteLength(name) > 1 ? `--${name}` : `-${name}`;
}
