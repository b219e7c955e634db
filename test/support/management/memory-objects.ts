import type { MemoryObject } from "./memory-cluster.ts";

/** Whether labels fit a selector: `a=b`, `a` and `!a`, with commas between. */
function selects(selector: string, labels: Readonly<Record<string, string>> = {}): boolean {
  return selector.split(",").every((part) => {
    const [name = "", value] = part.split(/==?/);
    if (value !== undefined) return labels[name] === value;
    return name.startsWith("!") ? !(name.slice(1) in labels) : name in labels;
  });
}

/** A list as Kubernetes gives it: in pages where a limit asks for such, with `continue` always there. */
export function list(
  kind: string,
  apiVersion: string,
  stored: readonly MemoryObject[],
  query: URLSearchParams,
): object {
  const selector = query.get("labelSelector") ?? "";
  const all = selector === "" ? stored : stored.filter((it) => selects(selector, it.metadata.labels));
  const from = Number(query.get("continue") ?? 0);
  const limit = Number(query.get("limit") ?? 0);
  const items = limit === 0 ? all.slice(from) : all.slice(from, from + limit);
  const left = all.length - from - items.length;
  const metadata = {
    resourceVersion: "1",
    continue: left > 0 ? String(from + items.length) : "",
    // Not counted where labels choose.
    ...(left > 0 && selector === "" ? { remainingItemCount: left } : {}),
  };
  return { apiVersion, kind: `${kind}List`, metadata, items };
}
