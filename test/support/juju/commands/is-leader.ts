import { type HookCommand, refuseExtra } from "../hook-command.ts";

/** `is-leader`. */
export const isLeader: HookCommand = {
  usage: "is-leader [options]",
  formats: ["smart", "json", "yaml"],
  flags: () => [],
  run({ state, args }) {
    refuseExtra(args);
    return { value: state.leader };
  },
};
