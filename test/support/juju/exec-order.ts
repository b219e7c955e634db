import type { JujuVersion } from "./agent-state.ts";
import { parseFlags, UsageError } from "./gnu-flags.ts";
import { goQuote } from "./go-quote.ts";
import { booleanFlag, RunError, textFlag } from "./hook-command.ts";

/** What `juju-exec` is asked to run, and for which unit. */
export interface ExecOrder {
  readonly unit: string;
  /** One text for the shell. */
  readonly commands: string;
}

/** One call of `juju-exec`. */
export interface ExecCall {
  readonly argv: readonly string[];
  readonly env: { readonly [name: string]: string | undefined };
  readonly juju: JujuVersion;
  /** The units whose agents have a folder on this machine. */
  readonly units: readonly string[];
}

/**
 * Reads the command line of `juju-exec` as Juju's does; "help" when it asks for help. Throws `UsageError` (exit code 2)
 * or `RunError` (1). The errors were seen but for the text that refuses a call from a hook, which is from the source,
 * as is that a single unit of a machine need not be named. This stand-in has no `--no-context` and no relations.
 */
export function readExecOrder({ argv, env, juju, units }: ExecCall): ExecOrder | "help" {
  const parsed = parseFlags(execFlags(juju), argv);
  if (parsed.help) return "help";
  const { JUJU_CONTEXT_ID: context } = env;
  if (context) {
    throw new UsageError(`juju-exec cannot be called from within a hook, have context ${goQuote(context)}`);
  }
  const remote = parsed.flags.get("remote-unit") ?? "";
  if (remote !== "" && !isUnit(remote)) {
    throw new UsageError(
      `remoteUnit ${goQuote(remote)} is not a valid unit name: ${goQuote(remote)} is not a valid unit name`,
    );
  }
  const named = parsed.flags.get("u") ?? "-";
  refuseNoContext(parsed.flags.get("no-context") === "true", named);
  const { unit, rest } = chooseUnit(named, parsed.args, units);
  if (rest.length === 0) throw new UsageError("missing commands");
  if (!units.includes(unit)) throw new RunError(`unit ${goQuote(unit)} not found on this machine`);
  if (["r", "remote-unit", "remote-app"].some((name) => parsed.flags.get(name))) {
    throw new Error("this stand-in runs juju-exec in no relation: teach it");
  }
  const [only = "", ...more] = rest;
  return { unit, commands: more.length === 0 ? only : rest.map(shellWord).join(" ") };
}

function execFlags(juju: JujuVersion): Parameters<typeof parseFlags>[0] {
  const old = juju === "3.6.28" ? [booleanFlag("operator")] : [];
  const texts = [textFlag("u"), textFlag("r", "relation"), textFlag("remote-unit"), textFlag("remote-app")];
  return [...texts, booleanFlag("no-context"), booleanFlag("force-remote-unit"), ...old];
}

function refuseNoContext(asked: boolean, named: string): void {
  if (!asked) return;
  if (named === "-") throw new Error("this stand-in has no juju-exec --no-context: teach it");
  throw new UsageError(`-no-context cannot be passed with an explicit unit-name (-u ${goQuote(named)})`);
}

function chooseUnit(
  named: string,
  args: readonly string[],
  units: readonly string[],
): { readonly unit: string; readonly rest: readonly string[] } {
  if (named !== "-" && named !== "") return { unit: unitOf(named), rest: args };
  const [first, ...rest] = args;
  if (first === undefined) throw new UsageError("missing unit-name");
  const [single, ...others] = units;
  const inferred = others.length === 0 ? single : undefined;
  if (inferred !== undefined && readUnit(first) === undefined) return { unit: inferred, rest: args };
  return { unit: unitOf(first), rest };
}

function unitOf(text: string): string {
  const unit = readUnit(text);
  if (unit === undefined) throw new UsageError(`${goQuote(text)} is not a valid tag`);
  return unit;
}

/** A unit's name, or its tag: `unit-magnum-capi-helm-0`. */
function readUnit(text: string): string | undefined {
  if (isUnit(text)) return text;
  const unit = text.replace(/^unit-(.+)-(\d+)$/, "$1/$2");
  return isUnit(unit) ? unit : undefined;
}

function isUnit(text: string): boolean {
  return /^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*\/(0|[1-9]\d*)$/.test(text);
}

/** Juju quotes a word only for spaces, `"`, `$` and backslashes; other characters reach the shell as they are. */
function shellWord(word: string): string {
  return /[\s"$\\]/.test(word) ? `"${word.replace(/["$\\]/g, "\\$&")}"` : word;
}
