import type { Api, ApiAnswer } from "../../../src/management/api.ts";

/** The Cluster objects of a management cluster, by namespace, and the versions that it serves. */
export interface ClustersOf {
  readonly namespaces: readonly string[];
  readonly versions?: readonly string[];
  /** Statuses of versions that are served but can't be read. */
  readonly broken?: Readonly<Record<string, number>>;
}

const json = "application/json";

function answer(status: number, body: unknown): ApiAnswer {
  return { status, contentType: json, body };
}

function list(namespaces: readonly string[], query: URLSearchParams): unknown {
  const from = Number(query.get("continue") ?? 0);
  const to = from + Number(query.get("limit") ?? namespaces.length);
  const items = namespaces.slice(from, to).map((namespace, at) => ({
    metadata: { namespace, name: `c${from + at}` },
  }));
  const left = namespaces.length - to;
  const more = left > 0 ? { continue: String(to), remainingItemCount: left } : { continue: "" };
  return { metadata: { resourceVersion: "1", ...more }, items };
}

/** An API server that has nothing but Cluster objects. `asked` takes down each path. */
export function clustersApi({
  namespaces,
  versions = ["v1beta2", "v1beta1"],
  broken = {},
}: ClustersOf): Api & { readonly asked: string[]; readonly accepted: string[] } {
  const asked: string[] = [];
  const accepted: string[] = [];
  return {
    asked,
    accepted,
    get: async (path, { accept = json } = {}) => {
      asked.push(path);
      accepted.push(accept);
      const url = new URL(path, "https://none");
      const [, group, name, version = "", plural] = url.pathname.split("/");
      if (group !== "apis" || name !== "cluster.x-k8s.io" || versions.length === 0) return answer(404, {});
      if (version === "") return answer(200, { versions: versions.map((it) => ({ version: it })) });
      if (plural !== "clusters" || !versions.includes(version)) return answer(404, {});
      const status = broken[version];
      return status === undefined ? answer(200, list(namespaces, url.searchParams)) : answer(status, {});
    },
    post: async () => answer(404, {}),
  };
}
