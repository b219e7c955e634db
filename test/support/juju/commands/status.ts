import type { AgentState, StatusInfo } from "../agent-state.ts";
import { UsageError } from "../gnu-flags.ts";
import type { Value } from "../go-json.ts";
import { goQuote } from "../go-quote.ts";
import { booleanFlag, type HookCommand, RunError, refuseExtra } from "../hook-command.ts";

const settable = ["maintenance", "blocked", "waiting", "active"];

/** `status-set`: the status of the unit or, by the leader, of the application. */
export const statusSet: HookCommand = {
  usage: "status-set [options] <status> [<message>]",
  formats: [],
  flags: () => [booleanFlag("application")],
  run({ state, flags, args }) {
    const [status, message = "", ...extra] = args;
    if (status === undefined) throw new UsageError("invalid args, require <status> [message]");
    if (!settable.includes(status)) {
      throw new UsageError(`invalid status ${goQuote(status)}, expected one of [${settable.join(" ")}]`);
    }
    refuseExtra(extra);
    const info: StatusInfo = { status, message, data: {} };
    if (flags.get("application") !== "true") return { changes: { "unit-status": info } };
    requireLeader(state);
    return { changes: { "application-status": info } };
  },
};

/** `status-get`: smart prints the word alone. */
export const statusGet: HookCommand = {
  usage: "status-get [options] [--include-data] [--application]",
  formats: ["smart", "json", "yaml"],
  flags: () => [booleanFlag("include-data"), booleanFlag("application")],
  run({ state, flags, args }) {
    refuseExtra(args);
    const withData = flags.get("include-data") === "true";
    const unit = describe(state["unit-status"], withData);
    if (flags.get("application") === "true") {
      requireLeader(state);
      const application = describe(state["application-status"], withData);
      return { value: { "application-status": { ...application, units: { [state.unit]: unit } } } };
    }
    const smart = (flags.get("format") ?? "smart") === "smart";
    return { value: smart && !withData ? state["unit-status"].status : unit };
  },
};

function describe(info: StatusInfo, withData: boolean): { readonly [key: string]: Value } {
  if (!withData) return { status: info.status };
  return { status: info.status, message: info.message, "status-data": info.data ?? {} };
}

function requireLeader(state: AgentState): void {
  if (!state.leader) throw new RunError("this unit is not the leader");
}
