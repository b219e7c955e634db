import type { PermissionsAnswer } from "../management/permissions.ts";

type Missing = PermissionsAnswer["missing"][number];

function rows(missing: readonly Missing[]): readonly string[] {
  const cells = missing.map(({ group, resource, verb, namespace, why }) => {
    const kind = group === "" ? resource : `${resource}.${group}`;
    return [verb, kind, namespace ?? "everywhere", why];
  });
  const widths = [0, 1, 2].map((at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  return cells.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")}\n`);
}

function table(heading: string, missing: readonly Missing[]): string {
  return missing.length === 0 ? "" : `${heading}\n${rows(missing).join("")}`;
}

const forms = {
  admin: "a cluster administrator's: next: capi-graft rbac\n",
  cluster: "for the whole management cluster\n",
  namespaces: "for namespaces that are prepared\n",
} as const;

/** What a kubeconfig may do and what it misses, each with what it is needed for. */
export function renderPermissions(answer: PermissionsAnswer): string {
  const { form, missing, missingChecks, prepared, unprepared } = answer;
  const named = (label: string, list: readonly string[]) => list.map((it) => `${label} ${it}\n`).join("");
  return [
    forms[form],
    named("prepared:", prepared),
    named("not prepared:", unprepared),
    table("missing:", missing),
    table("missing for our checks alone:", missingChecks),
    missing.length + missingChecks.length + unprepared.length === 0 ? "nothing is missing\n" : "",
  ].join("");
}
