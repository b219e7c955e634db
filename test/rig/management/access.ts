import { randomBytes } from "node:crypto";
import type { Client } from "./client.ts";

/** A rule of Kubernetes' access control. */
interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const core = [""];

/** What the driver, helm and the chart's autoscaler need (driver 1.4.0, kubernetes.py; helm 3.17; chart 0.25.1). */
const needed: readonly Rule[] = [
  { apiGroups: core, resources: ["namespaces"], verbs: ["get", "create", "patch"] },
  {
    apiGroups: core,
    resources: ["secrets"],
    verbs: ["get", "list", "create", "update", "patch", "delete", "deletecollection"],
  },
  { apiGroups: core, resources: ["serviceaccounts"], verbs: ["get", "create", "patch", "delete"] },
  { apiGroups: ["apps"], resources: ["deployments"], verbs: ["get", "create", "patch", "delete"] },
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["roles", "rolebindings"],
    verbs: ["get", "create", "patch", "delete"],
  },
  {
    apiGroups: ["cluster.x-k8s.io"],
    resources: ["clusters", "machinehealthchecks"],
    verbs: ["get", "create", "patch", "delete"],
  },
  {
    apiGroups: ["cluster.x-k8s.io"],
    resources: ["machinedeployments"],
    verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
  },
  {
    apiGroups: ["cluster.x-k8s.io"],
    resources: ["machines", "machinesets", "machinepools"],
    verbs: ["get", "list", "watch", "update"],
  },
  {
    apiGroups: ["cluster.x-k8s.io"],
    resources: ["machinedeployments/scale"],
    verbs: ["get", "patch", "update"],
  },
  {
    apiGroups: ["controlplane.cluster.x-k8s.io"],
    resources: ["kubeadmcontrolplanes"],
    verbs: ["get", "create", "patch"],
  },
  {
    apiGroups: ["bootstrap.cluster.x-k8s.io"],
    resources: ["kubeadmconfigtemplates"],
    verbs: ["get", "create", "patch"],
  },
  {
    apiGroups: ["infrastructure.cluster.x-k8s.io"],
    resources: ["openstackclusters", "openstackmachinetemplates"],
    verbs: ["get", "create", "patch"],
  },
  {
    apiGroups: ["addons.stackhpc.com"],
    resources: ["helmreleases", "manifests"],
    verbs: ["get", "list", "create", "patch", "delete"],
  },
  { apiGroups: ["addons.cluster.x-k8s.io"], resources: ["helmchartproxies"], verbs: ["list"] },
];

/** What our own look at what can be read needs besides. */
const looking: Rule = {
  apiGroups: [
    "cluster.x-k8s.io",
    "controlplane.cluster.x-k8s.io",
    "bootstrap.cluster.x-k8s.io",
    "infrastructure.cluster.x-k8s.io",
  ],
  resources: [
    ...["clusters", "machinedeployments", "machines", "machinehealthchecks", "kubeadmcontrolplanes"],
    ...["kubeadmconfigtemplates", "openstackclusters", "openstackmachinetemplates"],
  ],
  verbs: ["list"],
};

const group = "rig:drivers";
const role = "rig-driver";

/** Tokens of the rig's tests, each with the user and the group that it stands for. */
const fixedTokens: readonly (readonly [token: string, user: string, group: string])[] = [
  ["token-that-no-log-may-show", "magnum", group],
  ["another-token", "magnum", group],
  ["token-of-another-file", "magnum", group],
  ["token-that-loses", "magnum", group],
  ["by-hand", "magnum", group],
  ["token-without-rights", "nobody", "rig:nobodies"],
  ["token-of-an-admin", "admin", "system:masters"],
];

/** Halves of tokens that no one else in the world holds, and that stand for the driver's user once they are joined by `&`. */
export function newTokens(): readonly (readonly [string, string])[] {
  const half = () => randomBytes(9).toString("hex");
  return Array.from({ length: 64 }, () => [half(), half()] as const);
}

/** The file of static tokens that the API server reads. */
export function tokenFile(more: readonly (readonly [string, string])[]): string {
  const made = more.map((halves) => [halves.join("&"), "magnum", group] as const);
  return [...fixedTokens, ...made].map(([token, user, of]) => `${token},${user},${user},${of}\n`).join("");
}

/** Gives the driver's user its rights in all namespaces. */
export async function grantDriver({ demand }: Client): Promise<void> {
  const api = "rbac.authorization.k8s.io";
  const path = `/apis/${api}/v1`;
  await demand("POST", `${path}/clusterroles`, {
    apiVersion: `${api}/v1`,
    kind: "ClusterRole",
    metadata: { name: role },
    rules: [...needed, looking],
  });
  await demand("POST", `${path}/clusterrolebindings`, {
    apiVersion: `${api}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: role },
    roleRef: { apiGroup: api, kind: "ClusterRole", name: role },
    subjects: [{ apiGroup: api, kind: "Group", name: group }],
  });
}
