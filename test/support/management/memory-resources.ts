import { type Attempt, forbiddenMessage, isAllowed } from "./memory-access.ts";
import type { MemoryKind, MemoryObject } from "./memory-cluster.ts";
import { list } from "./memory-objects.ts";
import { failure, type MemoryAnswer, type MemoryWorld, pageNotFound, type Request } from "./memory-world.ts";

const resourcePath =
  /^\/(?:api|apis\/(?<group>[^/]+))\/(?<version>v[^/]+)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<resource>[^/]+)(?:\/(?<name>[^/]+))?$/;

type Target = Attempt & { readonly version: string };

/** What a path asks for; `undefined` for one that is of no resource. */
function targetOf(path: string): Target | undefined {
  const found = resourcePath.exec(path)?.groups;
  if (found === undefined) return undefined;
  const { group = "", version = "", namespace, resource = "", name } = found;
  return {
    verb: name === undefined ? "list" : "get",
    group,
    version,
    resource,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
}

function storedOf(
  world: MemoryWorld,
  kind: MemoryKind,
  { namespace, name }: Target,
): readonly MemoryObject[] {
  return world.objects
    .filter((it) => it.kind === kind.kind)
    .filter((it) => namespace === undefined || it.metadata.namespace === namespace)
    .filter((it) => name === undefined || it.metadata.name === name);
}

function unconverted({ group, kind, versions }: MemoryKind): MemoryAnswer {
  const hook = `Post "https://capi-webhook-service.capi-system.svc:443/convert?timeout=30s"`;
  const why = "dial tcp 10.0.0.7:443: connect: connection refused";
  const message = `conversion webhook for ${group}/${versions[0]}, Kind=${kind} failed: ${hook}: ${why}`;
  return failure(500, "InternalError", message);
}

function warningOf({ group, kind, versions, deprecated = [] }: MemoryKind, version: string) {
  if (!deprecated.includes(version)) return {};
  const text = `${group}/${version} ${kind} is deprecated; use ${group}/${versions[0]} ${kind}`;
  return { warning: `299 - "${text}"` };
}

function found(world: MemoryWorld, kind: MemoryKind, target: Target, query: URLSearchParams): MemoryAnswer {
  const { group, version, resource, name } = target;
  const apiVersion = group === "" ? version : `${group}/${version}`;
  const stored = storedOf(world, kind, target);
  if (stored.length > 0 && world.broken.includes(`${resource}/${version}`)) return unconverted(kind);
  const objects = stored.map((it) => ({ ...it, apiVersion }));
  if (name === undefined) return { status: 200, body: list(kind.kind, apiVersion, objects, query) };
  const full = group === "" ? resource : `${resource}.${group}`;
  const [first] = objects;
  return first === undefined
    ? failure(404, "NotFound", `${full} "${name}" not found`)
    : { status: 200, body: first };
}

/** Reads what is stored, as far as the user may. */
export function resource(world: MemoryWorld, kinds: readonly MemoryKind[], request: Request): MemoryAnswer {
  const { url, user } = request;
  const target = targetOf(url.pathname);
  if (target === undefined) return pageNotFound;
  const { version, ...attempt } = target;
  if (!isAllowed(world.rules, user, attempt))
    return failure(403, "Forbidden", forbiddenMessage(user, attempt));
  const named = kinds.filter(({ group, plural }) => group === target.group && plural === target.resource);
  const kind = named.find((it) => it.versions.includes(version));
  if (kind === undefined) return pageNotFound;
  const answer = found(world, kind, target, url.searchParams);
  return { ...answer, headers: warningOf(kind, version) };
}
