import { Document, isMap, isSeq, type YAMLMap } from "yaml";
import type { Rule } from "./access-review.ts";
import {
  allPermissions,
  checkPermissions,
  driverPermissions,
  keyOf,
  type Permission,
} from "./driver-permissions.ts";

/** What a login for the driver is called, and how far it goes. */
export interface KitOptions {
  /** Of the ServiceAccount, its roles and bindings; the token's Secret is `NAME-token`. */
  readonly name: string;
  /** Where the ServiceAccount and its Secret are. */
  readonly namespace: string;
  /** Namespaces to prepare, `PREFIX-PROJECT`; none: the whole cluster. */
  readonly perProject: readonly string[];
}

/** A rule of a role, and what it is needed for. */
export interface KitRule extends Omit<Rule, "resourceNames"> {
  readonly resourceNames?: readonly string[];
  readonly why: readonly string[];
}

/** An object of the Kubernetes API. */
export type KubernetesObject = Readonly<Record<string, unknown>>;

const verbOrder = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

const rbacVersion = "rbac.authorization.k8s.io/v1";
const rbacGroup = "rbac.authorization.k8s.io";

function unique<T>(list: readonly T[]): readonly T[] {
  return [...new Set(list)];
}

/** Permissions as few rules: one for each group and set of verbs. */
function rulesOf(permissions: readonly Permission[]): readonly KitRule[] {
  const kinds = unique(permissions.map(({ group, resource }) => `${group} ${resource}`));
  const rules = new Map<string, KitRule>();
  for (const kind of kinds) {
    const own = permissions.filter((it) => `${it.group} ${it.resource}` === kind);
    const [group = "", resource = ""] = kind.split(" ");
    const verbs = unique(own.map(({ verb }) => verb)).toSorted(
      (a, b) => verbOrder.indexOf(a) - verbOrder.indexOf(b),
    );
    const key = `${group} ${verbs.join(" ")}`;
    const other = rules.get(key);
    rules.set(key, {
      apiGroups: [group],
      resources: [...(other?.resources ?? []), resource],
      verbs,
      why: unique([...(other?.why ?? []), ...own.map(({ why }) => why)]),
    });
  }
  return [...rules.values()];
}

function isOnNamespaces({ resource }: Permission): boolean {
  return resource === "namespaces";
}

/** Which management cluster it is shows in one namespace; a prepared one may be looked at as well. */
function namespaceRule(verbs: readonly string[], resourceNames: readonly string[], why: string): KitRule {
  return { apiGroups: [""], resources: ["namespaces"], verbs, resourceNames, why: [why] };
}

const lookAtCluster = "check: which management cluster it is";

/** The rules of a login for the whole cluster. */
export function clusterRules(): readonly KitRule[] {
  const wide = allPermissions.filter((it) => keyOf(it) !== "namespaces get");
  return [...rulesOf(wide), namespaceRule(["get"], ["kube-system"], lookAtCluster)];
}

/** The rules of a login by namespaces: what it has everywhere, and what in each namespace that is prepared. */
export function projectRules(namespaces: readonly string[]): {
  readonly everywhere: readonly KitRule[];
  readonly inside: readonly KitRule[];
} {
  const looks = checkPermissions.filter((it) => !isOnNamespaces(it));
  const patch = driverPermissions.find((it) => keyOf(it) === "namespaces patch");
  return {
    everywhere: [
      namespaceRule(["patch"], namespaces, patch?.why ?? ""),
      namespaceRule(["get"], ["kube-system", ...namespaces], lookAtCluster),
      ...rulesOf(looks),
    ],
    inside: rulesOf(driverPermissions.filter((it) => !isOnNamespaces(it))),
  };
}

function role(name: string, rules: readonly KitRule[]): KubernetesObject {
  return { apiVersion: rbacVersion, kind: "ClusterRole", metadata: { name }, rules };
}

function bindingOf(
  kind: "ClusterRoleBinding" | "RoleBinding",
  metadata: Readonly<Record<string, string>>,
  roleName: string,
  account: KitOptions,
): KubernetesObject {
  return {
    apiVersion: rbacVersion,
    kind,
    metadata,
    roleRef: { apiGroup: rbacGroup, kind: "ClusterRole", name: roleName },
    subjects: [{ kind: "ServiceAccount", name: account.name, namespace: account.namespace }],
  };
}

function namespaceObject(name: string): KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

/** The Secret that Kubernetes fills with a token that does not expire. */
export function tokenSecretName({ name }: Pick<KitOptions, "name">): string {
  return `${name}-token`;
}

function account({ name, namespace }: KitOptions): readonly KubernetesObject[] {
  return [
    namespaceObject(namespace),
    // The token is for the conductor, not for pods.
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name, namespace },
      automountServiceAccountToken: false,
    },
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: tokenSecretName({ name }),
        namespace,
        annotations: { "kubernetes.io/service-account.name": name },
      },
      type: "kubernetes.io/service-account-token",
    },
  ];
}

/**
 * A login for the driver with what it needs and no more: ServiceAccount, token, roles, bindings; with `perProject` the
 * namespaces as well. Rules have `why`, which `showKit` turns into comments and `plainKit` leaves out. Pure.
 */
export function kit(options: KitOptions): readonly KubernetesObject[] {
  const { name, perProject } = options;
  if (perProject.length === 0) {
    return [
      ...account(options),
      role(name, clusterRules()),
      bindingOf("ClusterRoleBinding", { name }, name, options),
    ];
  }
  const { everywhere, inside } = projectRules(perProject);
  const inProject = `${name}-project`;
  return [
    ...account(options),
    role(name, everywhere),
    bindingOf("ClusterRoleBinding", { name }, name, options),
    role(inProject, inside),
    ...perProject.flatMap((namespace) => [
      namespaceObject(namespace),
      bindingOf("RoleBinding", { name, namespace }, inProject, options),
    ]),
  ];
}

function withoutWhy(it: KubernetesObject): KubernetesObject {
  const rules = it["rules"];
  if (!Array.isArray(rules)) return it;
  return { ...it, rules: (rules as readonly KitRule[]).map(({ why: _, ...rule }) => rule) };
}

/** The objects as one `List`, which is what `kubectl apply` takes as JSON. */
export function plainKit(objects: readonly KubernetesObject[]): KubernetesObject {
  return { apiVersion: "v1", kind: "List", items: objects.map(withoutWhy) };
}

function commentRules(document: Document, rules: readonly KitRule[]): void {
  const nodes = document.get("rules");
  if (!isSeq(nodes)) return;
  for (const [index, node] of nodes.items.entries()) {
    if (!isMap(node)) continue;
    node.commentBefore = (rules[index]?.why ?? []).map((it) => ` ${it}`).join("\n");
    for (const { value } of (node as YAMLMap<string, { flow?: boolean }>).items) if (value) value.flow = true;
  }
}

const heading = "# For kubectl apply -f -, as an administrator of the management cluster.\n";

/** The objects as YAML for `kubectl apply`, each rule with what it is needed for. */
export function showKit(objects: readonly KubernetesObject[]): string {
  const documents = objects.map((it) => {
    const document = new Document(withoutWhy(it));
    const rules = it["rules"];
    if (Array.isArray(rules)) commentRules(document, rules as readonly KitRule[]);
    return document.toString({ lineWidth: 0, flowCollectionPadding: false });
  });
  return `${heading}${documents.join("---\n")}`;
}
