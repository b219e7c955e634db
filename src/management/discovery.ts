import * as z from "zod";
import { type Api, type ApiAnswer, type ApiFault, isFault } from "./api.ts";
import { groupsThatMatter } from "./kinds.ts";

/** A kind that the API server serves at one version. */
export interface ServedResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
}

/** What an API server serves of the groups that matter. */
export interface Served {
  /**
   * The versions of a kind, in the server's order; of any kind of that plural, where none is given. That one is in the
   * list says nothing of the others: a group serves each of its versions for some kinds only.
   */
  servedVersions(group: string, plural: string, kind?: string): readonly string[];
  hasGroup(group: string): boolean;
  /** Groups with version, `cluster.x-k8s.io/v1beta1`, of which the server knows only what was. */
  readonly stale: readonly string[];
  /** Of Kubernetes, `v1.33.4`; absent where the server does not say. */
  readonly gitVersion?: string;
}

/** Makes what is served out of a list. */
export function servedOf(
  resources: readonly ServedResource[],
  more: { readonly stale?: readonly string[]; readonly gitVersion?: string | undefined } = {},
): Served {
  const { stale = [], gitVersion } = more;
  return {
    servedVersions: (group, plural, kind) => [
      ...new Set(
        resources
          .filter((it) => it.group === group && it.plural === plural && (kind ?? it.kind) === it.kind)
          .map(({ version }) => version),
      ),
    ],
    hasGroup: (group) => resources.some((it) => it.group === group),
    stale,
    ...(gitVersion === undefined ? {} : { gitVersion }),
  };
}

/** Media types of aggregated discovery: v2 from Kubernetes 1.30 on, v2beta1 from 1.27 on. */
const aggregated = ["v2", "v2beta1"]
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .join(",");

const resourceOfGroup = z.object({
  resource: z.string(),
  responseKind: z.object({ kind: z.string() }),
});
const versionOfGroup = z.object({
  version: z.string(),
  freshness: z.string().optional(),
  resources: z.array(z.unknown()).optional(),
});
const groupItem = z.object({
  metadata: z.object({ name: z.string() }),
  versions: z.array(z.unknown()).optional(),
});
const groupDiscovery = z.object({ kind: z.literal("APIGroupDiscoveryList"), items: z.array(z.unknown()) });
const groupVersions = z.object({ versions: z.array(z.object({ version: z.string() })) });
const resourceList = z.object({ resources: z.array(z.unknown()) });
const plainResource = z.object({ name: z.string(), kind: z.string() });

/** The items of a list that have the shape; the server may know more than we do. */
function fitting<T>(schema: z.ZodType<T>, items: readonly unknown[] = []): readonly T[] {
  return items.flatMap((item) => {
    const parsed = schema.safeParse(item);
    return parsed.success ? [parsed.data] : [];
  });
}

/** What an answer that is none of ours says of the server; `undefined` for one that can be used. */
export function refusal(path: string, { status }: ApiAnswer): ApiFault | undefined {
  if (status === 200) return undefined;
  const fault = (cure: ApiFault["cure"], reason: string, remedy: string): ApiFault => ({
    fault: "http",
    cure,
    reason,
    remedy,
  });
  if (status === 401)
    return fault("operator", "the API server refuses the kubeconfig's login", "give it a valid credential");
  if (status === 403)
    return fault("operator", `no right to read ${path}`, "bind ClusterRole system:discovery to the user");
  if (status === 429 || status >= 500)
    return fault("time", `the API server answers ${path} with ${status}`, "look at the management cluster");
  return fault(
    "operator",
    `${path} is answered with ${status}: no Kubernetes API`,
    "look at the kubeconfig's server",
  );
}

type Found = { readonly resources: readonly ServedResource[]; readonly stale: readonly string[] };

function readAggregated(body: unknown): Found | undefined {
  const list = groupDiscovery.safeParse(body);
  if (!list.success) return undefined;
  const stale: string[] = [];
  const resources = fitting(groupItem, list.data.items).flatMap(({ metadata: { name: group }, versions }) => {
    if (!groupsThatMatter.includes(group)) return [];
    return fitting(versionOfGroup, versions).flatMap(({ version, freshness, resources: listed }) => {
      if (freshness === "Stale") stale.push(`${group}/${version}`);
      return fitting(resourceOfGroup, listed).map(({ resource: plural, responseKind: { kind } }) => ({
        group,
        version,
        plural,
        kind,
      }));
    });
  });
  return { resources, stale };
}

const none: Found = { resources: [], stale: [] };

function garbage(path: string): ApiFault {
  return {
    fault: "http",
    cure: "operator",
    reason: `${path} is answered with no discovery document`,
    remedy: "look at the kubeconfig's server",
  };
}

/** A page of plain discovery; `undefined` where the server has none, which is an answer. */
async function page(api: Api, path: string): Promise<ApiAnswer | ApiFault | undefined> {
  const answer = await api.get(path);
  if (isFault(answer)) return answer;
  return answer.status === 404 ? undefined : (refusal(path, answer) ?? answer);
}

async function askVersion(api: Api, group: string, version: string): Promise<Found | ApiFault> {
  const path = `/apis/${group}/${version}`;
  const answer = await page(api, path);
  if (answer === undefined) return none;
  if (isFault(answer)) return answer;
  const list = resourceList.safeParse(answer.body);
  if (!list.success) return garbage(path);
  const resources = fitting(plainResource, list.data.resources)
    // What has a slash is a part of another: clusters/status.
    .filter(({ name }) => !name.includes("/"))
    .map(({ name: plural, kind }) => ({ group, version, plural, kind }));
  return { resources, stale: [] };
}

/** More versions than any group of ours has ever had. */
const mostVersions = 12;

async function askGroup(api: Api, group: string): Promise<Found | ApiFault> {
  const path = `/apis/${group}`;
  const answer = await page(api, path);
  if (answer === undefined) return none;
  if (isFault(answer)) return answer;
  const parsed = groupVersions.safeParse(answer.body);
  if (!parsed.success) return garbage(path);
  const versions = parsed.data.versions.map(({ version }) => version);
  const wellFormed = versions.filter((version) => /^v[0-9a-z]{1,40}$/.test(version));
  return merged(await Promise.all(wellFormed.slice(0, mostVersions).map((it) => askVersion(api, group, it))));
}

function merged(all: readonly (Found | ApiFault)[]): Found | ApiFault {
  const fault = all.find((it) => "fault" in it);
  if (fault !== undefined) return fault;
  const found = all.filter((it): it is Found => !("fault" in it));
  return { resources: found.flatMap(({ resources }) => resources), stale: [] };
}

/** All that is served, in one answer; `undefined` where the server does not give one, or gives too much. */
async function askAtOnce(api: Api): Promise<Found | ApiFault | undefined> {
  const answer = await api.get("/apis", { accept: `${aggregated},application/json` });
  if (isFault(answer)) return answer.fault === "http" ? undefined : answer;
  // "Not acceptable": a server that does not know such an answer.
  const fault = answer.status === 406 ? undefined : refusal("/apis", answer);
  if (fault !== undefined) return fault;
  return answer.contentType.includes("as=APIGroupDiscoveryList") ? readAggregated(answer.body) : undefined;
}

async function gitVersion(api: Api): Promise<string | undefined | ApiFault> {
  const answer = await api.get("/version");
  if (isFault(answer)) return answer;
  if (answer.status === 401) return refusal("/version", answer);
  const version = z.object({ gitVersion: z.string().max(100) }).safeParse(answer.body);
  return version.success ? version.data.gitVersion : undefined;
}

/**
 * Asks what an API server serves: in one answer where it gives such, else group by group. Which version it prefers is
 * never looked at. A group that it does not have is no fault; without an answer, or with one that no Kubernetes gives,
 * the fault says why.
 */
export async function discover(api: Api): Promise<Served | ApiFault> {
  // The smallest question first: a server that is down or slow costs one time limit.
  const version = await gitVersion(api);
  if (typeof version === "object") return version;
  const atOnce = await askAtOnce(api);
  if (atOnce !== undefined && "fault" in atOnce) return atOnce;
  const found = atOnce ?? merged(await Promise.all(groupsThatMatter.map((group) => askGroup(api, group))));
  return "fault" in found ? found : servedOf(found.resources, { ...found, gitVersion: version });
}
