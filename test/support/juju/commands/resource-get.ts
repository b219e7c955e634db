import { posix } from "node:path";
import type { AgentState } from "../agent-state.ts";
import { agentFolder } from "../connection.ts";
import { UsageError } from "../gnu-flags.ts";
import { goQuote } from "../go-quote.ts";
import { type HookCommand, RunError, refuseExtra } from "../hook-command.ts";

/** The resources of an application, as Juju numbers it in its answers. */
const applicationId = "7f3f1a5e-0a0e-4b57-8f0a-5f5f0f2f6c11";

/** `resource-get`: the path of the file, without a newline, once the agent has fetched it. */
export const resourceGet: HookCommand = {
  usage: "resource-get <resource name>",
  formats: [],
  flags: () => [],
  run({ state, args, agent }) {
    const [name, ...extra] = args;
    if (name === undefined) throw new UsageError("missing required resource name");
    refuseExtra(extra);
    const resource = Object.hasOwn(state.resources, name) ? state.resources[name] : undefined;
    if (resource?.uploaded !== true) {
      throw new RunError(`could not download resource: ${refusal(state, name, resource !== undefined)}`);
    }
    const path = posix.join(agent, "resources", resource.path);
    return { text: path, fetch: { resource: name, to: path } };
  },
};

function refusal({ juju, unit, "model-uuid": model }: AgentState, name: string, isDeclared: boolean): string {
  const url = `https://10.20.0.2:17070/model/${model}/units/${agentFolder(unit)}/resources/${name}`;
  const reason =
    isDeclared || juju === "3.6.28"
      ? `resource ${goQuote(name)} not found`
      : `getting UUID of resource ${name} for application ${applicationId}: resource not found`;
  return `HTTP request failed: Get ${url}: ${reason}`;
}
