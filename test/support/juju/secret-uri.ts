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

/** Reads `secret:ID`, `ID` or `secret://MODEL/ID`; undefined when it is none of them. */
export function parseSecretUri(text: string): SecretUri | undefined {
  const [, model, id] = form.exec(text) ?? [];
  if (id === undefined) return undefined;
  return { id, model, text: model === undefined ? `secret:${id}` : `secret://${model}/${id}` };
}
