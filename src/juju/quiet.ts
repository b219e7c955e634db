import { readFileSync } from "node:fs";
import { paths } from "../conductor/paths.ts";
import { readSignature, type Signature, signatureHolds } from "../conductor/signature.ts";
import { type HookAnswer, hookCommand } from "./hook-command.ts";

/** What Juju says when a hook begins: the options, and the kubeconfig's secret if its URI is known. */
export interface Asked {
  readonly config: HookAnswer;
  readonly secret?: { readonly uri: string; readonly answer: HookAnswer };
}

/** Reads a secret's newest revision. */
export function getSecret(uri: string): Promise<HookAnswer> {
  return hookCommand("secret-get", ["--format=json", "--refresh", uri]);
}

async function ask(signature: Signature | undefined): Promise<Asked> {
  const config = hookCommand("config-get", ["--format=json"]);
  if (signature === undefined) return { config: await config };
  const secret = getSecret(signature.secret);
  return { config: await config, secret: { uri: signature.secret, answer: await secret } };
}

/** The text of the key `kubeconfig` of a secret; `undefined` when there is none. */
export function kubeconfigOf(answer: HookAnswer): string | undefined {
  if (answer.code !== 0) return undefined;
  const content: unknown = JSON.parse(answer.stdout);
  const text = (content as { kubeconfig?: unknown } | null)?.kubeconfig;
  return typeof text === "string" ? text : undefined;
}

function sameKubeconfig(asked: Asked): boolean {
  const text = asked.secret === undefined ? undefined : kubeconfigOf(asked.secret.answer);
  return text !== undefined && text === readFileSync(paths.desiredKubeconfig, "utf8");
}

/**
 * Decides whether a hook has nothing to do: the options and the kubeconfig are those of the last run, which found the
 * unit in line, and no file or process has changed since. `undefined` means so; else what Juju said is handed on.
 */
export async function nothingToDo(): Promise<Asked | undefined> {
  const signature = readSignature(paths.signature);
  const asked = await ask(signature);
  const same =
    signature !== undefined &&
    asked.config.stdout === signature.config &&
    signatureHolds(signature) &&
    sameKubeconfig(asked);
  return same ? undefined : asked;
}
