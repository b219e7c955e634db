import type { HttpsReply } from "../../../src/host/memory-host.ts";
import { type Api, type ApiAnswer, isFault } from "../../../src/management/api.ts";

/** A rule as a Role or ClusterRole has it. */
export interface RbacRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** What is bound to the credential: for the whole cluster, and in namespaces. */
export interface Bound {
  readonly cluster: readonly RbacRule[];
  readonly namespaces?: Readonly<Record<string, readonly RbacRule[]>>;
}

interface Attributes {
  readonly verb: string;
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

function has(list: readonly string[], ...wanted: readonly string[]): boolean {
  return list.includes("*") || wanted.some((it) => list.includes(it));
}

function granted(rule: RbacRule, it: Attributes): boolean {
  const full = it.subresource === undefined ? it.resource : `${it.resource}/${it.subresource}`;
  const any = it.subresource === undefined ? [] : [`*/${it.subresource}`];
  const names = rule.resourceNames ?? [];
  return (
    has(rule.verbs, it.verb) &&
    has(rule.apiGroups, it.group ?? "") &&
    has(rule.resources, full, ...any) &&
    (names.length === 0 || names.includes(it.name ?? ""))
  );
}

/**
 * An API server that knows nothing but who may do what, and answers as RBAC does (a test of the rig holds it to the real
 * one). `asked` takes down the kind of each question.
 */
export function rbacApi({ cluster, namespaces = {} }: Bound): Api & { readonly asked: string[] } {
  const asked: string[] = [];
  const rulesFor = (namespace = "") => [...cluster, ...(namespaces[namespace] ?? [])];
  const answer = (kind: string, spec: Record<string, unknown>): unknown => {
    if (kind === "SelfSubjectRulesReview") {
      return { resourceRules: rulesFor(String(spec["namespace"])), incomplete: false };
    }
    const attributes = spec["resourceAttributes"] as Attributes;
    return { allowed: rulesFor(attributes.namespace).some((rule) => granted(rule, attributes)) };
  };
  return {
    asked,
    get: async () => ({ status: 404, contentType: "application/json", body: {} }),
    post: async (path, body): Promise<ApiAnswer> => {
      const { kind, spec } = body as { kind: string; spec: Record<string, unknown> };
      asked.push(kind);
      if (path !== `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`) {
        return { status: 404, contentType: "application/json", body: {} };
      }
      return { status: 201, contentType: "application/json", body: { status: answer(kind, spec) } };
    },
  };
}

/** The same server for `memoryHost({https})`, whatever the credential. */
export function httpsOf(api: Api): HttpsReply {
  return async (_, { method, path, body = "" }) => {
    const answer = await (method === "GET" ? api.get(path) : api.post(path, JSON.parse(body)));
    if (isFault(answer)) return { ok: false, phase: "tcp", reason: answer.reason, timedOut: false };
    const headers = { "content-type": answer.contentType };
    return { ok: true, status: answer.status, headers, body: JSON.stringify(answer.body) };
  };
}
