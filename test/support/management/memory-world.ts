import type { MemoryRule, MemoryUser } from "./memory-access.ts";
import type { MemoryKind, MemoryObject } from "./memory-cluster.ts";

/** What an API server in memory has. It may be changed while it runs. */
export interface MemoryWorld {
  /** Of CRDs; those that Kubernetes has built in come with it. */
  kinds: readonly MemoryKind[];
  objects: readonly MemoryObject[];
  /** Tokens, and whose they are. */
  users: Readonly<Record<string, MemoryUser>>;
  /** Who a client certificate stands for; nobody, unless given. */
  certificateUser?: (pem: string) => MemoryUser | undefined;
  rules: readonly MemoryRule[];
  /** Plurals with version, `clusters/v1beta1`, that can't be converted: 500 as soon as one is stored. */
  broken: readonly string[];
  /** `v1.33.4`. */
  version: string;
  /** How `/apis` is answered at best. */
  discovery: "v2" | "v2beta1" | "plain";
  /** Groups with version that aggregated discovery calls stale. */
  stale: readonly string[];
  /** Answers instead, where it gives something: for faults. `path` has the query. */
  instead?: (method: string, path: string) => MemoryAnswer | undefined;
}

/** What goes over the wire. A body that is a text goes as it is. */
export interface MemoryAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request, and who makes it. */
export interface Request {
  readonly method: string;
  readonly url: URL;
  readonly accept: string;
  readonly body: unknown;
  readonly user: MemoryUser;
}

/** A refusal in Kubernetes' own form. */
export function failure(code: number, reason: string, message: string): MemoryAnswer {
  const body = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
  return { status: code, body };
}

/** Of what is not there: a group, a version, a kind. */
export const pageNotFound: MemoryAnswer = {
  status: 404,
  body: "404 page not found\n",
  contentType: "text/plain; charset=utf-8",
};
/** A page of discovery, or that there is none. */
export const page = (body: object | undefined): MemoryAnswer =>
  body === undefined ? pageNotFound : { status: 200, body };
