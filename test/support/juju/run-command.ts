import { dirname, isAbsolute, join } from "node:path";
import type { AgentState } from "./agent-state.ts";
import { allCommands } from "./commands/all-commands.ts";
import { checkConnection, type Files } from "./connection.ts";
import { type ParsedFlags, parseFlags, UsageError } from "./gnu-flags.ts";
import { goJson, type Value } from "./go-json.ts";
import { goYaml } from "./go-yaml.ts";
import { type Fetch, type Format, type HookCommand, outputFlags, RunError } from "./hook-command.ts";

/** One call of a hook command. */
export interface Call {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env: { readonly [name: string]: string | undefined };
  readonly cwd: string;
}

/** What a call prints and changes. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The parts of the state that become others; absent when the call only reads. */
  readonly changes?: Partial<AgentState>;
  /** The file of `--output`; then nothing goes to stdout. */
  readonly file?: { readonly path: string; readonly text: string };
  /** What the caller has to fetch from the controller. */
  readonly fetch?: Fetch;
}

/** Answers one call as Juju's hook command of that name does. A pure function: the caller stores the changes. */
export function runCommand(call: Call, state: AgentState, files: Files): Outcome {
  try {
    checkConnection(call.env, state, files);
    const command = allCommands.get(call.name);
    if (command === undefined)
      throw new RunError(`bad request: unknown command ${JSON.stringify(call.name)}`);
    return answer(call, command, state);
  } catch (error) {
    if (error instanceof UsageError) return failure(2, error.message);
    if (error instanceof RunError) return { ...failure(1, error.message), ...onlyReal(error.changes) };
    throw error;
  }
}

function answer(call: Call, command: HookCommand, state: AgentState): Outcome {
  const ofOutput = command.formats.length > 0 ? outputFlags(command.formats) : [];
  const parsed = parseFlags([...command.flags(state), ...ofOutput], call.argv);
  if (parsed.help) return { code: 0, stdout: `Usage: ${command.usage}\n`, stderr: "" };
  const result = command.run({ state, agent: agentOf(call), ...parsed });
  const value = result.value === undefined ? "" : print(result.value, chosenFormat(parsed, command));
  const text = result.text ?? value;
  const shown = { code: 0, stderr: result.stderr ?? "", ...onlyReal(result.changes), ...fetching(result) };
  const output = parsed.flags.get("o") ?? "";
  if (output === "") return { ...shown, stdout: text };
  const path = isAbsolute(output) ? output : join(call.cwd, output);
  return { ...shown, stdout: "", file: { path, text } };
}

function agentOf({ env }: Call): string {
  return dirname(env["JUJU_AGENT_SOCKET_ADDRESS"] ?? "");
}

function fetching({ fetch }: { readonly fetch?: Fetch }): Pick<Outcome, "fetch"> {
  return fetch === undefined ? {} : { fetch };
}

function chosenFormat({ flags }: ParsedFlags, command: HookCommand): Format {
  const asked = flags.get("format");
  return command.formats.find((format) => format === asked) ?? command.formats[0] ?? "smart";
}

function print(value: Value, format: Format): string {
  if (format === "json") return `${goJson(value)}\n`;
  if (value === null) return "";
  const text = format === "smart" ? smart(value) : goYaml(value);
  return text === "" ? "" : `${text}\n`;
}

function smart(value: Value): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "True" : "False";
  return Array.isArray(value) ? value.join("\n") : goYaml(value);
}

function failure(code: number, message: string): Outcome {
  return { code, stdout: "", stderr: `ERROR ${message}\n` };
}

function onlyReal(changes: Partial<AgentState> = {}): Pick<Outcome, "changes"> {
  return Object.keys(changes).length > 0 ? { changes } : {};
}
