import { knownManagement } from "../management/shared.ts";

/** A token that may be found in its own places alone. */
export interface Token {
  readonly name: string;
  /** With a sign in the middle that JSON, as Go writes it, and URLs spell in another way. */
  readonly text: string;
  /** What to look for: each half as it is, so that a cut or an escaped token is found too, and in base64. */
  readonly forms: readonly string[];
}

/** What of a text's base64 does not depend on the bytes around it, for each of the three ways in which it may begin. */
function base64Forms(text: string): readonly string[] {
  return [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString("base64");
    return before === 0 ? whole : whole.slice(4);
  });
}

let used = 0;

/** A token that nothing else in the world holds, and that the management cluster of this test run takes. */
export function newToken(name: string): Token {
  const { tokens = [] } = knownManagement()?.facts ?? {};
  const halves = tokens[used];
  if (halves === undefined) throw new Error(`the management cluster has ${tokens.length} tokens, all used`);
  used += 1;
  return { name, text: halves.join("&"), forms: [...halves, ...halves.flatMap(base64Forms)] };
}

/** Names of the tokens of which a text holds something. */
export function tokensIn(text: string, tokens: readonly Token[]): readonly string[] {
  return tokens.filter(({ forms }) => forms.some((form) => text.includes(form))).map(({ name }) => name);
}
