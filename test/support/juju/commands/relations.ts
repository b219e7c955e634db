import type { AgentState, Relation } from "../agent-state.ts";
import { type Flag, UsageError } from "../gnu-flags.ts";
import { byCodePoint } from "../go-json.ts";
import { booleanFlag, type HookCommand, refuseExtra } from "../hook-command.ts";

/** `relation-ids`: the ids of an endpoint; in a relation hook its own endpoint is the default. */
export const relationIds: HookCommand = {
  usage: "relation-ids [options] <name>",
  formats: ["smart", "json", "yaml"],
  flags: () => [],
  run({ state, args }) {
    const [name = hookRelation(state)?.endpoint, ...extra] = args;
    if (name === undefined) throw new UsageError("no endpoint name specified");
    refuseExtra(extra);
    const ids = state.relations.filter(({ endpoint }) => endpoint === name).map(({ id }) => `${name}:${id}`);
    return { value: ids.sort(byCodePoint) };
  },
};

/** `relation-list`: the remote units, or with `--app` the remote application. */
export const relationList: HookCommand = {
  usage: "relation-list [options]",
  formats: ["smart", "json", "yaml"],
  flags: (state) => [relationFlag(state), booleanFlag("app")],
  run({ state, flags, args }) {
    const given = flags.get("r");
    const relation = given === undefined ? hookRelation(state) : findRelation(state, given);
    if (relation === undefined) throw new UsageError("no relation id specified");
    refuseExtra(args);
    return {
      value: flags.get("app") === "true" ? relation["remote-app"] : [...relation.members].sort(byCodePoint),
    };
  },
};

/** The relation that the running hook is about. */
export function hookRelation({ context, relations }: AgentState): Relation | undefined {
  return relations.find(({ id }) => id === context?.["relation-id"]);
}

/** Only the number counts: `12` and `whatever:12` name the same relation. */
export function findRelation(state: AgentState, text: string): Relation | undefined {
  const id = relationNumber(text);
  return state.relations.find((relation) => relation.id === id);
}

/** The flag `-r`. */
export function relationFlag(state: AgentState): Flag {
  return {
    names: ["r", "relation"],
    kind: "text",
    check(value) {
      if (relationNumber(value) === undefined) return "invalid relation id";
      return findRelation(state, value) === undefined ? "relation not found" : undefined;
    },
  };
}

function relationNumber(text: string): number | undefined {
  const digits = text.slice(text.lastIndexOf(":") + 1);
  return /^[-+]?\d+$/.test(digits) ? Number(digits) : undefined;
}
