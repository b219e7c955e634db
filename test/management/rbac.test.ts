import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { allPermissions, driverPermissions, keyOf } from "../../src/management/driver-permissions.ts";
import {
  askPermissions,
  type PermissionsAnswer,
  permissionsState,
} from "../../src/management/permissions.ts";
import {
  clusterRules,
  type KitOptions,
  type KitRule,
  type KubernetesObject,
  kit,
  plainKit,
  projectRules,
  showKit,
} from "../../src/management/rbac.ts";
import { type Bound, rbacApi } from "../support/management/rbac-api.ts";

const options: KitOptions = { name: "magnum-capi-helm", namespace: "capi-graft", perProject: [] };
const p1 = "magnum-p1";
const p2 = "magnum-p2";
const prefix = "magnum";

async function judge(bound: Bound, used: readonly string[] = []) {
  const answer = (await askPermissions(rbacApi(bound), { prefix, used })) as PermissionsAnswer;
  return { answer, state: permissionsState(answer, { prefix, used }) };
}

function named(objects: readonly KubernetesObject[]): readonly string[] {
  return objects.map((it) => {
    const { name, namespace } = it["metadata"] as { name: string; namespace?: string };
    return `${it["kind"]} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
  });
}

function without<T>(list: readonly T[], one: T): readonly T[] {
  return list.filter((it) => it !== one);
}

const resourcesOf = (answer: PermissionsAnswer) => new Set(answer.missing.map(({ resource }) => resource));

describe("the kit for the whole cluster", () => {
  test("is an account, its token, one role and its binding", () => {
    expect(named(kit(options))).toEqual([
      "Namespace capi-graft",
      "ServiceAccount capi-graft/magnum-capi-helm",
      "Secret capi-graft/magnum-capi-helm-token",
      "ClusterRole magnum-capi-helm",
      "ClusterRoleBinding magnum-capi-helm",
    ]);
  });

  test("grants all that is asked for, and nothing more", async () => {
    const { answer, state } = await judge({ cluster: clusterRules() });
    expect(answer).toMatchObject({ form: "cluster", missing: [], missingChecks: [] });
    expect(state.state).toBe("open");
    const granted = clusterRules().flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => keyOf({ group, resource, verb }))),
      ),
    );
    expect(new Set(granted)).toEqual(new Set(allPermissions.map(keyOf)));
    expect(granted).toHaveLength(new Set(granted).size);
  });

  test.each(clusterRules().map((rule) => [`${rule.verbs.join("/")} ${rule.resources.join(", ")}`, rule]))(
    "without its rule %s is refused with the names of its kinds",
    async (_, rule) => {
      const all = clusterRules();
      const same = all.find((it) => JSON.stringify(it) === JSON.stringify(rule)) as KitRule;
      const { answer, state } = await judge({ cluster: without(all, same) });
      if (rule.resourceNames !== undefined) {
        expect(state).toMatchObject({ state: "open", detail: expect.stringContaining("get namespaces") });
        return;
      }
      expect(resourcesOf(answer)).toEqual(new Set(rule.resources));
      expect(state).toMatchObject({ state: "closed", cure: "operator", remedy: "capi-graft rbac" });
      expect(state.state === "closed" && state.reason).toContain(rule.resources[0]);
    },
  );
});

describe("the kit by projects", () => {
  const { everywhere, inside } = projectRules([p1, p2]);

  test("is an account, its token, two roles, and for each namespace itself and a binding", () => {
    expect(named(kit({ ...options, perProject: [p1, p2] }))).toEqual([
      "Namespace capi-graft",
      "ServiceAccount capi-graft/magnum-capi-helm",
      "Secret capi-graft/magnum-capi-helm-token",
      "ClusterRole magnum-capi-helm",
      "ClusterRoleBinding magnum-capi-helm",
      "ClusterRole magnum-capi-helm-project",
      "Namespace magnum-p1",
      "RoleBinding magnum-p1/magnum-capi-helm",
      "Namespace magnum-p2",
      "RoleBinding magnum-p2/magnum-capi-helm",
    ]);
  });

  test("grants no secret, and nothing to write but prepared namespaces, for the whole cluster", () => {
    const writing = everywhere.filter(({ verbs }) => verbs.some((it) => !["get", "list"].includes(it)));
    expect(writing).toMatchObject([{ resources: ["namespaces"], verbs: ["patch"], resourceNames: [p1, p2] }]);
    expect(everywhere.flatMap(({ resources }) => resources)).not.toContain("secrets");
  });

  test("is refused before its namespaces are prepared, and good afterwards", async () => {
    const before = await judge({ cluster: everywhere });
    expect(before.state).toMatchObject({ reason: "not prepared: project p1 and 1 more" });
    const after = await judge({ cluster: everywhere, namespaces: { [p1]: inside, [p2]: inside } });
    expect(after.answer).toMatchObject({ form: "namespaces", missing: [], missingChecks: [] });
    expect(after.state).toEqual({ state: "open", detail: `in ${p1}, ${p2}` });
  });

  test.each(inside.map((rule) => [`${rule.verbs.join("/")} ${rule.resources.join(", ")}`, rule]))(
    "without its rule %s is refused with the names of its kinds, where they are not granted anyway",
    async (_, rule) => {
      const left = inside.filter((it) => JSON.stringify(it) !== JSON.stringify(rule));
      const { answer, state } = await judge({ cluster: everywhere, namespaces: { [p1]: left, [p2]: left } });
      if (rule.resources[0] === "helmchartproxies") {
        expect(state.state).toBe("open");
        return;
      }
      expect(answer.form).toBe("namespaces");
      expect(resourcesOf(answer)).toEqual(new Set(rule.resources));
      expect(state).toMatchObject({ state: "closed", remedy: "capi-graft rbac" });
    },
  );

  test("without the right to patch its namespaces is refused, and it is named", async () => {
    const left = everywhere.filter(({ verbs }) => !verbs.includes("patch"));
    const { state } = await judge({ cluster: left, namespaces: { [p1]: inside, [p2]: inside } });
    expect(state).toMatchObject({ reason: "1 permission missing: patch namespaces" });
  });
});

describe("what is printed", () => {
  test.each([[[]], [[p1, p2]]])("is the same objects as YAML and as JSON, for %j", (perProject) => {
    const objects = kit({ ...options, perProject });
    const documents = parseAllDocuments(showKit(objects));
    expect(plainKit(objects)).toEqual({
      apiVersion: "v1",
      kind: "List",
      items: documents.map((it) => it.toJS() as unknown),
    });
    expect(JSON.stringify(plainKit(objects))).not.toContain('"why"');
  });

  test("has the reason above each rule", () => {
    const text = showKit(kit(options));
    expect(text).toContain(
      '  # first cluster of a project: its namespace\n  # creating a cluster: its namespace\n  - apiGroups: [""]\n    resources: [namespaces]\n    verbs: [create, patch]\n',
    );
    for (const { why } of driverPermissions) expect(text).toContain(`  # ${why}\n`);
  });

  test("names nothing that any account has, and no wildcard", () => {
    expect(JSON.stringify(plainKit(kit(options)))).not.toMatch(/"\*"|escalate|bind"|impersonate/);
  });
});
