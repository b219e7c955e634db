import { randomBytes } from "node:crypto";

/** A secret's address taken apart. */
export interface SecretUri {
  /** 20 letters and digits. */
  readonly id: string;
  /** The model that owns it, where the address names one. */
  readonly model: string | undefined;
  /** The usual spelling, `secret:ID` or `secret://MODEL/ID`. */
  readonly text: string;
}

const form = /^(?:secret:)?(?:\/\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/)?([0-9a-v]{20})$/;
const digits = "0123456789abcdefghijklmnopqrstuv";

/** Reads `secret:ID`, `ID` or `secret://MODEL/ID`; undefined when it is none of them. */
export function parseSecretUri(text: string): SecretUri | undefined {
  const [, model, id] = form.exec(text) ?? [];
  if (id === undefined) return undefined;
  return { id, model, text: model === undefined ? `secret:${id}` : `secret://${model}/${id}` };
}

/** Makes an id as Juju does: 12 bytes in base 32, whose last digit holds one bit. */
export function newSecretId(): string {
  const bits = Array.from(randomBytes(12), (byte) => byte.toString(2).padStart(8, "0")).join("");
  const groups = bits.padEnd(100, "0").match(/.{5}/g) ?? [];
  return groups.map((group) => digits[Number.parseInt(group, 2)]).join("");
}
