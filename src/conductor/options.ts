import { parseDocument } from "yaml";
import * as z from "zod";
import { apiKinds, neverV1beta2 } from "../management/kinds.ts";
import { parseCertificates } from "./openstack-ca.ts";
import { type Finding, parseDriverOptions } from "./option-map.ts";

/** One option as Juju's `config.yaml` declares it. */
export interface OptionDeclaration {
  readonly type: "string" | "secret" | "boolean" | "int";
  /** What it is when nobody sets it; absent for one that has to be set. */
  readonly default?: string | boolean | number;
  readonly description: string;
}

/** The most characters of an option that is one word, such as a URL: what a program still takes as one argument. */
const longest = 2_000;

/** The same of one that is a map of its own. */
const longestMap = 16_384;

function asciiText(most: number) {
  return (
    z
      .string("a text")
      .max(most, { error: `at most ${most} characters`, abort: true })
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
      .refine((text) => !/[\u0000-\u001f\u007f]/.test(text), {
        error: "a value without control characters",
        abort: true,
      })
      .refine((text) => /^[\x20-\x7e]*$/.test(text), { error: "ASCII only", abort: true })
  );
}

const plainText = asciiText(longest);

function isPlainUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:\/\/[^/?#@]+([/?#]|$)/.test(text) && !/[\s"'$\\]/.test(text);
}

const urlOrEmpty = plainText.refine(
  (text) => text === "" || isPlainUrl(text),
  "empty, or an http or https URL without credentials",
);
const threePart = /^\d{1,4}\.\d{1,4}\.\d{1,4}$/;

type Issue = { readonly message: string } | undefined;

function unknownKind(kind: string): Issue {
  const printable = /^[\x20-\x7e]{1,60}$/.test(kind) ? kind : "one of them";
  return { message: `${printable} is no kind of the driver: ${Object.keys(apiKinds).join(", ")}` };
}

function judgeKind(kind: string, value: unknown): Issue {
  const group = Object.hasOwn(apiKinds, kind) ? apiKinds[kind] : undefined;
  if (group === undefined) return unknownKind(kind);
  const fields = z
    .strictObject({ api_version: z.string().optional(), plural_name: z.string().optional() })
    .safeParse(value);
  if (!fields.success) return { message: `${kind} must be an object with "api_version", a string` };
  const { api_version: version, plural_name: plural } = fields.data;
  if (plural !== undefined && kind !== "K8sControlPlane") {
    return { message: `${kind} has a plural_name, which the driver reads for K8sControlPlane only` };
  }
  if (plural !== undefined && !/^[a-z]+$/.test(plural))
    return { message: `${kind}: plural_name must be lower-case letters` };
  if (version === undefined) return undefined;
  const [versionGroup, name = ""] = version.split("/");
  const wellFormed =
    versionGroup === group && /^v\d+((alpha|beta)\d+)?$/.test(name) && version === `${group}/${name}`;
  if (!wellFormed)
    return { message: `${kind}: api_version must be ${group}/VERSION, such as ${group}/v1beta1` };
  const trap = neverV1beta2.has(kind) && name === "v1beta2";
  return trap
    ? { message: `leave ${kind} out: with v1beta2 driver 1.4.0 never sees a healthy cluster` }
    : undefined;
}

function parseMap(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** A name twice in one object, of which JSON's own reader would take the last without a word. */
function hasTwins(text: string): boolean {
  const document = parseDocument(text, { schema: "json", prettyErrors: false, logLevel: "error" });
  return document.errors.some(({ code }) => code === "DUPLICATE_KEY");
}

const apiResources = asciiText(longestMap).transform((text, context) => {
  if (text === "auto") return "{}";
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  const map = parseMap(text);
  if (map === undefined || text.includes("$"))
    return refuse('auto, or a JSON object such as {"Machine": {...}}');
  const issue = Object.entries(map)
    .map(([kind, value]) => judgeKind(kind, value))
    .find((it) => it !== undefined);
  if (issue === undefined && hasTwins(text)) return refuse("each name once");
  return issue === undefined ? JSON.stringify(map) : refuse(issue.message);
});

/** Takes a finding down as an issue, with what a refusal shows in the place of the whole value. */
export function addFinding(
  { shown, accepted }: Finding,
  context: z.core.$RefinementCtx,
  path: readonly string[] = [],
): void {
  const params = shown === undefined ? {} : { params: { shown } };
  context.addIssue({ code: "custom", message: accepted, path: [...path], ...params });
}

const driverOptions = z.string("a text").transform((text, context) => {
  const parsed = parseDriverOptions(text);
  if (!("accepted" in parsed)) return parsed;
  addFinding(parsed, context);
  return z.NEVER;
});

const certificates = z.string("a text").transform((text, context) => {
  const parsed = parseCertificates(text);
  if ("pem" in parsed) return parsed.pem;
  addFinding(parsed, context);
  return z.NEVER;
});

/** A whole number as Juju hands it over. */
function between(least: number, most: number, unit: string) {
  const accepted = `${least} to ${most} ${unit}`;
  return z.int(accepted).min(least, accepted).max(most, accepted);
}

const semver = /^\d+\.\d+\.\d+(-[0-9a-z.-]+)?$/;

/** What each option accepts; the error text says what that is. The one source of names and rules. */
export const optionSchemas = {
  kubeconfig: plainText,
  "driver-version": plainText.regex(threePart, "a version of three numbers, such as 1.4.0"),
  "driver-index-url": urlOrEmpty,
  "helm-version": plainText.regex(threePart, "a version of three numbers, such as 3.17.3"),
  "helm-url": urlOrEmpty,
  "helm-sha256": plainText.regex(/^([0-9a-f]{64})?$/, "empty, or 64 lower-case hex digits"),
  "chart-version": plainText.regex(semver, "an exact version of three numbers, such as 0.25.1"),
  "chart-repository": urlOrEmpty,
  "chart-name": plainText.regex(
    /^([a-z0-9][a-z0-9-]*|oci:\/\/[a-z0-9][a-z0-9.:/_-]+|\/[A-Za-z0-9._/-]+)$/,
    "a chart's name, an oci:// reference or an absolute path",
  ),
  "api-resources": apiResources,
  "default-network-driver": z.enum(["calico", "cilium"], "calico or cilium (the chart installs no other)"),
  "capi-helm-options": driverOptions,
  "openstack-ca": certificates,
  "management-no-proxy": z.boolean("true or false"),
  "abandon-clusters": z.boolean("true or false"),
  "expiry-warning-days": between(1, 365, "days"),
  "self-heal": z.boolean("true or false"),
  "self-heal-limit": between(1, 100, "repairs"),
  "self-heal-window": between(1, 1440, "minutes"),
  "enable-auto-restarts": z.boolean("true or false"),
} as const;

/** Name of an option, as in `juju config`. */
export type OptionName = keyof typeof optionSchemas;

/** Type, default and description of each option: `config.yaml` is held to this by a test. */
export const optionDeclarations: Readonly<Record<OptionName, OptionDeclaration>> = {
  kubeconfig: {
    type: "secret",
    description:
      "Secret that holds, under the key kubeconfig, the kubeconfig of the Cluster API management cluster. The driver needs a token, or a client certificate with its key; exec, tokenFile and user/password logins do not work. Unset: the resource kubeconfig is used; without that the unit is blocked until it is set.",
  },
  "driver-version": {
    type: "string",
    default: "1.4.0",
    description:
      "Version of the magnum-capi-helm driver that is installed for the conductor's Python, without its dependencies. 1.4.0 is the one to run; 1.3.0 is a holding state. The version of an attached driver-wheel counts instead.",
  },
  "driver-index-url": {
    type: "string",
    default: "",
    description:
      "Simple package index (http or https, no credentials) to fetch the driver from. Empty: the index that pip is configured with on the unit.",
  },
  "helm-version": {
    type: "string",
    default: "3.17.3",
    description:
      "Version of helm that the driver runs, three numbers without a v. The version of an attached helm counts instead.",
  },
  "helm-url": {
    type: "string",
    default: "",
    description:
      "URL (http or https, no credentials) of the helm archive of helm-version for this machine's architecture, in the official layout. Empty: helm's own download site.",
  },
  "helm-sha256": {
    type: "string",
    default: "",
    description:
      "sha256 of the helm archive, 64 hex digits. Empty: the known digest of helm 3.17.3 for this architecture; any other helm-version needs it.",
  },
  "chart-version": {
    type: "string",
    default: "0.25.1",
    description:
      "Exact version of the cluster chart for new clusters whose template does not name one. Every resize or upgrade of an existing cluster moves it to this version as well.",
  },
  "chart-repository": {
    type: "string",
    default: "https://azimuth-cloud.github.io/capi-helm-charts",
    description:
      "Helm repository (http or https, no credentials) that holds the chart. Must be empty when chart-name is an oci:// reference or a path.",
  },
  "chart-name": {
    type: "string",
    default: "openstack-cluster",
    description:
      "Name of the cluster chart in chart-repository, or an oci:// reference, or an absolute path on the unit.",
  },
  "api-resources": {
    type: "string",
    default: "auto",
    description:
      'API version of each Cluster API kind that differs from the driver\'s own choice, as a JSON object, for example {"Machine": {"api_version": "cluster.x-k8s.io/v1beta2"}}. auto: the driver\'s own choices. Driver 1.4.0 can\'t work with v1beta2 of Cluster, K8sControlPlane, MachineDeployment and OpenstackCluster: refused.',
  },
  "default-network-driver": {
    type: "string",
    default: "calico",
    description:
      "Network driver, calico or cilium, of cluster templates that name none. Magnum's own default, flannel, gives clusters without a network.",
  },
  "capi-helm-options": {
    type: "string",
    default: "",
    description:
      "More options of the driver, as a YAML map of names to values, for example {octavia_provider: ovn, boot_volume_size: 40}; or of capi_helm and capi_helm_cluster_labels to such maps. Names are those of the driver's version; lists are YAML lists. Empty: the driver's own defaults.",
  },
  "openstack-ca": {
    type: "string",
    default: "",
    description:
      "Certificates of the authorities that vouch for the OpenStack API, in PEM or in base64 of it, for the clusters to trust: set with openstack-ca=@FILE. Empty: what magnum.conf names, else the public authorities.",
  },
  "management-no-proxy": {
    type: "boolean",
    default: true,
    description:
      "Whether the conductor reaches the management cluster's API server, as the kubeconfig names it, without the model's proxy. false: through it, unless juju-no-proxy of the model names it. Without a proxy in the model it means nothing.",
  },
  "abandon-clusters": {
    type: "boolean",
    default: false,
    description:
      "Whether clusters that this conductor manages may be left behind by a removal, another management cluster or an older driver. false: refused while there are any.",
  },
  "expiry-warning-days": {
    type: "int",
    default: 30,
    description:
      "From how many days before the end of the kubeconfig's certificates or token on the unit has a note of it; in the last week it is a louder one, and once it has ended the unit is blocked.",
  },
  "self-heal": {
    type: "boolean",
    default: true,
    description:
      "Whether drift is repaired as soon as it is found. false: it is reported in the status and the heal log, and nothing is touched until an option changes or the action apply is run.",
  },
  "self-heal-limit": {
    type: "int",
    default: 5,
    description:
      "How often one thing is repaired within self-heal-window before the unit stops fighting whatever undoes it and is blocked. The action apply starts the count again.",
  },
  "self-heal-window": {
    type: "int",
    default: 60,
    description: "The time over which self-heal-limit counts, in minutes.",
  },
  "enable-auto-restarts": {
    type: "boolean",
    default: true,
    description:
      "Whether services are restarted when they have to read something new. false: all is written and the services are left alone, neither restarted nor started, until the action restart-services is run; the status names them. Set to true again, what was deferred is restarted at once.",
  },
};
