import type { HttpsReply } from "../../../src/host/memory-host.ts";
import type { Api } from "../../../src/management/api.ts";
import { type Attempt, everything, isAllowed, type MemoryUser } from "./memory-access.ts";
import { builtInKinds, type MemoryKind, readyKinds } from "./memory-cluster.ts";
import { aggregatedList, groupList, groupPage, versionPage } from "./memory-discovery.ts";
import { resource } from "./memory-resources.ts";
import { failure, type MemoryAnswer, type MemoryWorld, page, type Request } from "./memory-world.ts";

/** An API server in memory, held to the real one by `contract.ts`. */
export interface MemoryApi {
  readonly world: MemoryWorld;
  /** As the user of the token `magnum-token`. */
  readonly api: Api;
  /** As the user of another token; as a stranger with one that nobody has. */
  as(token: string): Api;
  /** For `memoryHost({https})`: with a token or a certificate. */
  readonly https: HttpsReply;
  /** Every request so far: `GET /apis`. */
  readonly requests: readonly string[];
}

/** The token of the user `magnum`, who may do everything. */
export const magnumToken = "magnum-token";

const anonymous: MemoryUser = { name: "system:anonymous", groups: ["system:unauthenticated"] };

function apis(world: MemoryWorld, kinds: readonly MemoryKind[], accept: string): MemoryAnswer {
  const { discovery: form, stale } = world;
  const type = `application/json;g=apidiscovery.k8s.io;v=${form};as=APIGroupDiscoveryList`;
  // A server of Kubernetes 1.33 knows v2 alone.
  if (form === "plain" || !accept.includes(type)) return { status: 200, body: groupList(kinds) };
  return { status: 200, body: aggregatedList(kinds, form, stale), contentType: type };
}

function review(world: MemoryWorld, { url, body, user }: Request): MemoryAnswer | undefined {
  if (url.pathname === "/apis/authentication.k8s.io/v1/selfsubjectreviews") {
    const userInfo = { username: user.name, groups: user.groups };
    return { status: 201, body: { ...(body as object), status: { userInfo } } };
  }
  if (url.pathname !== "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews") return undefined;
  const { spec } = body as { spec: { resourceAttributes?: Partial<Attempt> } };
  const { resourceAttributes: asked } = spec;
  // What is no resource, such as /version, is open to everybody.
  const attempt = { verb: "", resource: "", group: "", ...asked };
  const allowed = asked === undefined || isAllowed(world.rules, user, attempt);
  return { status: 201, body: { ...(body as object), status: { allowed } } };
}

/** The pages that say what is served; `undefined` where the path is of something else. */
function discovery(world: MemoryWorld, kinds: readonly MemoryKind[], request: Request) {
  const [, root, first = "", second, ...more] = request.url.pathname.split("/");
  if (more.length > 0) return undefined;
  if (root === "api")
    return first === "v1" && second === undefined ? page(versionPage(kinds, "", "v1")) : undefined;
  if (root !== "apis") return undefined;
  if (first === "") return apis(world, kinds, request.accept);
  return page(second === undefined ? groupPage(kinds, first) : versionPage(kinds, first, second));
}

function version({ version: gitVersion }: MemoryWorld): MemoryAnswer {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return { status: 200, body: { major, minor, gitVersion } };
}

function answer(world: MemoryWorld, request: Request): MemoryAnswer {
  const { url, method, user } = request;
  const kinds = [...builtInKinds, ...world.kinds];
  if (url.pathname === "/version") return version(world);
  if (user === anonymous)
    return failure(403, "Forbidden", `forbidden: User "${user.name}" cannot get path "${url.pathname}"`);
  if (method === "POST") return review(world, request) ?? failure(405, "MethodNotAllowed", "not for tests");
  return discovery(world, kinds, request) ?? resource(world, kinds, request);
}

const json = "application/json";

/** Makes one: unless told otherwise a cluster that the driver and the chart can use, as Cluster API 1.11 makes it. */
export function memoryApi(options: Partial<MemoryWorld> = {}): MemoryApi {
  const requests: string[] = [];
  const world: MemoryWorld = {
    kinds: readyKinds(),
    objects: [],
    users: { [magnumToken]: { name: "magnum", groups: ["system:authenticated"] } },
    rules: [everything],
    broken: [],
    version: "v1.33.4",
    discovery: "v2",
    stale: [],
    ...options,
  };
  const handle = (
    request: Omit<Request, "url" | "user"> & { path: string; user: MemoryUser | undefined },
  ) => {
    const { path, user, ...rest } = request;
    requests.push(`${request.method} ${path}`);
    const instead = world.instead?.(request.method, path);
    if (instead !== undefined) return instead;
    if (user === undefined) return failure(401, "Unauthorized", "Unauthorized");
    return answer(world, { ...rest, user, url: new URL(path, "https://memory.example") });
  };
  const ask = (token: string, method: string, path: string, accept: string, body: unknown) => {
    const got = handle({ method, path, accept, body, user: world.users[token] });
    const warning = /^299 \S+ "(.*)"$/.exec(got.headers?.["warning"] ?? "")?.[1];
    const { status, contentType = json } = got;
    return { status, contentType, body: parsed(got.body), ...(warning === undefined ? {} : { warning }) };
  };
  const as = (token: string): Api => ({
    get: async (path, { accept = json } = {}) => ask(token, "GET", path, accept, undefined),
    post: async (path, body) => ask(token, "POST", path, json, body),
  });
  return {
    world,
    requests,
    as,
    api: as(magnumToken),
    https: ({ certificate }, { method, path, headers, body }) => {
      const given = Object.fromEntries(Object.entries(headers).map(([name, it]) => [name.toLowerCase(), it]));
      const token = /^Bearer (.*)$/.exec(given["authorization"] ?? "")?.[1];
      const user =
        token !== undefined
          ? world.users[token]
          : certificate === undefined
            ? anonymous
            : world.certificateUser?.(certificate.cert);
      const accept = given["accept"] ?? json;
      const got = handle({ method, path, accept, body: parsed(body), user });
      return {
        ok: true,
        status: got.status,
        headers: { "content-type": got.contentType ?? json, ...got.headers },
        body: typeof got.body === "string" ? got.body : JSON.stringify(got.body),
      };
    },
  };
}

function parsed(body: unknown): unknown {
  if (typeof body !== "string") return body;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
