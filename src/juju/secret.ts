import type { Trouble } from "../reconcile/report.ts";
import type { HookAnswer } from "./hook-command.ts";
import { kubeconfigOf } from "./quiet.ts";

/** Why there is no kubeconfig, as a trouble of the option of that name. */
export type SecretTrouble = Pick<Trouble, "cure" | "reason" | "remedy">;

/** The kubeconfig's text, or why there is none. */
export type Kubeconfig = { readonly text: string } | { readonly trouble: SecretTrouble };

/** What the words of a remedy and the state of the unit need. */
export interface SecretContext {
  /** The application's name at Juju. */
  readonly app: string;
  /** Whether the unit has been grafted with this secret before, and goes on with what it was given then. */
  readonly isInForce: boolean;
}

/** `secret:ID` or `secret://MODEL/ID`; Juju takes a bare ID too. */
const uriForm = /^(?:secret:(?:\/\/[0-9a-f-]{36}\/)?)?([0-9a-z]{20})$/;

function operator(reason: string, remedy: string): SecretTrouble {
  return { cure: "operator", reason, remedy };
}

/** Why an option can't be the URI of a secret; `undefined` where it can. The value is never shown: it may be a token. */
export function uriTrouble(uri: string, app: string): SecretTrouble | undefined {
  const set = `juju config ${app} kubeconfig=secret:ID`;
  if (uri === "") return operator("the option kubeconfig is not set", set);
  if (uriForm.test(uri)) return undefined;
  const isName = /^[a-z][a-z0-9-]{0,62}$/.test(uri);
  return operator(isName ? "kubeconfig is a name, no secret URI" : "kubeconfig is no secret URI", set);
}

/** The form of a URI that commands are shown with. */
function shortUri(uri: string): string {
  return `secret:${uriForm.exec(uri)?.[1] ?? "ID"}`;
}

/** Exit codes of a hook command that was ended by a time limit: of ours, of `timeout`, of its `-k`. */
const lateCodes = new Set([-1, 124, 137]);

/** Whether a hook command gave no answer in time. */
export function isLate(answer: HookAnswer): boolean {
  return lateCodes.has(answer.code);
}

/**
 * Whether Juju says that the secret is gone. Its words are not promised: of 3.6 `secret "secret:ID" not found`, of 4.0
 * `getting latest secret revision: secret not found`. So they only choose between two remedies.
 */
function isGone(said: string): boolean {
  return /\bsecret(?: "[^"]*")? not found/.test(said);
}

function unread(answer: HookAnswer, uri: string, { app, isInForce }: SecretContext): SecretTrouble {
  if (isLate(answer)) {
    return { cure: "time", reason: "secret-get gave no answer within 60 s", remedy: "is the controller up?" };
  }
  if (answer.code === 2)
    return operator("kubeconfig is no secret URI", `juju config ${app} kubeconfig=secret:ID`);
  if (isGone(answer.stderr ?? "")) {
    const reason = isInForce ? "secret is gone, unit serves on" : "the secret of kubeconfig is gone";
    return operator(reason, `juju config ${app} kubeconfig=secret:ID`);
  }
  const reason = isInForce ? "grant revoked, unit serves on" : "kubeconfig is not granted";
  return operator(reason, `juju grant-secret ${shortUri(uri)} ${app}`);
}

/**
 * The kubeconfig out of what `secret-get` answered, or the state of the secret with the command that cures it. Exit
 * code 1 is a secret that the unit may not read, or one that is gone: Juju tells them apart by its words alone.
 */
export function kubeconfigIn(answer: HookAnswer, uri: string, context: SecretContext): Kubeconfig {
  if (answer.code !== 0) return { trouble: unread(answer, uri, context) };
  const text = kubeconfigOf(answer);
  if (text !== undefined && text.trim() !== "") return { text };
  const reason = text === undefined ? "no key kubeconfig in it" : "its kubeconfig is empty";
  return { trouble: operator(reason, `juju update-secret ${shortUri(uri)} kubeconfig#file=PATH`) };
}
