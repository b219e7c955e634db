import { UsageError } from "../gnu-flags.ts";
import type { HookCommand } from "../hook-command.ts";
import { changeAction } from "../running-action.ts";

/** `action-log`: a line that `juju run` shows while the action runs. */
export const actionLog: HookCommand = {
  usage: "action-log <message>",
  formats: [],
  flags: () => [],
  run({ state, args }) {
    if (args.length === 0) throw new UsageError("no message specified");
    return { changes: changeAction(state, ({ log }) => ({ log: [...log, args.join(" ")] })) };
  },
};
