import { isMap, type Value } from "../go-json.ts";
import { type HookCommand, refuseExtra } from "../hook-command.ts";
import { runningAction } from "../running-action.ts";

/** `action-get`: without a key all parameters; a key with dots goes down into maps, and one that is not there reads as null. */
export const actionGet: HookCommand = {
  usage: "action-get [options] [<key>[.<key>.<key>...]]",
  formats: ["smart", "json", "yaml"],
  flags: () => [],
  run({ state, args }) {
    const [path, ...extra] = args;
    refuseExtra(extra);
    const { params } = runningAction(state);
    return { value: path === undefined ? params : find(params, path.split(".")) };
  },
};

function find(value: Value, [key, ...rest]: readonly string[]): Value {
  if (key === undefined) return value;
  return isMap(value) ? find(value[key] ?? null, rest) : null;
}
