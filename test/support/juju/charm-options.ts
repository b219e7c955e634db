import { parse } from "yaml";
import { z } from "zod";
import type { OptionValue } from "./agent-state.ts";
import { parseGoBoolean } from "./gnu-flags.ts";
import { goQuote } from "./go-quote.ts";

/** The types of charm options. */
type OptionType = "string" | "int" | "float" | "boolean" | "secret";

interface CharmOption {
  readonly type: OptionType;
  readonly default: OptionValue;
}

/** The options of a charm by name. */
export type CharmOptions = ReadonlyMap<string, CharmOption>;

type Scalar = string | number | boolean;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]).default(null);
const schema = z.object({
  options: z.record(
    z.string(),
    z.object({
      type: z.enum(["string", "int", "float", "boolean", "secret"]).default("string"),
      default: scalar,
    }),
  ),
});

/** Reads a charm's `config.yaml`. Throws when a type is unknown or a default is not of its type. */
export function readOptions(text: string | undefined): CharmOptions {
  if (text === undefined) return new Map();
  const { options } = schema.parse(parse(text, { version: "1.1" }));
  return new Map(
    Object.entries(options).map(([name, { type, default: value }]) => {
      const ofType = typeof value === "string" || type !== "string";
      if (value !== null && !ofType)
        throw new Error(`invalid config default: ${expected(name, type, value)}`);
      return [name, { type, default: value === null || value === "" ? value : coerce(name, type, value) }];
    }),
  );
}

/** Checks a value as `juju config` does and gives it its type. Throws with Juju's text. */
export function readOptionValue(options: CharmOptions, name: string, value: Scalar): Scalar {
  return coerce(name, requireOption(options, name).type, value);
}

/** Finds an option. Throws Juju's text when the charm has none of that name. */
export function requireOption(options: CharmOptions, name: string): CharmOption {
  const option = options.get(name);
  if (option === undefined) throw new Error(`unknown option ${goQuote(name)}`);
  return option;
}

/** What the charm reads: the operator's settings over the defaults. Settings of options that are gone stay unseen. */
export function effectiveConfig(
  options: CharmOptions,
  settings: { readonly [option: string]: OptionValue },
): { readonly [option: string]: OptionValue } {
  return Object.fromEntries(
    Array.from(options, ([name, option]) => [name, settings[name] ?? option.default]),
  );
}

function coerce(name: string, type: OptionType, value: Scalar): Scalar {
  const result = parsers[type](String(value));
  if (result === undefined) throw new Error(expected(name, type, value));
  return result;
}

const parsers: { readonly [type in OptionType]: (text: string) => Scalar | undefined } = {
  string: (text) => text,
  secret: (text) => (text === "" || text.startsWith("secret:") ? text : undefined),
  int: parseInteger,
  float: parseFloatingPoint,
  boolean: parseGoBoolean,
};

/** 64 bits; beyond 53 the last digits are lost, as on the way through Juju's agent. */
function parseInteger(text: string): number | undefined {
  if (!/^[-+]?\d+$/.test(text)) return undefined;
  const exact = BigInt(text.replace(/^\+/, ""));
  return exact >= -(2n ** 63n) && exact < 2n ** 63n ? Number(exact) : undefined;
}

function parseFloatingPoint(text: string): number | undefined {
  if (!/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function expected(name: string, type: OptionType, value: Scalar): string {
  return `option ${goQuote(name)} expected ${type}, got ${typeof value === "string" ? goQuote(value) : value}`;
}
