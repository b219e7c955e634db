import { parseArgs } from "node:util";
import { type Verb, type VerbOptionName, verbNames, verbOption, verbOptionNames } from "./verbs.ts";

/** A verb with its options. */
export interface Run {
  readonly kind: "run";
  readonly verb: Verb;
  readonly json: boolean;
  /** The options that are given, which are all of this verb's: their texts as they stand, `true` for a flag. */
  readonly given: Readonly<Partial<Record<VerbOptionName, string | true>>>;
}

/** A command line, understood; or help, of a verb where one is named; or wrong use with the reason. */
export type Request =
  | Run
  | { readonly kind: "help"; readonly verb?: Verb }
  | { readonly kind: "wrong"; readonly reason: string };

function isVerb(text: string | undefined): text is Verb {
  return verbNames.some((verb) => verb === text);
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function givenOf(values: Values): Run["given"] {
  const given = verbOptionNames.flatMap((name) => {
    const value = values[name];
    return value === undefined || value === false ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}

function wrongOption(verb: Verb, given: Run["given"]): string | undefined {
  for (const name of verbOptionNames) {
    const value = given[name];
    if (value === undefined) continue;
    const option = verbOption(name);
    if (!option.verbs.includes(verb)) return `--${name} is for ${option.verbs.join(", ")}`;
    if (typeof value === "string" && option.fits?.(value) === false) return `--${name} is ${option.is}`;
  }
  return undefined;
}

/** What the options of a verb are together. */
function wrongTogether(verb: Verb, given: Run["given"]): string | undefined {
  if (verb !== "kubeconfig") return undefined;
  const { from, server, ca, "token-file": token } = given;
  if (from === undefined && (server === undefined || token === undefined))
    return "kubeconfig needs --server and --token-file, or --from";
  if (from !== undefined && (token ?? ca) !== undefined)
    return "--from brings token and certificates: leave out --token-file and --ca";
  return undefined;
}

const parsed = {
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  ...Object.fromEntries(
    verbOptionNames.map((name) => {
      const type = verbOption(name).value === undefined ? "boolean" : "string";
      return [name, { type } as const];
    }),
  ),
} as const;

/** Understands a command line. Pure. */
export function parseRequest(args: readonly string[]): Request {
  try {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: parsed });
    const [verb, ...rest] = positionals;
    if (values.help === true) return isVerb(verb) ? { kind: "help", verb } : { kind: "help" };
    if (!isVerb(verb)) return { kind: "wrong", reason: `a verb is needed: ${verbNames.join(", ")}` };
    if (rest.length > 0) return { kind: "wrong", reason: `too much: ${rest.join(" ")}` };
    const given = givenOf(values);
    const reason = wrongOption(verb, given) ?? wrongTogether(verb, given);
    if (reason !== undefined) return { kind: "wrong", reason };
    return { kind: "run", verb, json: values.json === true, given };
  } catch (error) {
    return { kind: "wrong", reason: error instanceof Error ? error.message : String(error) };
  }
}
