import { parse } from "yaml";
import { z } from "zod";
import type { JujuVersion } from "./agent-state.ts";
import type { Value } from "./go-json.ts";
import { goQuote } from "./go-quote.ts";
import { type JsonSchema, schemaErrors, withDefaults } from "./json-schema.ts";

/** The actions of a charm by name, each with the schema of its parameters. */
export type CharmActions = ReadonlyMap<string, JsonSchema>;

const types = ["string", "integer", "number", "boolean", "object", "array", "null"];
const value: z.ZodType<Value> = z.json();

/** Strict: a keyword that is new to this stand-in must not be passed over in silence. */
const property: z.ZodType<JsonSchema> = z.strictObject({
  title: z.string().optional(),
  description: z.string().optional(),
  default: value.optional(),
  type: z.enum(types).optional(),
  get properties() {
    return z.record(z.string(), property).optional();
  },
  required: z.array(z.string()).optional(),
  additionalProperties: z.boolean().optional(),
  enum: z.array(value).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  pattern: z.string().optional(),
  get items() {
    return property.optional();
  },
});

const action = z.strictObject({
  title: z.string().optional(),
  description: z.string().optional(),
  params: z.record(z.string(), property).default({}),
  required: z.array(z.string()).default([]),
  additionalProperties: z.boolean().optional(),
  parallel: z.literal(false, "this stand-in runs no actions side by side").optional(),
});

/**
 * Reads a charm's `actions.yaml`. Throws when a name or a part of it is not valid. Where an action does not say
 * `additionalProperties`, Juju 3 takes it as true and Juju 4 as false.
 */
export function readActions(text: string | undefined, juju: JujuVersion): CharmActions {
  const found = z.record(z.string(), action.nullable()).parse(parse(text ?? "", { version: "1.1" }) ?? {});
  return new Map(
    Object.entries(found).map(([name, spec]) => {
      checkName(name);
      const { params, required, additionalProperties = juju === "3.6.28" } = spec ?? action.parse({});
      return [name, { type: "object", properties: params, required, additionalProperties }];
    }),
  );
}

/** The parameters that an action sees: what was given over the defaults. Throws the controller's text when it refuses them. */
export function actionParams(
  actions: CharmActions,
  unit: string,
  name: string,
  given: { readonly [key: string]: Value },
): { readonly [key: string]: Value } {
  const schema = actions.get(name);
  if (schema === undefined) throw new Error(`action ${goQuote(name)} not defined on unit ${goQuote(unit)}`);
  const errors = schemaErrors(schema, given);
  if (errors.length > 0) throw new Error(`validation failed: ${errors.join("; ")}`);
  return withDefaults(schema, given);
}

function checkName(name: string): void {
  if (!/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(name)) throw new Error(`bad action name ${name}`);
  if (name.startsWith("juju-")) {
    throw new Error(`cannot use action name ${name}: the "juju-" prefix is reserved`);
  }
}
