import * as z from "zod";

/** What a unit tells its peers, as far as it could be read: a key that is not there is one that it does not tell. */
export interface PeerData {
  readonly driver?: string | undefined;
  /** Salted digest of the wish in force, but for the kubeconfig. */
  readonly config?: string | undefined;
  /** Salted digest of the kubeconfig. */
  readonly kubeconfig?: string | undefined;
  /** The word of its status. */
  readonly state?: string | undefined;
  /** Names its request to restart its services; absent where it has none. */
  readonly wants?: string | undefined;
  /** Set while what it was asked for did not hold on it. */
  readonly failed?: string | undefined;
}

/** Whose turn it is to restart. */
export interface Turn {
  readonly unit: string;
  /** The request that it answers. */
  readonly id: string;
  /** When it was given, milliseconds since the epoch by the leader's clock. */
  readonly at: number;
}

/** What the leader tells all units. */
export interface Roll {
  readonly salt?: string | undefined;
  readonly turn?: Turn | undefined;
  /** The unit on which a change failed, which stops the others. */
  readonly stopped?: string | undefined;
  /** Requests that were given their turn and did not use it in time, by unit. */
  readonly passed?: Readonly<Record<string, string>> | undefined;
}

/** What may be read of a peer: it may be of another release, or none of ours. */
const longestText = 64 * 1024;

const word = (pattern: RegExp) => z.string().regex(pattern).optional().catch(undefined);
const unitName = /^[a-z][a-z0-9-]{0,99}\/\d{1,9}$/;
const digest = /^[0-9a-f]{16,64}$/;

const peerSchema = z.object({
  driver: word(/^[0-9][0-9a-z.+-]{0,30}$/),
  config: word(digest),
  kubeconfig: word(digest),
  state: word(/^[a-z]{1,20}$/),
  wants: word(/^[0-9a-f]{16}$/),
  failed: word(/^yes$/),
});

const turnSchema = z.object({
  unit: z.string().regex(unitName),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  at: z.number().int().nonnegative(),
});

const rollSchema = z.object({
  salt: word(/^[0-9a-f]{32}$/),
  turn: jsonOf(turnSchema),
  stopped: word(unitName),
  passed: jsonOf(z.record(z.string().regex(unitName), z.string().regex(/^[0-9a-f]{16}$/))),
});

function jsonOf<T extends z.ZodType>(schema: T) {
  const parsed = z.string().transform((text, context) => {
    const value = parseJson(text);
    if (value === undefined) context.addIssue("no JSON");
    return value;
  });
  return parsed.pipe(schema).optional().catch(undefined);
}

/** `undefined` for what is no JSON, or too long to be ours. */
function parseJson(text: string): unknown {
  if (text.length > longestText) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether a text is the name of a unit. */
export function isUnitName(text: string): boolean {
  return unitName.test(text);
}

/** The names in the answer of `relation-list`; none where it can't be read. */
export function unitNames(text: string): readonly string[] {
  const found = z.array(z.string().regex(unitName)).safeParse(parseJson(text));
  return found.success ? found.data : [];
}

/** A unit's data out of the answer of `relation-get`: whatever can't be read is left out. Never throws. */
export function readPeer(text: string): PeerData {
  const found = peerSchema.safeParse(parseJson(text));
  return found.success ? found.data : {};
}

/** The same of the leader's data. */
export function readRoll(text: string): Roll {
  const found = rollSchema.safeParse(parseJson(text));
  return found.success ? found.data : {};
}

/** The leader's data as flat texts; a key that is left out is an empty one, which takes it away. */
export function rollTexts({ salt = "", turn, stopped = "", passed = {} }: Roll): Record<string, string> {
  return {
    salt,
    turn: turn === undefined ? "" : JSON.stringify(turn),
    stopped,
    passed: Object.keys(passed).length === 0 ? "" : JSON.stringify(passed),
  };
}

/** The same of a unit's. */
export function peerTexts(data: PeerData): Record<string, string> {
  const { driver = "", config = "", kubeconfig = "", state = "", wants = "", failed = "" } = data;
  return { driver, config, kubeconfig, state, wants, failed };
}
