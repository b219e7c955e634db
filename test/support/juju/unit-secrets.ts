import { randomBytes } from "node:crypto";
import type { Secret } from "./agent-state.ts";
import type { AgentStore } from "./agent-store.ts";
import { parseSecretUri } from "./secret-uri.ts";

type Content = Readonly<Record<string, string>>;

/** Adds a secret of the model that the unit may not read yet. Returns its address. Throws on a wrong key. */
export function addSecret(store: AgentStore, content: Content): string {
  const id = newSecretId();
  const secret: Secret = {
    owner: "model",
    granted: false,
    tracked: 0,
    "consumer-label": "",
    revisions: [checked(content)],
  };
  store.change(({ secrets }) => ({ secrets: { ...secrets, [id]: secret } }));
  return `secret:${id}`;
}

/** Lets the unit read a secret, or no longer. No hook tells the unit. Throws when there is no such secret. */
export function grantSecret(store: AgentStore, uri: string, granted: boolean): void {
  changeSecret(store, uri, (secret) => ({ ...secret, granted }));
}

/** Adds a revision. True when the unit has to be told: it has read the secret and the content is new. */
export function updateSecret(store: AgentStore, uri: string, content: Content): boolean {
  let told = false;
  changeSecret(store, uri, (secret) => {
    if (sameContent(secret.revisions.at(-1) ?? {}, checked(content))) return secret;
    told = secret.tracked > 0;
    return { ...secret, revisions: [...secret.revisions, content] };
  });
  return told;
}

/** Takes a secret out of the model. */
export function removeSecret(store: AgentStore, uri: string): void {
  store.change(({ secrets }) => {
    const id = idOf(uri, secrets);
    return { secrets: Object.fromEntries(Object.entries(secrets).filter(([other]) => other !== id)) };
  });
}

function changeSecret(store: AgentStore, uri: string, change: (secret: Secret) => Secret): void {
  store.change(({ secrets }) => {
    const id = idOf(uri, secrets);
    const secret = secrets[id];
    return secret === undefined ? {} : { secrets: { ...secrets, [id]: change(secret) } };
  });
}

function idOf(uri: string, secrets: Readonly<Record<string, Secret>>): string {
  const id = parseSecretUri(uri)?.id;
  if (id === undefined || !(id in secrets))
    throw new Error(`secret "${uri}" not found: add it with addSecret first`);
  return id;
}

function checked(content: Content): Content {
  const wrong = Object.keys(content).find((key) => !/^[a-z](?:-?[a-z0-9]){2,}$/.test(key));
  if (wrong !== undefined)
    throw new Error(`secret key "${wrong}" not valid: use three or more of a-z, 0-9 and -`);
  if (Object.keys(content).length === 0) throw new Error("empty secret value: give at least one key");
  return content;
}

function sameContent(a: Content, b: Content): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** Makes an id as Juju does: 12 bytes in base 32, whose last digit holds one bit. */
function newSecretId(): string {
  const digits = "0123456789abcdefghijklmnopqrstuv";
  const bits = Array.from(randomBytes(12), (byte) => byte.toString(2).padStart(8, "0")).join("");
  const groups = bits.padEnd(100, "0").match(/.{5}/g) ?? [];
  return groups.map((group) => digits[Number.parseInt(group, 2)]).join("");
}
