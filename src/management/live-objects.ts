import { type Api, type ApiAnswer, type ApiFault, isFault } from "./api.ts";

/** The clusters of a management cluster that are this conductor's, by the names of their namespaces. */
export interface OwnedClusters {
  readonly count: number;
  /** Namespaces that have some, with how many; sorted by name. */
  readonly namespaces: Readonly<Record<string, number>>;
  /** Whether there are more than were looked at: `count` is the least then. */
  readonly more: boolean;
}

const group = "/apis/cluster.x-k8s.io";

/** Names and namespaces alone, without what the objects say. */
const metadataOnly = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

const pageSize = 500;

/** Twenty thousand clusters: more are as many for whoever wants to leave them. */
const mostPages = 40;

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function notListed({ status }: ApiAnswer): ApiFault {
  // 410: a list that took longer than the server keeps its pages.
  const cure = status >= 500 || status === 429 || status === 410 ? "time" : "operator";
  const remedy = status === 403 ? "capi-graft rbac" : "is its webhook up?";
  return { fault: "http", cure, reason: `its clusters can't be listed: HTTP ${status}`, remedy };
}

/** Versions of Cluster API's core group that are served; none where it is not there. */
async function versionsOf(api: Api): Promise<readonly string[] | ApiFault> {
  const answer = await api.get(group);
  if (isFault(answer)) return answer;
  if (answer.status === 404) return [];
  if (answer.status !== 200) return notListed(answer);
  const versions = listOf(fieldsOf(answer.body)["versions"]).map((it) => fieldsOf(it)["version"]);
  return versions.filter((it) => typeof it === "string");
}

/**
 * The first page of Cluster objects, at whatever version can be read: one of them may be served and yet not readable,
 * when its conversion webhook is dead. `undefined`: there is no such kind.
 */
async function firstPage(
  api: Api,
  query: string,
  accept?: string,
): Promise<{ readonly path: string; readonly body: Fields } | undefined | ApiFault> {
  const versions = await versionsOf(api);
  if ("fault" in versions) return versions;
  let fault: ApiFault | undefined;
  for (const version of versions) {
    const path = `${group}/${version}/clusters?${query}`;
    const answer = await api.get(path, accept === undefined ? {} : { accept });
    if (isFault(answer)) return answer;
    if (answer.status === 200) return { path, body: fieldsOf(answer.body) };
    if (answer.status !== 404) fault ??= notListed(answer);
  }
  return fault;
}

/**
 * How many Cluster objects there are, of this conductor or of others: two requests and a few hundred bytes, however
 * many there are. The API server calls the figure an estimate; none is none.
 */
export async function clusterTotal(api: Api): Promise<number | ApiFault> {
  const page = await firstPage(api, "limit=1");
  if (page === undefined) return 0;
  if ("fault" in page) return page;
  const remaining = fieldsOf(page.body["metadata"])["remainingItemCount"];
  return listOf(page.body["items"]).length + (typeof remaining === "number" ? remaining : 0);
}

function namespacesIn(body: Fields): readonly string[] {
  return listOf(body["items"]).map((it) => String(fieldsOf(fieldsOf(it)["metadata"])["namespace"]));
}

function continueOf(body: Fields): string {
  const token = fieldsOf(body["metadata"])["continue"];
  return typeof token === "string" ? token : "";
}

/**
 * Counts the Cluster objects in namespaces of this conductor, `PREFIX-...`, by their metadata alone, 500 a request. For
 * when they are about to be left behind; `clusterTotal` is for every look.
 */
export async function countOwned(api: Api, prefix: string): Promise<OwnedClusters | ApiFault> {
  const first = await firstPage(api, `limit=${pageSize}`, metadataOnly);
  if (first === undefined) return { count: 0, namespaces: {}, more: false };
  if ("fault" in first) return first;
  const found = [...namespacesIn(first.body)];
  let token = continueOf(first.body);
  for (let page = 1; token !== "" && page < mostPages; page += 1) {
    const answer = await api.get(`${first.path}&continue=${encodeURIComponent(token)}`, {
      accept: metadataOnly,
    });
    if (isFault(answer)) return answer;
    if (answer.status !== 200) return notListed(answer);
    const body = fieldsOf(answer.body);
    found.push(...namespacesIn(body));
    token = continueOf(body);
  }
  const own = found.filter((it) => it.startsWith(`${prefix}-`)).toSorted();
  const namespaces: Record<string, number> = {};
  for (const it of own) namespaces[it] = (namespaces[it] ?? 0) + 1;
  return { count: own.length, namespaces, more: token !== "" };
}
