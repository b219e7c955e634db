/** Who makes a request. */
export interface MemoryUser {
  readonly name: string;
  readonly groups: readonly string[];
}

/** One rule of a role, and where it is bound: everywhere, or in one namespace. */
export interface MemoryRule {
  /** Whose it is; everybody's that is logged in, unless given. */
  readonly user?: string;
  readonly apiGroups: readonly string[];
  /** With a slash for a part: `machinedeployments/scale`. */
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly namespace?: string;
}

/** What somebody would do to a resource. */
export interface Attempt {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** All that there is to allow. */
export const everything: MemoryRule = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };

const matches = (allowed: readonly string[], it: string) => allowed.includes("*") || allowed.includes(it);

function allows(rule: MemoryRule, { verb, group, resource, subresource, namespace, name }: Attempt): boolean {
  const full = subresource ? `${resource}/${subresource}` : resource;
  return (
    matches(rule.verbs, verb) &&
    matches(rule.apiGroups, group) &&
    matches(rule.resources, full) &&
    (rule.namespace === undefined || rule.namespace === namespace) &&
    (rule.resourceNames === undefined || (name !== undefined && rule.resourceNames.includes(name)))
  );
}

/** Whether the rules let a user do it, as RBAC decides. */
export function isAllowed(rules: readonly MemoryRule[], user: MemoryUser, attempt: Attempt): boolean {
  return rules.some((rule) => (rule.user ?? user.name) === user.name && allows(rule, attempt));
}

/** What Kubernetes says of a refused attempt. */
export function forbiddenMessage(user: MemoryUser, attempt: Attempt): string {
  const { verb, group, resource, namespace, name } = attempt;
  const full = group === "" ? resource : `${resource}.${group}`;
  const what = name === undefined ? full : `${full} "${name}"`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  return `${what} is forbidden: User "${user.name}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
}
