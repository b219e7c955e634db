import { describe, expect, test } from "vitest";
import { isFault } from "../../src/management/api.ts";
import {
  allPermissions,
  checkPermissions,
  driverPermissions,
  keyOf,
  type Permission,
} from "../../src/management/driver-permissions.ts";
import {
  adminState,
  askPermissions,
  type PermissionsAnswer,
  permissionsState,
  projectsState,
} from "../../src/management/permissions.ts";
import { type Bound, type RbacRule, rbacApi } from "../support/management/rbac-api.ts";

const prefix = "magnum";

function ruleOf({ group, resource, verb }: Permission, ...resourceNames: string[]): RbacRule {
  return { apiGroups: [group], resources: [resource], verbs: [verb], resourceNames };
}

const everything = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
const p1 = "magnum-0123456789abcdef0123456789abcdef";
const p2 = "magnum-p2";

/** The form by namespaces: `namespaces` are named for the whole cluster, `prepared` have their RoleBinding. */
function byNamespaces(namespaces: readonly string[], prepared: readonly string[]): Bound {
  const inside = driverPermissions.filter(({ resource }) => resource !== "namespaces");
  const patch: Permission = { group: "", resource: "namespaces", verb: "patch", why: "", user: "driver" };
  const own = checkPermissions.map((it) =>
    it.resource === "namespaces" ? ruleOf(it, "kube-system") : ruleOf(it),
  );
  return {
    cluster: [...own, ruleOf(patch, ...namespaces)],
    namespaces: Object.fromEntries(prepared.map((it) => [it, inside.map((one) => ruleOf(one))])),
  };
}

async function ask(bound: Bound, used: readonly string[] = []) {
  const api = rbacApi(bound);
  const answer = await askPermissions(api, { prefix, used });
  if (isFault(answer as never)) throw new Error("a fault");
  const options = { prefix, used };
  const found = answer as PermissionsAnswer;
  return {
    answer: found,
    state: permissionsState(found, options),
    projects: projectsState(found, options),
    admin: adminState(found),
    asked: api.asked,
  };
}

describe("an administrator's kubeconfig", () => {
  test("may do everything, which one question tells, and is noted", async () => {
    const { answer, state, admin, projects, asked } = await ask({ cluster: [everything] });
    expect(answer).toMatchObject({ form: "admin", missing: [] });
    expect(asked).toHaveLength(1);
    expect(state).toEqual({ state: "open", detail: "everything" });
    expect(projects).toEqual({ state: "open" });
    expect(admin).toEqual({
      state: "closed",
      cure: "note",
      reason: "the kubeconfig is a cluster administrator's",
      remedy: "capi-graft rbac",
    });
  });
});

describe("a kubeconfig for the whole cluster", () => {
  const rules = allPermissions.map((it) => ruleOf(it));

  test("is asked once for each verb on each kind", async () => {
    const { answer, state, admin, asked } = await ask({ cluster: rules });
    expect(answer).toEqual({
      form: "cluster",
      missing: [],
      missingChecks: [],
      prepared: [],
      unprepared: [],
    });
    expect(state).toEqual({ state: "open", detail: `${driverPermissions.length} permissions` });
    expect(admin).toEqual({ state: "open" });
    expect(asked).toHaveLength(allPermissions.length + 3);
    expect(asked.length).toBeLessThan(110);
  });

  test.each(driverPermissions.map((it) => [keyOf(it), it] as const))(
    "without %s is refused, and it is named",
    async (key, taken) => {
      const { answer, state } = await ask({ cluster: rules.filter((_, at) => allPermissions[at] !== taken) });
      expect(answer.missing.map(keyOf)).toEqual([key]);
      expect(state).toEqual({
        state: "closed",
        cure: "operator",
        reason: `1 permission missing: ${taken.verb} ${taken.resource}`,
        remedy: "capi-graft rbac",
      });
    },
  );

  test.each(allPermissions.filter(({ user }) => user === "checks").map((it) => [keyOf(it), it] as const))(
    "without %s, which only our checks use, is taken, and it is told",
    async (key, taken) => {
      const { answer, state } = await ask({ cluster: rules.filter((_, at) => allPermissions[at] !== taken) });
      expect(answer.missing).toEqual([]);
      expect(answer.missingChecks.map(keyOf)).toEqual([key]);
      expect(state).toEqual({
        state: "open",
        detail: `${driverPermissions.length} permissions; not for our checks: ${taken.verb} ${taken.resource}`,
      });
    },
  );

  test("without a kind at all names the kind", async () => {
    const { answer, state } = await ask({
      cluster: rules.filter(({ resources }) => !resources.includes("secrets")),
    });
    expect(answer).toMatchObject({ form: "cluster" });
    expect(state).toMatchObject({ reason: "7 permissions missing: all of secrets" });
  });

  test("without anything says how much is missing, in the length of a status", async () => {
    const { state } = await ask({ cluster: [] });
    expect(state).toMatchObject({ state: "closed", cure: "operator", remedy: "capi-graft rbac" });
    const reason = "reason" in state ? state.reason : "";
    expect(reason).toMatch(/^\d\d permissions missing: create\/patch namespaces, all of secrets, \.\.\.$/);
    expect(`${reason}; next: capi-graft rbac`.length).toBeLessThanOrEqual(100);
  });

  test("that names used namespaces is still one for the whole cluster", async () => {
    const { answer } = await ask({ cluster: rules.filter((it) => !it.resources.includes("clusters")) }, [p1]);
    expect(answer.form).toBe("cluster");
    expect(new Set(answer.missing.map(({ resource }) => resource))).toEqual(new Set(["clusters"]));
  });
});

describe("a kubeconfig by namespaces", () => {
  test("is good where its namespaces are prepared, at one question more for each", async () => {
    const one = await ask(byNamespaces([p1], [p1]));
    expect(one.answer).toEqual({
      form: "namespaces",
      missing: [],
      missingChecks: [],
      prepared: [p1],
      unprepared: [],
    });
    expect(one.state).toEqual({ state: "open", detail: `in ${p1}` });
    const two = await ask(byNamespaces([p1, p2], [p1, p2]));
    expect(two.answer.prepared).toEqual([p1, p2]);
    expect(two.asked.length - one.asked.length).toBe(1);
    expect(two.asked.length).toBeLessThan(25);
  });

  test("says before which project is not prepared, in the length of a status", async () => {
    const { answer, state } = await ask(byNamespaces([p1], []));
    expect(answer).toMatchObject({ form: "namespaces", prepared: [], unprepared: [p1], missing: [] });
    expect(state).toEqual({
      state: "closed",
      cure: "operator",
      reason: "not prepared: project 0123456789abcdef0123456789abcdef",
      remedy: "capi-graft rbac --per-project",
    });
    const both = await ask(byNamespaces([p1, p2], []));
    expect(both.state).toMatchObject({
      reason: "not prepared: project 0123456789abcdef0123456789abcdef and 1 more",
    });
    if (both.state.state !== "closed") throw new Error("it is open");
    expect(`${both.state.reason}; next: ${both.state.remedy}`.length).toBeLessThanOrEqual(110);
  });

  test("notes a project that is not prepared beside one that is, and refuses it where it has clusters", async () => {
    const bound = byNamespaces([p1, p2], [p1]);
    const unused = await ask(bound);
    expect(unused.state).toEqual({ state: "open", detail: `in ${p1}` });
    expect(unused.projects).toMatchObject({
      state: "closed",
      cure: "note",
      reason: "not prepared: project p2",
    });
    expect((await ask(bound, [p2])).state).toMatchObject({
      state: "closed",
      cure: "operator",
      reason: "not prepared: project p2",
    });
  });

  test("takes the namespaces that have clusters for it, where no rule names any", async () => {
    const { cluster, namespaces } = byNamespaces([], [p1]);
    const patch = { verbs: ["patch"], apiGroups: [""], resources: ["namespaces"] };
    const bound = {
      cluster: cluster.slice(0, -1),
      namespaces: { [p1]: [...(namespaces?.[p1] ?? []), patch] },
    };
    expect((await ask(bound, [p1])).answer).toMatchObject({
      form: "namespaces",
      prepared: [p1],
      missing: [],
    });
    expect((await ask(bound)).answer).toMatchObject({ form: "cluster" });
  });

  test.each(
    driverPermissions
      .filter(({ resource }) => resource !== "namespaces")
      .map((it) => [keyOf(it), it] as const),
  )("without %s in a namespace is refused, and it is named", async (key, taken) => {
    const { cluster, namespaces } = byNamespaces([p1], [p1]);
    const left = (rules: readonly RbacRule[]) =>
      rules.filter(
        (it) =>
          !(
            it.verbs.includes(taken.verb) &&
            it.resources.includes(taken.resource) &&
            it.apiGroups.includes(taken.group)
          ),
      );
    const { answer, state } = await ask({
      cluster: left(cluster),
      namespaces: { [p1]: left(namespaces?.[p1] ?? []) },
    });
    expect(answer.missing.map(keyOf)).toEqual([key]);
    expect(answer.missing).toMatchObject([{ namespace: p1, why: taken.why }]);
    expect(state).toMatchObject({ reason: `1 permission missing: ${taken.verb} ${taken.resource}` });
  });

  test("has a namespace by its own name where it is asked for and has another prefix", async () => {
    expect((await ask(byNamespaces([p1], [p1]), ["site-b"])).state).toMatchObject({
      reason: "not prepared: site-b",
    });
  });

  test("of other prefixes is none of ours", async () => {
    expect((await ask(byNamespaces(["other-p1"], ["other-p1"]))).answer.form).toBe("cluster");
  });
});

describe("the API server", () => {
  const fault = { fault: "tcp", cure: "time", reason: "gone", remedy: "wait" } as const;

  test("that is gone is asked once", async () => {
    let asked = 0;
    const api = {
      ...rbacApi({ cluster: [] }),
      post: async () => {
        asked += 1;
        return fault;
      },
    };
    expect(await askPermissions(api, { prefix })).toEqual(fault);
    expect(asked).toBe(1);
  });

  test("that goes away in between is not asked all the rest", async () => {
    const real = rbacApi({ cluster: allPermissions.map((it) => ruleOf(it)) });
    let asked = 0;
    const api = {
      ...real,
      post: async (path: string, body: unknown) => {
        asked += 1;
        return asked > 10 ? fault : await real.post(path, body);
      },
    };
    expect(await askPermissions(api, { prefix })).toEqual(fault);
    expect(asked).toBeLessThan(16);
  });

  test.each([
    [401, "operator"],
    [403, "operator"],
    [500, "time"],
    [429, "time"],
  ])("that answers %d says nothing of permissions", async (status, cure) => {
    const api = {
      ...rbacApi({ cluster: [] }),
      post: async () => ({ status, contentType: "application/json", body: {} }),
    };
    expect(await askPermissions(api, { prefix })).toMatchObject({
      fault: "http",
      cure,
      reason: `the API server answers ${status} to a SelfSubjectAccessReview`,
    });
  });

  test("that answers nonsense grants nothing", async () => {
    const api = {
      ...rbacApi({ cluster: [] }),
      post: async () => ({ status: 201, contentType: "text/html", body: undefined }),
    };
    const answer = await askPermissions(api, { prefix });
    expect(answer).toMatchObject({ form: "cluster", missing: driverPermissions });
  });
});

describe("what is asked", () => {
  test("is each verb on each kind once, with a reason", () => {
    expect(new Set(allPermissions.map(keyOf)).size).toBe(allPermissions.length);
    for (const { why } of allPermissions) expect(why).toMatch(/^\S.{10,}/);
  });

  test("has the driver's own reason before helm's", () => {
    const why = (key: string) => driverPermissions.find((it) => keyOf(it) === key)?.why;
    expect(why("namespaces patch")).toBe("creating a cluster: its namespace");
    expect(why("clusters.cluster.x-k8s.io get")).toBe("state and health of a cluster");
    expect(why("machinedeployments/scale.cluster.x-k8s.io patch")).toContain("autoscaler");
  });
});
