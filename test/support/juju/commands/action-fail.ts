import { type HookCommand, refuseExtra } from "../hook-command.ts";
import { changeAction } from "../running-action.ts";

/** `action-fail`: the action has failed, whatever it does from here on. The text without a message is from Juju's source. */
export const actionFail: HookCommand = {
  usage: 'action-fail ["<failure message>"]',
  formats: [],
  flags: () => [],
  run({ state, args }) {
    const [message = "action failed without reason given, check action for errors", ...extra] = args;
    refuseExtra(extra);
    return { changes: changeAction(state, () => ({ failed: true, message })) };
  },
};
