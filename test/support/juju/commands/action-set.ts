import type { ActionResults } from "../agent-state.ts";
import { UsageError } from "../gnu-flags.ts";
import { goQuote } from "../go-quote.ts";
import type { HookCommand } from "../hook-command.ts";
import { changeAction } from "../running-action.ts";

const reserved = ["stdout", "stdout-encoding", "stderr", "stderr-encoding"];

/** `action-set`: results by key; a key with dots makes maps, and a later value takes the place of what it meets. */
export const actionSet: HookCommand = {
  usage: "action-set <key>=<value> [<key>=<value> ...]",
  formats: [],
  flags: () => [],
  run({ state, args }) {
    const pairs = args.map(readPair);
    if (pairs.length === 0) return {};
    const changes = changeAction(state, ({ results }) => ({
      results: pairs.reduce((set, { keys, value }) => put(set, keys, value), results),
    }));
    return { changes };
  },
};

function readPair(argument: string): { readonly keys: readonly string[]; readonly value: string } {
  const equals = argument.indexOf("=");
  if (equals < 0) throw new UsageError(`argument ${goQuote(argument)} must be of the form key...=value`);
  const keys = argument.slice(0, equals).split(".");
  for (const key of keys) checkKey(key);
  return { keys, value: argument.slice(equals + 1) };
}

function checkKey(key: string): void {
  if (!/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(key)) {
    throw new UsageError(
      `key ${goQuote(key)} must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens`,
    );
  }
  if (reserved.includes(key)) throw new UsageError(`cannot set reserved action key ${goQuote(key)}`);
}

function put(results: ActionResults, [key = "", ...rest]: readonly string[], value: string): ActionResults {
  if (rest.length === 0) return { ...results, [key]: value };
  const inner = results[key];
  return { ...results, [key]: put(typeof inner === "object" ? inner : {}, rest, value) };
}
