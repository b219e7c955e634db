import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../src/conductor/paths.ts";
import type { Signature } from "../../src/conductor/signature.ts";
import type { Conductor } from "../rig/conductor.ts";
import type { Site } from "../rig/site.ts";
import { hookContext, hookEnvironment } from "../support/juju/hook-environment.ts";
import { readState } from "../support/juju/state-file.ts";
import { unitPaths } from "../support/juju/unit-paths.ts";

/** What Juju's hook commands answered a unit in line, as they printed it. */
export interface Answers {
  readonly config: string;
  readonly secret: string;
}

/** Where everything of a benchmark stands in a conductor. */
export const benchFolder = "/root/bench";

/** What was told to Juju last: the words of `status-set`. */
const statusFile = `${benchFolder}/status`;

/** The answers that a grafted unit got: its own records of them. */
export function recordAnswers({ conductor }: Site): Answers {
  const { config }: Pick<Signature, "config"> = JSON.parse(
    readFileSync(join(conductor.root, paths.signature), "utf8"),
  );
  const kubeconfig = readFileSync(join(conductor.root, paths.desiredKubeconfig), "utf8");
  return { config, secret: `${JSON.stringify({ kubeconfig })}\n` };
}

/**
 * Puts hook commands into a conductor that cost as little as a small client does: a shell's start and its own printf.
 * Those of the unit harness start Node, which would be most of what is measured.
 */
export function placeCommands({ root }: Conductor, answers: Answers): void {
  const commands = {
    "config-get": print(answers.config),
    "secret-get": print(answers.secret),
    "is-leader": print("true\n"),
    // Nothing is attached, and there is no other unit.
    "resource-get": "echo 'ERROR could not download resource: resource not found' >&2; exit 1",
    "relation-ids": print('["peers:1"]\n'),
    "relation-list": print("[]\n"),
    "relation-get": print("{}\n"),
    "relation-set": ":",
    "juju-log": ":",
    "application-version-set": ":",
    "status-set": `printf '%s\\n' "$*" >${statusFile}`,
  };
  mkdirSync(join(root, benchFolder, "tools"), { recursive: true });
  for (const [name, script] of Object.entries(commands)) {
    const file = join(root, benchFolder, "tools", name);
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }
}

function print(text: string): string {
  return `printf %s '${text.replaceAll("'", "'\\''")}'`;
}

/** The words of the last `status-set` since the commands were placed; "" without one. */
export function lastStatus({ root }: Conductor): string {
  try {
    return readFileSync(join(root, statusFile), "utf8").trim();
  } catch {
    return "";
  }
}

/** Exactly what Juju gives a hook of this unit, with the cheap commands first on PATH. */
export function environmentOf({ conductor, unit }: Site, name: string): Record<string, string> {
  const agent = unitPaths(conductor.root, "/var/lib/juju", unit.name);
  const state = readState(agent.onHost(join(agent.fake, "state.json")));
  const hook = { name };
  const environment = Object.fromEntries(hookEnvironment(state, hookContext(state, hook), hook, agent));
  return { ...environment, PATH: `${benchFolder}/tools:${environment["PATH"]}` };
}
