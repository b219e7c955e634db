import { byCodePoint, goJson, isMap, type Value } from "./go-json.ts";
import { goQuote } from "./go-quote.ts";

/** The part of JSON Schema, draft 4, that charms use for the parameters of actions. */
export interface JsonSchema {
  readonly type?: string | undefined;
  readonly properties?: { readonly [name: string]: JsonSchema } | undefined;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: boolean | undefined;
  readonly enum?: readonly Value[] | undefined;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly pattern?: string | undefined;
  readonly items?: JsonSchema | undefined;
  readonly default?: Value | undefined;
}

/** Everything that is wrong with a value, in the words of Juju's validator (from its source); empty when nothing is. */
export function schemaErrors(schema: JsonSchema, value: Value, at = "(root)"): readonly string[] {
  if (schema.type !== undefined && !hasType(value, schema.type)) {
    return [error(at, `must be of type ${schema.type}`, value)];
  }
  const own = [...scalarErrors(schema, value)].map((text) => error(at, text, value));
  if (isMap(value)) return [...own, ...objectErrors(schema, value, at)];
  if (!Array.isArray(value) || schema.items === undefined) return own;
  const { items } = schema;
  return [...own, ...value.flatMap((item, index) => schemaErrors(items, item, `${at}.${index}`))];
}

/** Fills in the defaults of properties that are absent, at every depth. */
export function withDefaults(
  schema: JsonSchema,
  value: { readonly [key: string]: Value },
): { readonly [key: string]: Value } {
  const filled = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    name,
    filledIn(property, value[name]),
  ]);
  return { ...value, ...Object.fromEntries(filled.filter(([, inner]) => inner !== undefined)) };
}

/** An object that was not given comes to be only where it has a default inside. */
function filledIn(schema: JsonSchema, given: Value | undefined): Value | undefined {
  const value = given ?? schema.default;
  if (schema.properties === undefined || !isMap(value ?? {})) return value;
  const inner = withDefaults(schema, isMap(value ?? null) ? (value as { [key: string]: Value }) : {});
  return value === undefined && Object.keys(inner).length === 0 ? undefined : inner;
}

function* scalarErrors(schema: JsonSchema, value: Value): Iterable<string> {
  const { enum: values, minimum, maximum, pattern } = schema;
  if (values !== undefined && !values.some((one) => goJson(one) === goJson(value))) {
    yield `must match one of the enum values [${values.map(goJson).join(",")}]`;
  }
  if (typeof value === "number" && minimum !== undefined && value < minimum) {
    yield `must be greater than or equal to ${minimum}`;
  }
  if (typeof value === "number" && maximum !== undefined && value > maximum) {
    yield `must be lower than or equal to ${maximum}`;
  }
  if (typeof value === "string" && pattern !== undefined && !new RegExp(pattern, "u").test(value)) {
    yield `does not match pattern '${pattern}'`;
  }
}

function objectErrors(
  { properties = {}, required = [], additionalProperties = true }: JsonSchema,
  value: { readonly [key: string]: Value },
  at: string,
): readonly string[] {
  const missing = required
    .filter((name) => !(name in value))
    .map((name) => error(at, `${goQuote(name)} property is missing and required`, value));
  const keys = Object.keys(value).sort(byCodePoint);
  const unknown = keys
    .filter((name) => !additionalProperties && !(name in properties))
    .map((name) => error(at, `additional property "${name}" is not allowed`, value));
  const inner = keys.flatMap((name) =>
    schemaErrors(properties[name] ?? {}, value[name] ?? null, `${at}.${name}`),
  );
  return [...missing, ...unknown, ...inner];
}

function error(at: string, text: string, value: Value): string {
  return `${at} : ${text}, given ${goJson(value)}`;
}

function hasType(value: Value, type: string): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isMap(value);
  return type === "null" ? value === null : typeof value === type;
}
