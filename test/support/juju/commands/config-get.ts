import { UsageError } from "../gnu-flags.ts";
import { goQuote } from "../go-quote.ts";
import { booleanFlag, type HookCommand, refuseExtra } from "../hook-command.ts";

/** `config-get`: without a key all options that have a value; an unknown key reads as one without a value. */
export const configGet: HookCommand = {
  usage: "config-get [options] [<key>]",
  formats: ["smart", "json", "yaml"],
  flags: () => [booleanFlag("all", "a")],
  run({ state, flags, args }) {
    const [key = "", ...extra] = args;
    const all = flags.get("all") === "true";
    if (key !== "" && all)
      throw new UsageError(`cannot use argument --all together with key ${goQuote(key)}`);
    refuseExtra(extra);
    if (key !== "") return { value: state.config[key] ?? null };
    const options = Object.entries(state.config).filter(([, value]) => all || value !== null);
    return { value: Object.fromEntries(options) };
  },
};
