/** A verb of `capi-graft`, with its line of the help. */
export interface VerbEntry {
  /** Where it is of use: on a unit, or on any machine. */
  readonly where: "unit" | "anywhere";
  readonly does: string;
}

/** What `capi-graft` can be asked to do, in the order of the help. */
export const verbs = {
  plan: { where: "unit", does: "show what differs, old and new; write nothing" },
  apply: { where: "unit", does: "bring the unit in line: change and restart what must be" },
  verify: { where: "unit", does: "run every gate as the daemons see it; write nothing" },
  status: { where: "unit", does: "show what is installed and the last desired state" },
  "show-effective-config": { where: "unit", does: "show options as the daemons resolve them, and whence" },
  "restart-services": { where: "unit", does: "restart the services: proved before, watched after" },
  "heal-log": { where: "unit", does: "show what was repaired here, why and how" },
  rollback: { where: "unit", does: "go back to an earlier state, and stay there" },
  remove: { where: "unit", does: "take back everything that was ever changed here" },
  rbac: { where: "anywhere", does: "print a login for the driver, as YAML for kubectl" },
  kubeconfig: { where: "anywhere", does: "print the kubeconfig of that login" },
  "upgrade-check": { where: "anywhere", does: "say what a planned upgrade breaks; write nothing" },
} as const satisfies Readonly<Record<string, VerbEntry>>;

/** Name of a verb. */
export type Verb = keyof typeof verbs;

/** All of them, in the order of the help. */
export const verbNames = Object.keys(verbs) as readonly Verb[];

/** An option of some verbs. */
export interface VerbOption {
  readonly verbs: readonly Verb[];
  /** What stands for its value in the help; absent for one without. */
  readonly value?: string;
  /** Lines of the help. */
  readonly says: readonly string[];
  /** What its value has to be, and whether a text is that. */
  readonly is?: string;
  fits?(text: string): boolean;
}

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const isVersion = (text: string) => /^\d{1,4}\.\d{1,4}\.\d{1,4}(-[0-9a-z.-]+)?$/.test(text);

const plannedVersion = {
  verbs: ["upgrade-check"],
  value: "VERSION",
  is: "a version of three numbers, such as 1.4.0",
  fits: isVersion,
} as const;

const kitVerbs: readonly Verb[] = ["rbac", "kubeconfig"];

/** Options that only some verbs take. */
const verbOptions = {
  config: {
    verbs: ["plan", "apply", "verify", "status", "upgrade-check"],
    value: "FILE",
    says: [
      "options as YAML, named as in juju config; kubeconfig is",
      "the path of a file. Without it: what Juju last applied.",
    ],
  },
  limit: {
    verbs: ["heal-log"],
    value: "N",
    says: ["the last N records"],
    is: "a number from 1 on",
    fits: (text) => /^[1-9]\d{0,8}$/.test(text),
  },
  since: {
    verbs: ["heal-log"],
    value: "TIME",
    says: ["records from TIME on"],
    is: "an ISO time, such as 2026-03-01T12:00:00Z",
    fits: (text) => /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
  },
  to: {
    verbs: ["rollback"],
    value: "previous|VERSION",
    says: ["what was before, or another driver"],
    is: "previous, or a driver's version such as 1.3.0",
    fits: (text) => text === "previous" || /^\d+\.\d+\.\d+$/.test(text),
  },
  "deferred-only": {
    verbs: ["restart-services"],
    says: ["only those with a deferred restart"],
  },
  "abandon-clusters": {
    verbs: ["remove"],
    says: ["also while clusters of this conductor live"],
  },
  "per-project": {
    verbs: ["rbac"],
    value: "NAMESPACE,...",
    says: [
      "for these namespaces alone, PREFIX-PROJECT each;",
      "without it: for the whole management cluster",
    ],
    is: "names of namespaces, with commas in between",
    fits: (text) => text.split(",").every((it) => label.test(it)),
  },
  namespace: {
    verbs: kitVerbs,
    value: "NAMESPACE",
    says: ["where the login's account is: capi-graft"],
    is: "the name of a namespace",
    fits: (text) => label.test(text),
  },
  name: {
    verbs: kitVerbs,
    value: "NAME",
    says: ["what the login is called: magnum-capi-helm"],
    is: "a name of lower-case letters, digits and hyphens, 50 at most",
    fits: (text) => label.test(text) && text.length <= 50,
  },
  check: {
    verbs: ["rbac"],
    value: "KUBECONFIG",
    says: ["print which permissions a kubeconfig misses instead"],
  },
  server: {
    verbs: ["kubeconfig"],
    value: "URL",
    says: ["of the API server, as the conductor reaches it"],
    is: "an https URL without credentials",
    fits: (text) => /^https:\/\/[^/?#@\s]+\/?$/.test(text) && URL.canParse(text),
  },
  ca: {
    verbs: ["kubeconfig"],
    value: "FILE",
    says: ["certificates that vouch for it, in PEM"],
  },
  "token-file": {
    verbs: ["kubeconfig"],
    value: "FILE|-",
    says: ["the login's token; - is standard input"],
  },
  from: {
    verbs: ["kubeconfig"],
    value: "KUBECONFIG",
    says: ["an administrator's: server, certificates and token are", "fetched with it"],
  },
  driver: { ...plannedVersion, says: ["of the driver that is planned"] },
  chart: { ...plannedVersion, says: ["of the chart that is planned"] },
  capi: { ...plannedVersion, says: ["of Cluster API that is planned"] },
} as const satisfies Readonly<Record<string, VerbOption>>;

/** Name of an option that only some verbs take. */
export type VerbOptionName = keyof typeof verbOptions;

/** Their names, in the order of the help. */
export const verbOptionNames = Object.keys(verbOptions) as readonly VerbOptionName[];

/** An option as any of them may be. */
export function verbOption(name: VerbOptionName): VerbOption {
  return verbOptions[name];
}

/** What a verb takes. */
export function optionsOf(verb: Verb): readonly VerbOptionName[] {
  return verbOptionNames.filter((name) => verbOption(name).verbs.includes(verb));
}
