import { readFileSync } from "node:fs";
import { paths } from "../conductor/paths.ts";
import { isQuiet, readSignature, type Signature } from "../conductor/signature.ts";
import type { HookAnswer } from "./hook-command.ts";

/** What Juju says when a hook begins: the options, and the kubeconfig's secret if its URI is known. */
export interface Asked {
  readonly config: HookAnswer;
  readonly secret?: { readonly uri: string; readonly answer: HookAnswer };
}

/** The model's proxies out of a hook's environment, as one text of a JSON array; empty where it has none. */
export function toldProxies({
  JUJU_CHARM_HTTP_PROXY: http = "",
  JUJU_CHARM_HTTPS_PROXY: https = "",
  JUJU_CHARM_NO_PROXY: no = "",
}: Readonly<Record<string, string | undefined>>): string {
  // Juju's own default of juju-no-proxy is not empty.
  return http === "" && https === "" ? "" : JSON.stringify([http, https, no]);
}

/** Whether the model's proxies are those of the last look. */
export function hasSameProxies(
  { proxies = "" }: Pick<Signature, "proxies">,
  environment: Parameters<typeof toldProxies>[0],
): boolean {
  return toldProxies(environment) === proxies;
}

/** Files in which the hook's stub hands on what Juju answers: pipes, read once. */
export interface AnswerFiles {
  /** What `config-get --format=json` printed, NUL, its exit code. */
  readonly config: string;
  /** The same of `secret-get` for the secret that the signature names; empty where there is no signature. */
  readonly secret: string;
}

/** `undefined` where the stub asked nothing, or died while it asked. */
function readAnswer(file: string): HookAnswer | undefined {
  const [stdout = "", code] = readFileSync(file, "utf8").split("\0");
  return code === undefined ? undefined : { code: Number(code), stdout };
}

/** What Juju said in these files. */
export function readAsked(
  files: AnswerFiles,
  signature: Signature | undefined = readSignature(paths.signature),
): Asked {
  const config = readAnswer(files.config);
  if (config === undefined) throw new Error("config-get was not asked: run this through the charm's hooks/");
  if (signature === undefined) return { config };
  const answer = readAnswer(files.secret);
  return answer === undefined ? { config } : { config, secret: { uri: signature.secret, answer } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The engine's own error would quote from a secret.
    throw new Error("secret-get ended with 0, but printed no JSON");
  }
}

/** The text of the key `kubeconfig` of a secret; `undefined` when there is none. Throws where no JSON was printed. */
export function kubeconfigOf(answer: HookAnswer): string | undefined {
  if (answer.code !== 0) return undefined;
  const content = parsed(answer.stdout);
  const text = (content as { kubeconfig?: unknown } | null)?.kubeconfig;
  return typeof text === "string" ? text : undefined;
}

function sameKubeconfig(asked: Asked, { secret }: Signature): boolean {
  // It came out of an attached file, which the hook upgrade-charm tells of.
  if (secret === "") return true;
  const text = asked.secret === undefined ? undefined : kubeconfigOf(asked.secret.answer);
  return text !== undefined && text === readFileSync(paths.desiredKubeconfig, "utf8");
}

/** Whether the last look was this unit's: another one on this machine has a charm of its own. */
function isOfThisUnit({ files }: Signature): boolean {
  return Object.hasOwn(files, `${process.cwd()}/dist/main.cjs`);
}

/**
 * Decides whether a hook has nothing to do: the options, the proxies and the kubeconfig are those of the last run, which found the
 * unit in line, and no file or process has changed since. `undefined` means so; else what Juju said is handed on.
 */
export function nothingToDo(files: AnswerFiles): Asked | undefined {
  const signature = readSignature(paths.signature);
  const asked = readAsked(files, signature);
  const same =
    signature?.inLine === true &&
    isOfThisUnit(signature) &&
    signature.blocked === undefined &&
    signature.peers !== "due" &&
    asked.config.stdout === signature.config &&
    hasSameProxies(signature, process.env) &&
    isQuiet(signature, Date.now()) &&
    sameKubeconfig(asked, signature);
  return same ? undefined : asked;
}

/** Whether what other units tell is nothing to this one: it neither leads nor waits for anything of theirs. */
export function peersAreNothing(): boolean {
  const signature = readSignature(paths.signature);
  return signature !== undefined && signature.peers === undefined;
}

/** The same for a run that Juju does not start: nothing has changed since the last look, and it is not to be repeated yet. */
export function nothingChanged(): boolean {
  return isQuiet(readSignature(paths.signature), Date.now());
}
