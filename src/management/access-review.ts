import { type Api, type ApiAnswer, type ApiFault, isFault } from "./api.ts";
import type { Permission } from "./driver-permissions.ts";

/** What is asked for: everywhere, or in one namespace, or one object by its name. */
export interface Question extends Pick<Permission, "group" | "resource" | "verb"> {
  readonly namespace?: string;
  readonly name?: string;
}

/** A rule that holds for somebody in a namespace, as RBAC spells it; `resourceNames` empty: any. */
export interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

const reviews = "/apis/authorization.k8s.io/v1";

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((it) => typeof it === "string") : [];
}

function refused(kind: string, { status }: ApiAnswer): ApiFault {
  const reason = `the API server answers ${status} to a ${kind}`;
  const cure = status >= 500 || status === 429 ? "time" : "operator";
  return { fault: "http", cure, reason, remedy: "is the credential valid?" };
}

async function review(api: Api, kind: string, spec: unknown): Promise<Fields | ApiFault> {
  const path = `${reviews}/${kind.toLowerCase()}s`;
  const answer = await api.post(path, { apiVersion: "authorization.k8s.io/v1", kind, spec });
  if (isFault(answer)) return answer;
  if (answer.status !== 201 && answer.status !== 200) return refused(kind, answer);
  return fieldsOf(fieldsOf(answer.body)["status"]);
}

function isRefusal(result: Fields | ApiFault): result is ApiFault {
  return "fault" in result;
}

/** Whether the credential of the API may do a thing: a SelfSubjectAccessReview, which everybody may create. */
export async function mayDo(api: Api, question: Question): Promise<boolean | ApiFault> {
  const { resource: path, ...rest } = question;
  const [resource, subresource] = path.split("/");
  const resourceAttributes = { ...rest, resource, ...(subresource === undefined ? {} : { subresource }) };
  const status = await review(api, "SelfSubjectAccessReview", { resourceAttributes });
  return isRefusal(status) ? status : status["allowed"] === true;
}

/** How many questions are under way at once: the API's own limit, so that a fault ends the asking early. */
const atOnce = 4;

/** Asks several questions in parallel, in their order; the first fault ends it, without asking the rest. */
export async function mayDoEach(
  api: Api,
  questions: readonly Question[],
): Promise<readonly boolean[] | ApiFault> {
  const answers: boolean[] = [];
  let fault: ApiFault | undefined;
  const rest = questions.entries();
  const work = async () => {
    for (const [index, question] of rest) {
      const answer = await mayDo(api, question);
      if (typeof answer !== "boolean") fault ??= answer;
      else answers[index] = answer;
      if (fault !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return fault ?? answers;
}

/**
 * The rules that hold for the credential in a namespace, those for the whole cluster among them: a
 * SelfSubjectRulesReview. It may leave some out, and a rule that it lists is no promise: good for a first look.
 */
export async function rulesIn(api: Api, namespace: string): Promise<readonly Rule[] | ApiFault> {
  const status = await review(api, "SelfSubjectRulesReview", { namespace });
  if (isRefusal(status)) return status;
  const rules = status["resourceRules"];
  return (Array.isArray(rules) ? rules : []).map(fieldsOf).map((rule) => ({
    verbs: textsOf(rule["verbs"]),
    apiGroups: textsOf(rule["apiGroups"]),
    resources: textsOf(rule["resources"]),
    resourceNames: textsOf(rule["resourceNames"]),
  }));
}

/** Whether one of some rules allows a thing, as RBAC reads rules. */
export function allows(rules: readonly Rule[], { group, resource, verb, name }: Question): boolean {
  const subresource = resource.split("/")[1];
  const resources = ["*", resource, ...(subresource === undefined ? [] : [`*/${subresource}`])];
  return rules.some(
    (rule) =>
      (rule.verbs.includes("*") || rule.verbs.includes(verb)) &&
      (rule.apiGroups.includes("*") || rule.apiGroups.includes(group)) &&
      rule.resources.some((it) => resources.includes(it)) &&
      (rule.resourceNames.length === 0 || (name !== undefined && rule.resourceNames.includes(name))),
  );
}
