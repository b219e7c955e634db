import type { Cure } from "../host/host.ts";

/** What the API server of the management cluster answered, whatever its status. */
export interface ApiAnswer {
  readonly status: number;
  /** Media type with its parameters, as discovery needs it. */
  readonly contentType: string;
  /** The text of a `Warning: 299` header, such as that of a deprecated version; absent without one. */
  readonly warning?: string;
  /** The JSON of the body; `undefined` where it holds none. */
  readonly body: unknown;
}

/** Why there is no answer: how far the request came, and who has to act. Never holds a credential. */
export interface ApiFault {
  readonly fault: "tcp" | "tls" | "http";
  readonly cure: Cure;
  readonly reason: string;
  readonly remedy: string;
}

/**
 * The API server as the driver's credentials reach it. Every request has a time limit; 429 and 503 with Retry-After are
 * tried again within it; redirects are not followed; at most four requests are under way at once.
 */
export interface Api {
  /** `accept`: media types; JSON unless given. */
  get(path: string, options?: { readonly accept?: string }): Promise<ApiAnswer | ApiFault>;
  post(path: string, body: unknown): Promise<ApiAnswer | ApiFault>;
}

/** Whether a request got no answer. */
export function isFault(result: ApiAnswer | ApiFault): result is ApiFault {
  return "fault" in result;
}
