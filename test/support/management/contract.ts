import { describe, expect, test } from "vitest";
import type { MemoryRule } from "./memory-access.ts";

/** What came back, as far as a client looks at it. */
interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** The whole header. */
  readonly warning: string | undefined;
  /** JSON where it is such, else its text. */
  readonly body: unknown;
}

/** Who asks: the driver's user, one without rights, a token that nobody has, or no token at all. */
type Asker = "magnum" | "nobody" | "stranger" | "none";

/** An API server for one test; it serves what `readyKinds` does and stores what is in `contractObjects`. */
export interface Subject {
  ask(
    as: Asker,
    method: "GET" | "POST",
    path: string,
    more?: { readonly accept?: string; readonly body?: object },
  ): Promise<Answer>;
}

/** The namespace of the objects. */
export const contractNamespace = "magnum-contract";

/** Three clusters, one with a label. */
export const contractObjects = ["one", "two", "three"].map((name) => ({
  apiVersion: "cluster.x-k8s.io/v1beta2",
  kind: "Cluster",
  metadata: {
    name,
    namespace: contractNamespace,
    ...(name === "two" ? { labels: { "capi.example/name": "two" } } : {}),
  },
  spec: { paused: true },
}));

/** What the driver's user may do at least; it may not delete a CRD. The other user may nothing. */
export const contractRules: readonly MemoryRule[] = [
  { user: "magnum", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get", "list"] },
  {
    user: "magnum",
    apiGroups: ["cluster.x-k8s.io"],
    resources: ["machinedeployments/scale"],
    verbs: ["get", "patch", "update"],
  },
];

const apis = "/apis/cluster.x-k8s.io";
const clusters = `${apis}/v1beta2/namespaces/${contractNamespace}/clusters`;
const refusal = (code: number, reason: string, message: string) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  message,
  reason,
  code,
});
const notThere = { status: 404, contentType: "text/plain; charset=utf-8", body: "404 page not found\n" };

/** What an API server promises, as far as we rely on it. Run against the one in memory, and against the real one. */
export function managementContract(subject: () => Promise<Subject>): void {
  const get = async (path: string, as: Asker = "magnum", accept?: string) =>
    await (await subject()).ask(as, "GET", path, accept === undefined ? {} : { accept });
  const post = async (path: string, body: object, as: Asker = "magnum") =>
    await (await subject()).ask(as, "POST", path, { body });

  test("/version says what Kubernetes it is, to everybody", async () => {
    for (const as of ["magnum", "none"] as const) {
      const { status, body } = await get("/version", as);
      expect({ status, body }).toMatchObject({
        status: 200,
        body: { major: "1", minor: expect.any(String), gitVersion: expect.stringMatching(/^v1\.\d+\.\d+/) },
      });
    }
  });

  describe("discovery", () => {
    const oneAnswer = (form: string) =>
      `application/json;g=apidiscovery.k8s.io;v=${form};as=APIGroupDiscoveryList`;

    test("in one answer, which its media type names", async () => {
      const type = oneAnswer("v2");
      const { status, contentType, body } = await get(
        "/apis",
        "magnum",
        `${type},${oneAnswer("v2beta1")},application/json`,
      );
      expect([status, contentType]).toEqual([200, type]);
      const { kind, items } = body as { kind: string; items: { metadata: { name: string } }[] };
      expect(kind).toBe("APIGroupDiscoveryList");
      const group = items.find(({ metadata }) => metadata.name === "cluster.x-k8s.io");
      const version = (name: string) =>
        expect.objectContaining({
          version: name,
          freshness: "Current",
          resources: expect.arrayContaining([
            expect.objectContaining({
              resource: "clusters",
              responseKind: { group: "cluster.x-k8s.io", version: name, kind: "Cluster" },
              scope: "Namespaced",
              singularResource: "cluster",
              verbs: expect.arrayContaining(["get", "list"]),
            }),
          ]),
        });
      expect(group).toMatchObject({ versions: [version("v1beta2"), version("v1beta1")] });
    });

    test.each(["application/json", `${oneAnswer("v2beta1")},application/json`])(
      "in the plain form, where %s is asked for",
      async (accept) => {
        const { contentType, body } = await get("/apis", "magnum", accept);
        expect(contentType).toMatch(/^application\/json(;|$)(?!.*as=)/);
        const versions = ["v1beta2", "v1beta1"].map((version) => ({
          groupVersion: `cluster.x-k8s.io/${version}`,
          version,
        }));
        expect(body).toMatchObject({
          kind: "APIGroupList",
          groups: expect.arrayContaining([
            { name: "cluster.x-k8s.io", versions, preferredVersion: versions[0] },
          ]),
        });
      },
    );

    test("of one group", async () => {
      const { status, body } = await get("/apis/infrastructure.cluster.x-k8s.io");
      expect(status).toBe(200);
      const versions = ["v1beta1", "v1alpha1"].map((version) => expect.objectContaining({ version }));
      expect(body).toMatchObject({ kind: "APIGroup", name: "infrastructure.cluster.x-k8s.io", versions });
    });

    test("of one version, with the parts of each kind", async () => {
      const { status, body } = await get(`${apis}/v1beta1`);
      expect(status).toBe(200);
      const row = (name: string) =>
        expect.objectContaining({ name, kind: "Cluster", namespaced: true, verbs: expect.any(Array) });
      expect(body).toMatchObject({
        kind: "APIResourceList",
        groupVersion: "cluster.x-k8s.io/v1beta1",
        resources: expect.arrayContaining([row("clusters"), row("clusters/status")]),
      });
    });

    test.each(["/apis/nothing.example", `${apis}/v1alpha1`, "/apis/nothing.example/v1"])(
      "of %s, which is not there",
      async (path) => {
        expect(await get(path)).toMatchObject(notThere);
      },
    );
  });

  describe("reading", () => {
    test("a list has a mark to go on from, always", async () => {
      const { status, body } = await get(clusters);
      expect({ status, body }).toMatchObject({
        status: 200,
        body: { apiVersion: "cluster.x-k8s.io/v1beta2", kind: "ClusterList", metadata: { continue: "" } },
      });
      const { items } = body as { items: { metadata: { name: string } }[] };
      expect(items.map(({ metadata }) => metadata.name).toSorted()).toEqual(["one", "three", "two"]);
    });

    test("a limit gives pages, with the number of what is left", async () => {
      const names: string[] = [];
      const left: (number | undefined)[] = [];
      let from = "";
      do {
        const more = from === "" ? "" : `&continue=${encodeURIComponent(from)}`;
        const { body } = await get(`${clusters}?limit=1${more}`);
        const { items, metadata } = body as {
          items: { metadata: { name: string } }[];
          metadata: { continue: string; remainingItemCount?: number };
        };
        names.push(...items.map((it) => it.metadata.name));
        left.push(metadata.remainingItemCount);
        from = metadata.continue;
      } while (from !== "" && names.length < 9);
      expect(names.toSorted()).toEqual(["one", "three", "two"]);
      expect(left).toEqual([2, 1, undefined]);
    });

    test.each([
      ["capi.example/name", ["two"]],
      ["capi.example/name=two", ["two"]],
      ["capi.example/name=one", []],
      ["!capi.example/name", ["one", "three"]],
    ])("labels choose: %s", async (selector, names) => {
      const { body } = await get(`${clusters}?labelSelector=${encodeURIComponent(selector)}`);
      const { items } = body as { items: { metadata: { name: string } }[] };
      expect(items.map(({ metadata }) => metadata.name).toSorted()).toEqual(names);
    });

    test("what is left is not counted where labels choose", async () => {
      const { body } = await get(`${clusters}?limit=1&labelSelector=!capi.example/name`);
      expect(body).toMatchObject({ metadata: { continue: expect.stringMatching(/./) } });
      expect(body).not.toHaveProperty("metadata.remainingItemCount");
    });

    test("one object, at the version asked for", async () => {
      const { status, body } = await get(`${clusters.replace("v1beta2", "v1beta1")}/one`);
      expect({ status, body }).toMatchObject({
        status: 200,
        body: { apiVersion: "cluster.x-k8s.io/v1beta1", kind: "Cluster", metadata: { name: "one" } },
      });
    });

    test("a version that is deprecated warns, with what takes its place", async () => {
      const text = "cluster.x-k8s.io/v1beta1 Cluster is deprecated; use cluster.x-k8s.io/v1beta2 Cluster";
      const list = await get(`${apis}/v1beta1/clusters?limit=1`);
      expect(list).toMatchObject({ status: 200, warning: `299 - "${text}"` });
      expect((await get(`${apis}/v1beta2/clusters?limit=1`)).warning).toBeUndefined();
    });

    test("an object that is not there", async () => {
      const { status, body } = await get(`${clusters}/four`);
      expect(status).toBe(404);
      expect(body).toMatchObject(refusal(404, "NotFound", 'clusters.cluster.x-k8s.io "four" not found'));
    });

    test("a version that is not served", async () => {
      expect(await get(`${apis}/v1alpha4/clusters?limit=1`)).toMatchObject(notThere);
    });
  });

  describe("who may what", () => {
    const text = (user: string, where: string) =>
      `clusters.cluster.x-k8s.io is forbidden: User "${user}" cannot list resource "clusters" in API group "cluster.x-k8s.io" ${where}`;

    test("one without the right is refused, with what it was", async () => {
      const everywhere = await get(`${apis}/v1beta2/clusters`, "nobody");
      expect(everywhere.status).toBe(403);
      const message = text("nobody", "at the cluster scope");
      expect(everywhere.body).toMatchObject(refusal(403, "Forbidden", message));
      const { body } = await get(clusters, "nobody");
      const inside = text("nobody", `in the namespace "${contractNamespace}"`);
      expect(body).toMatchObject(refusal(403, "Forbidden", inside));
      const { body: one } = await get(`${clusters}/one`, "nobody");
      expect(one).toMatchObject({
        message: inside.replace("is forbidden", '"one" is forbidden').replace("cannot list", "cannot get"),
      });
    });

    test("a token that nobody has is refused", async () => {
      const { status, body } = await get(clusters, "stranger");
      expect(status).toBe(401);
      expect(body).toMatchObject(refusal(401, "Unauthorized", "Unauthorized"));
    });

    test("without a token it is the user anonymous, who may not even look", async () => {
      const { status, body } = await get("/apis", "none");
      expect(status).toBe(403);
      const message = 'forbidden: User "system:anonymous" cannot get path "/apis"';
      expect(body).toMatchObject(refusal(403, "Forbidden", message));
    });

    test("who one is", async () => {
      const kind = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
      const { status, body } = await post("/apis/authentication.k8s.io/v1/selfsubjectreviews", kind);
      const groups = expect.arrayContaining(["system:authenticated"]);
      expect({ status, body }).toMatchObject({
        status: 201,
        body: { ...kind, status: { userInfo: { username: "magnum", groups } } },
      });
    });

    test.each([
      ["list", "clusters", undefined, true],
      ["get", "clusters", undefined, true],
      ["patch", "machinedeployments", "scale", true],
      ["deletecollection", "clusters", undefined, false],
      ["delete", "machinedeployments", "scale", false],
    ])("whether one may %s %s/%s", async (verb, resource, subresource, allowed) => {
      const kind = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview" };
      const group = "cluster.x-k8s.io";
      const asked = { verb, group, resource, ...(subresource === undefined ? {} : { subresource }) };
      const { status, body } = await post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
        ...kind,
        spec: { resourceAttributes: { namespace: contractNamespace, ...asked } },
      });
      expect({ status, body }).toMatchObject({ status: 201, body: { ...kind, status: { allowed } } });
    });
  });
}
