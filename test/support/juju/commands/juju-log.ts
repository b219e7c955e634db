import type { AgentState } from "../agent-state.ts";
import { UsageError } from "../gnu-flags.ts";
import { goQuote } from "../go-quote.ts";
import { booleanFlag, type HookCommand, textFlag } from "../hook-command.ts";

const levels = ["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

/** `juju-log`: in a relation hook the relation's id goes before the message. */
export const jujuLog: HookCommand = {
  usage: "juju-log [options] <message>",
  formats: [],
  flags: () => [booleanFlag("debug"), textFlag("l", "log-level"), textFlag("format")],
  run({ state, flags, args }) {
    if (args.length === 0) throw new UsageError("no message specified");
    const logger = `unit.${state.unit}.juju-log`;
    const asked = flags.get("debug") === "true" ? "DEBUG" : flags.get("l") || "INFO";
    const level = parseLevel(asked);
    const log = [`${level ?? "INFO"} ${logger} ${relationPrefix(state)}${args.join(" ")}`];
    if (level === undefined)
      log.unshift(`WARNING ${logger} Specified log level of ${goQuote(asked)} is not valid`);
    const stderr = flags.get("format") ? '--format flag deprecated for command "juju-log"' : "";
    return { stderr, changes: { log: [...state.log, ...log] } };
  },
};

function parseLevel(text: string): string | undefined {
  const upper = text.toUpperCase();
  return upper === "WARN" ? "WARNING" : levels.find((level) => level === upper);
}

function relationPrefix({ context, relations }: AgentState): string {
  const relation = relations.find(({ id }) => id === context?.["relation-id"]);
  return relation === undefined ? "" : `${relation.endpoint}:${relation.id}: `;
}
