import { closed, type GateState, open } from "../reconcile/gate.ts";
import { allows, mayDo, mayDoEach, type Question, type Rule, rulesIn } from "./access-review.ts";
import type { Api, ApiFault } from "./api.ts";
import {
  allPermissions,
  checkPermissions,
  driverPermissions,
  keyOf,
  type Permission,
} from "./driver-permissions.ts";

/** A permission that is not granted; with the namespace where it was asked for one. */
interface Missing extends Permission {
  readonly namespace?: string;
}

/** What the credential may do of all that is needed. */
export interface PermissionsAnswer {
  /** A cluster administrator's; granted for the whole cluster; or for prepared namespaces only. */
  readonly form: "admin" | "cluster" | "namespaces";
  /** What the driver and helm need and don't have. */
  readonly missing: readonly Missing[];
  /** The same of what only our own checks look at. */
  readonly missingChecks: readonly Missing[];
  /** Namespaces where the driver can work; in the form `namespaces` only. */
  readonly prepared: readonly string[];
  /** Namespaces where it can't, for want of a RoleBinding or of themselves; in the form `namespaces` only. */
  readonly unprepared: readonly string[];
}

/** What is known beforehand. */
export interface PermissionsOptions {
  /** The driver's `namespace_prefix`: namespaces are `PREFIX-PROJECT`. */
  readonly prefix: string;
  /** Namespaces that have clusters of this conductor, which have to be prepared. */
  readonly used?: readonly string[];
}

type Namespaces = Pick<PermissionsAnswer, "prepared" | "unprepared" | "missing">;

function isFault(result: object): result is ApiFault {
  return "fault" in result;
}

/** `kubectl auth can-i '*' '*' -A`. */
const anything: Question = { group: "*", resource: "*", verb: "*" };

/** Granted for the whole cluster, unless namespaces are prepared one by one. */
const telling: readonly Question[] = [
  { group: "", resource: "secrets", verb: "create" },
  { group: "cluster.x-k8s.io", resource: "clusters", verb: "create" },
];

async function denied(
  api: Api,
  wanted: readonly Permission[],
  where: (it: Permission) => Partial<Question> = () => ({}),
): Promise<readonly Permission[] | ApiFault> {
  const questions = wanted.map((it) => {
    const { group, resource, verb } = it;
    return { group, resource, verb, ...where(it) };
  });
  const answers = await mayDoEach(api, questions);
  return isFault(answers) ? answers : wanted.filter((_, index) => answers[index] !== true);
}

/** Our own look at a namespace is at this one alone, whose uid tells management clusters apart. */
function lookedAt(it: Permission): Partial<Question> {
  return keyOf(it) === "namespaces get" ? { namespace: "kube-system", name: "kube-system" } : {};
}

async function askCluster(api: Api): Promise<PermissionsAnswer | ApiFault> {
  const missing = await denied(api, allPermissions, lookedAt);
  if (isFault(missing)) return missing;
  return {
    form: "cluster",
    missing: missing.filter(({ user }) => user === "driver"),
    missingChecks: missing.filter(({ user }) => user === "checks"),
    prepared: [],
    unprepared: [],
  };
}

/** Namespaces that a rule names one by one, as that of the kit does for those that are prepared. */
function namedIn(rules: readonly Rule[], prefix: string): readonly string[] {
  const own = rules.filter(({ resources }) => resources.includes("namespaces"));
  const names = own.flatMap(({ resourceNames }) => resourceNames);
  return [...new Set(names.filter((it) => it.startsWith(`${prefix}-`)))];
}

/** The driver never creates a namespace that is prepared. */
const inNamespace = driverPermissions.filter((it) => keyOf(it) !== "namespaces create");

/** What the driver can't do in one namespace: by its rules, and, where these don't allow it, by asking. */
async function missingIn(api: Api, namespace: string): Promise<readonly Missing[] | ApiFault> {
  const rules = await rulesIn(api, namespace);
  if (isFault(rules)) return rules;
  const nameOf = ({ resource }: Permission) => (resource === "namespaces" ? { name: namespace } : {});
  const open = inNamespace.filter((it) => !allows(rules, { ...it, ...nameOf(it) }));
  const missing = await denied(api, open, (it) => ({ namespace, ...nameOf(it) }));
  return isFault(missing) ? missing : missing.map((it) => ({ ...it, namespace }));
}

function creates(permissions: readonly Permission[]): number {
  return permissions.filter(({ verb }) => verb === "create").length;
}

async function askNamespaces(api: Api, namespaces: readonly string[]): Promise<Namespaces | ApiFault> {
  const prepared: string[] = [];
  const unprepared: string[] = [];
  const missing: Missing[] = [];
  for (const namespace of namespaces) {
    const found = await missingIn(api, namespace);
    if (isFault(found)) return found;
    if (creates(found) === creates(inNamespace)) unprepared.push(namespace);
    else {
      prepared.push(namespace);
      missing.push(...found);
    }
  }
  return { prepared, unprepared, missing };
}

async function askByNamespace(
  api: Api,
  { prefix, used = [] }: PermissionsOptions,
): Promise<PermissionsAnswer | ApiFault> {
  const rules = await rulesIn(api, "default");
  if (isFault(rules)) return rules;
  const namespaces = [...new Set([...used, ...namedIn(rules, prefix)])];
  if (namespaces.length === 0) return await askCluster(api);
  const found = await askNamespaces(api, namespaces);
  if (isFault(found)) return found;
  const missingChecks = await denied(api, checkPermissions, lookedAt);
  return isFault(missingChecks) ? missingChecks : { form: "namespaces", ...found, missingChecks };
}

/**
 * Asks the API server what its credential may do of all that the driver, helm and our checks need: one request for an
 * administrator's, some eighty for a kubeconfig of the kit, however many objects there are; for one by namespaces some
 * twenty and one more for each. Nothing is changed by it.
 */
export async function askPermissions(
  api: Api,
  options: PermissionsOptions,
): Promise<PermissionsAnswer | ApiFault> {
  const admin = await mayDo(api, anything);
  if (typeof admin !== "boolean") return admin;
  if (admin) return { form: "admin", missing: [], missingChecks: [], prepared: [], unprepared: [] };
  const wide = await mayDoEach(api, telling);
  if (isFault(wide)) return wide;
  return wide.includes(true) ? await askCluster(api) : await askByNamespace(api, options);
}

const kit = "capi-graft rbac";

/** Missing verbs by kind, in words: `create/patch secrets`, `all of roles`. */
function byResource(missing: readonly Missing[]): readonly string[] {
  const kinds = [...new Set(missing.map(({ resource }) => resource))];
  return kinds.map((kind) => {
    const verbs = [...new Set(missing.filter(({ resource }) => resource === kind).map(({ verb }) => verb))];
    const needed = driverPermissions.filter(({ resource }) => resource === kind);
    return verbs.length === needed.length && verbs.length > 2
      ? `all of ${kind}`
      : `${verbs.join("/")} ${kind}`;
  });
}

/** The most that a list takes of a status. */
const widest = 50;

function shortened(words: readonly string[]): string {
  const fits = words.filter((_, index) => words.slice(0, index + 1).join(", ").length <= widest);
  const shown = fits.length === 0 ? words.slice(0, 1) : fits;
  return `${shown.join(", ")}${shown.length < words.length ? ", ..." : ""}`;
}

function missingReason(missing: readonly Missing[]): string {
  const count = new Set(missing.map(keyOf)).size;
  return `${count === 1 ? "1 permission" : `${count} permissions`} missing: ${shortened(byResource(missing))}`;
}

/** The name last: a status without room loses its end. */
function unpreparedReason(namespaces: readonly string[], prefix: string): string {
  const [first = "", ...more] = namespaces;
  const project = first.startsWith(`${prefix}-`) ? `project ${first.slice(prefix.length + 1)}` : first;
  return `not prepared: ${project}${more.length === 0 ? "" : ` and ${more.length} more`}`;
}

/** How many of our own looks are not granted, for an open gate. */
function withChecks(missing: readonly Missing[], text: string): string {
  return missing.length === 0 ? text : `${text}; not for our checks: ${byResource(missing).join(", ")}`;
}

/** The state of the gate `management-permissions`. */
export function permissionsState(answer: PermissionsAnswer, options: PermissionsOptions): GateState {
  const { form, missing, missingChecks, prepared, unprepared } = answer;
  const { prefix, used = [] } = options;
  if (form === "admin") return open("everything");
  if (missing.length > 0) return closed("operator", missingReason(missing), kit);
  const serious = prepared.length === 0 ? unprepared : unprepared.filter((it) => used.includes(it));
  if (serious.length > 0)
    return closed("operator", unpreparedReason(serious, prefix), `${kit} --per-project`);
  if (form === "cluster") return open(withChecks(missingChecks, `${driverPermissions.length} permissions`));
  return open(withChecks(missingChecks, `in ${prepared.join(", ")}`));
}

/** The state of the note gate `management-projects`: projects that are named in the rules, but not prepared. */
export function projectsState(answer: PermissionsAnswer, options: PermissionsOptions): GateState {
  const { prepared, unprepared } = answer;
  if (prepared.length === 0 || unprepared.length === 0) return open();
  return closed("note", unpreparedReason(unprepared, options.prefix), `${kit} --per-project`);
}

/** The state of the note gate `management-admin`. */
export function adminState({ form }: PermissionsAnswer): GateState {
  if (form !== "admin") return open();
  return closed("note", "the kubeconfig is a cluster administrator's", kit);
}
