import type { AgentState, Secret } from "../agent-state.ts";
import { UsageError } from "../gnu-flags.ts";
import { goQuote } from "../go-quote.ts";
import {
  booleanFlag,
  type CommandInput,
  type HookCommand,
  RunError,
  refuseExtra,
  textFlag,
} from "../hook-command.ts";
import { parseSecretUri, type SecretUri } from "../secret-uri.ts";

interface Request {
  readonly uri: SecretUri | undefined;
  readonly label: string;
  readonly key: string | undefined;
  readonly peek: boolean;
  readonly refresh: boolean;
}

/**
 * `secret-get`: the first read pins the latest revision, later ones give the same until `--refresh`. `--peek`
 * gives the latest without moving the pin, but pins a secret that was never read.
 */
export const secretGet: HookCommand = {
  usage: "secret-get [options] <ID> [key[#base64]]",
  formats: ["yaml", "json"],
  flags: () => [textFlag("label"), booleanFlag("peek"), booleanFlag("refresh")],
  run(input) {
    const request = readRequest(input);
    const [id, secret] = findSecret(input.state, request);
    const latest = secret.revisions.length;
    const pinned: Secret = {
      ...secret,
      tracked: secret.tracked === 0 || request.refresh ? latest : secret.tracked,
      "consumer-label":
        request.uri !== undefined && request.label !== "" ? request.label : secret["consumer-label"],
    };
    const changes = { secrets: { ...input.state.secrets, [id]: pinned } };
    if (!secret.granted) refuse(input.state, pinned === secret ? {} : changes);
    const content = secret.revisions[(request.peek ? latest : pinned.tracked) - 1] ?? {};
    return { value: request.key === undefined ? content : readKey(content, request.key, changes), changes };
  },
};

function readRequest({ flags, args }: CommandInput): Request {
  const [given, key, ...extra] = args;
  const uri = given === undefined ? undefined : parseSecretUri(given);
  if (given !== undefined && uri === undefined)
    throw new UsageError(`secret URI ${goQuote(given)} not valid`);
  const label = flags.get("label") ?? "";
  if (uri === undefined && label === "") throw new UsageError("require either a secret URI or label");
  const [peek, refresh] = [flags.get("peek") === "true", flags.get("refresh") === "true"];
  if (peek && refresh) throw new UsageError("specify one of --peek or --refresh but not both");
  refuseExtra(extra);
  return { uri, label, key: key === "" ? undefined : key, peek, refresh };
}

function findSecret(state: AgentState, { uri, label }: Request): readonly [string, Secret] {
  const found = Object.entries(state.secrets).find(([id, secret]) =>
    uri === undefined
      ? secret["consumer-label"] === label || secret["owner-label"] === label
      : isAt(uri, id, state),
  );
  if (found !== undefined) return found;
  const old = state.juju === "3.6.28";
  if (uri === undefined) {
    const missing = `consumer label ${goQuote(label)}`;
    throw new RunError(old ? `${missing} not found` : `secret URI for ${missing} not found`);
  }
  throw new RunError(
    old ? `secret ${goQuote(uri.text)} not found` : "getting latest secret revision: secret not found",
  );
}

function isAt(uri: SecretUri, id: string, state: AgentState): boolean {
  return uri.id === id && (uri.model === undefined || uri.model === state["model-uuid"]);
}

/** Juju 4 makes the unit a consumer before it looks at the grant. */
function refuse(state: AgentState, changes: Partial<AgentState>): never {
  if (state.juju === "3.6.28") throw new RunError("permission denied");
  throw new RunError(`${goQuote(state.unit)} is not allowed to read this secret`, changes);
}

function readKey(content: Secret["revisions"][number], key: string, changes: Partial<AgentState>): string {
  const name = key.replace(/#base64$/, "");
  const text = content[name];
  if (text === undefined) throw new RunError(`secret key value ${goQuote(name)} not found`, changes);
  return name === key ? text : Buffer.from(text).toString("base64");
}
