import { parse } from "yaml";
import * as z from "zod";
import { archs } from "./node-binary.ts";

const kebabCase = z.string().regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, "is not in kebab-case");
const text = z.string().min(1);

const endpoint = z.strictObject({ interface: text, scope: z.enum(["global", "container"]).optional() });

const peerInterface = z.string().regex(/^(?!juju(-|$))[a-z][a-z0-9-]*$/, "is no interface of a charm's own");

/** The keys that Juju and charmcraft both know and this charm has a use for. */
const metadata = z
  .strictObject({
    // Juju wants a letter in every part between hyphens, but tells so only on upload.
    name: z.string().regex(/^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$/, "is no charm name"),
    summary: text.max(200),
    description: text,
    tags: z.array(text).optional(),
    maintainers: z.array(text).optional(),
    website: z.url().optional(),
    source: z.url().optional(),
    issues: z.url().optional(),
    docs: z.url().optional(),
    subordinate: z.literal(true),
    assumes: z.array(z.string().regex(/^juju (>=|<) \d+\.\d+(\.\d+)?$/, "is not like `juju >= 3.6`")),
    // Names and interfaces of Juju's own are refused in all but what the charm requires.
    peers: z
      .record(kebabCase.regex(/^(?!juju(-|$))/), z.strictObject({ interface: peerInterface }))
      .optional(),
    requires: z.record(kebabCase, endpoint),
    resources: z
      .record(
        kebabCase,
        z.strictObject({
          type: z.literal("file"),
          filename: text.regex(/^[^/]+$/, "holds a /"),
          description: text,
        }),
      )
      .optional(),
  })
  .refine(({ requires }) => Object.values(requires).some(({ scope }) => scope === "container"), {
    message: "a subordinate needs an endpoint with `scope: container`",
    path: ["requires"],
  })
  .refine(
    ({ requires }) =>
      Object.entries(requires).every(
        ([name, { scope }]) => !/^juju(-|$)/.test(name) || scope === "container",
      ),
    {
      message: "a name of Juju's own needs `scope: container`",
      path: ["requires"],
    },
  )
  .refine(
    ({ resources }) => hasNoDuplicates(Object.values(resources ?? {}).map(({ filename }) => filename)),
    {
      message: "two resources share a file name, and so a path on the unit",
      path: ["resources"],
    },
  );

const manifest = z.strictObject({
  bases: z
    .array(
      z.strictObject({
        name: z.literal("ubuntu"),
        channel: z.string().regex(/^\d\d\.\d\d$/, "is no Ubuntu release"),
        architectures: z.tuple([z.enum(archs)]),
      }),
    )
    .min(1),
});

const option = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("string"), description: text, default: z.string().optional() }),
  z.strictObject({ type: z.literal("int"), description: text, default: z.int().optional() }),
  z.strictObject({ type: z.literal("float"), description: text, default: z.number().optional() }),
  z.strictObject({ type: z.literal("boolean"), description: text, default: z.boolean().optional() }),
  z.strictObject({ type: z.literal("secret"), description: text }),
]);

const config = z.strictObject({ options: z.record(kebabCase, option) });

/** No `$ref` and no `$schema`: Juju refuses both. */
const parameter = z.strictObject({
  type: z.enum(["string", "integer", "number", "boolean", "array", "object"]),
  description: text.optional(),
  default: z.unknown().optional(),
  enum: z.array(z.unknown()).optional(),
  pattern: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});

const action = z
  .strictObject({
    description: text,
    params: z.record(kebabCase, parameter).optional(),
    required: z.array(z.string()).optional(),
    // Written out because its default differs: true in Juju 3, false in Juju 4.
    additionalProperties: z.literal(false),
  })
  .refine(({ params, required }) => required?.every((name) => name in (params ?? {})) ?? true, {
    message: "names a parameter that is not there",
    path: ["required"],
  });

const actions = z.record(kebabCase.regex(/^(?!juju$|juju-)/, "is a name of Juju's own"), action);

const descriptions = {
  "metadata.yaml": metadata,
  "manifest.yaml": manifest,
  "config.yaml": config,
  "actions.yaml": actions,
};

/**
 * Checks the four YAML files that describe a charm.
 * @param read gives a file's text, undefined when the archive does not hold it
 * @param names every path in the archive
 * @returns one line for each mistake
 */
export function checkDescriptions(
  read: (name: string) => string | undefined,
  names: readonly string[],
): string[] {
  const problems = Object.entries(descriptions).flatMap(([name, schema]) => {
    const source = read(name);
    if (source === undefined) return [];
    return readDescription<unknown>(source, schema).problems.map((problem) => `${name}: ${problem}`);
  });
  return [...problems, ...checkActions(read("actions.yaml"), names)];
}

/** Every action has a program, and every program is an action. */
function checkActions(source: string | undefined, names: readonly string[]): string[] {
  const described = source === undefined ? [] : Object.keys(readDescription(source, actions).value ?? {});
  const programs = names.flatMap((name) => /^actions\/(.+)$/.exec(name)?.[1] ?? []);
  return [
    ...programs
      .filter((name) => !described.includes(name))
      .map((name) => `actions/${name} is not in actions.yaml`),
    ...described
      .filter((name) => !programs.includes(name))
      .map((name) => `actions.yaml names ${name}, but actions/${name} is missing`),
  ];
}

/** The architectures that a manifest.yaml names, undefined when it is not a right one. */
export function readArchs(source: string): string[] | undefined {
  return readDescription(source, manifest).value?.bases.flatMap(({ architectures }) => architectures);
}

interface Reading<T> {
  readonly value?: T;
  readonly problems: readonly string[];
}

/** Parses by the rules of YAML 1.1, as Juju does, and checks the shape. */
function readDescription<T>(source: string, schema: z.ZodType<T>): Reading<T> {
  let parsed: unknown;
  try {
    parsed = parse(source, { version: "1.1" });
  } catch (error) {
    return { problems: [error instanceof Error ? error.message : String(error)] };
  }
  const { data, error } = schema.safeParse(parsed);
  if (data !== undefined) return { value: data, problems: [] };
  const issues = error?.issues ?? [];
  return {
    problems: issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join(".")}: ${message}`,
    ),
  };
}

function hasNoDuplicates(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}
