import type { AgentState, Bag, Relation } from "../agent-state.ts";
import { UsageError } from "../gnu-flags.ts";
import { goQuote } from "../go-quote.ts";
import { booleanFlag, type HookCommand, RunError, refuseExtra, textFlag } from "../hook-command.ts";
import { findRelation, hookRelation, relationFlag } from "./relations.ts";

function relationOf(state: AgentState, given: string | undefined): Relation {
  const relation = given === undefined ? hookRelation(state) : findRelation(state, given);
  if (relation === undefined) throw new UsageError("no relation id specified");
  return relation;
}

/** Whom a call is about: as it is told, else the remote side of the hook. */
function subject(state: AgentState, asksApp: boolean, told: string | undefined): string {
  const { context } = state;
  const remote = context?.hook.endsWith("-relation-broken")
    ? context["remote-app"]
    : (context?.["remote-unit"] ?? "");
  const name = told ?? remote;
  if (name === "") throw new UsageError("no unit or application specified");
  if (asksApp) return name.split("/")[0] ?? "";
  if (!name.includes("/") && told !== undefined)
    throw new UsageError(`expected unit name, got application name ${goQuote(name)}`);
  return name;
}

function bagOf(state: AgentState, relation: Relation, name: string): Bag {
  const app = state.unit.split("/")[0] ?? "";
  if (name === state.unit) return relation["local-unit"] ?? {};
  if (name === app) {
    // Only a leader reads what its own application tells, but in a relation of peers.
    if (!state.leader && relation["remote-app"] !== app) throw new RunError("permission denied");
    return relation["local-app"] ?? {};
  }
  const bag = relation.remote?.[name];
  if (bag !== undefined) return bag;
  if (state.juju !== "3.6.28") throw new RunError("relation unit not found");
  if (name.split("/")[0] !== relation["remote-app"]) throw new RunError("permission denied");
  const ends = `${app}:${relation.endpoint} ${relation["remote-app"]}:${relation.endpoint}`;
  const where = `cannot read settings for unit ${goQuote(name)} in relation ${goQuote(ends)}`;
  throw new RunError(`${where}: unit ${goQuote(name)}: settings not found`);
}

/** `relation-get`: what a unit or an application tells; a hook sees what it has set itself. */
export const relationGet: HookCommand = {
  usage: "relation-get [options] [<key> [<unit id>]]",
  formats: ["smart", "json", "yaml"],
  flags: (state) => [booleanFlag("app"), relationFlag(state)],
  run({ state, flags, args }) {
    const relation = relationOf(state, flags.get("r"));
    const [key = "-", told, ...extra] = args;
    const name = subject(state, flags.get("app") === "true", told);
    refuseExtra(extra);
    const bag = bagOf(state, relation, name);
    return { value: key === "-" ? { ...bag } : (bag[key] ?? null) };
  },
};

function readPairs(args: readonly string[]): Bag {
  const pairs = new Map<string, string>();
  for (const word of args) {
    const at = word.indexOf("=");
    if (at < 1) throw new UsageError(`expected "key=value", got ${goQuote(word)}`);
    const key = word.slice(0, at);
    if (pairs.has(key)) throw new UsageError(`key ${goQuote(key)} specified more than once`);
    pairs.set(key, word.slice(at + 1));
  }
  return Object.fromEntries(pairs);
}

function changed(bag: Bag | undefined, pairs: Bag): Bag {
  const all = Object.entries({ ...bag, ...pairs }).filter(([, value]) => value !== "");
  return Object.fromEntries(all);
}

/** `relation-set` with its pairs as arguments; `--file` is not known here. What a hook sets counts once it has ended well. */
export const relationSet: HookCommand = {
  usage: "relation-set [options] key=value [key=value ...]",
  formats: [],
  flags: (state) => [booleanFlag("app"), relationFlag(state), textFlag("format")],
  run({ state, flags, args }) {
    const relation = relationOf(state, flags.get("r"));
    const pairs = readPairs(args);
    const isApp = flags.get("app") === "true";
    const stderr = flags.get("format") ? '--format flag deprecated for command "relation-set"' : "";
    if (args.length === 0) return { stderr };
    if (isApp && !state.leader) throw new RunError("cannot write relation settings");
    const set = isApp
      ? { "local-app": changed(relation["local-app"], pairs) }
      : { "local-unit": changed(relation["local-unit"], pairs) };
    const relations = state.relations.map((one) => (one.id === relation.id ? { ...one, ...set } : one));
    return { stderr, changes: { relations } };
  },
};
