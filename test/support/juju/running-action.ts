import type { ActionContext, AgentState } from "./agent-state.ts";
import { RunError } from "./hook-command.ts";

/** The running action. Throws Juju's text in a hook. */
export function runningAction({ context }: AgentState): ActionContext {
  if (!context?.action) throw new RunError("not running an action");
  return context.action;
}

/** A change of the running action, as a part of the state. Throws Juju's text in a hook. */
export function changeAction(
  state: AgentState,
  change: (action: ActionContext) => Partial<ActionContext>,
): Pick<AgentState, "context"> {
  const action = runningAction(state);
  return { context: state.context && { ...state.context, action: { ...action, ...change(action) } } };
}
