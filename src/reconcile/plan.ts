import type { Change, Drift, Resource, State } from "./resource.ts";

function differences(observed: State, desired: State): readonly Drift[] {
  return Object.entries(desired)
    .filter(([key, value]) => observed[key] !== value)
    .map(([key, value]) => ({ key, observed: observed[key], desired: value }));
}

/** What has to change for `resource` to be as desired, given what was observed; `undefined` when nothing has to. Pure. */
export function planChange(resource: Resource, observed: State | "absent"): Change | undefined {
  const { id, desired } = resource;
  if (desired === "absent") {
    if (observed === "absent") return undefined;
    const drift = Object.entries(observed).map(([key, value]) => ({
      key,
      observed: value,
      desired: undefined,
    }));
    return { id, action: "delete", drift };
  }
  if (observed === "absent") {
    const drift = Object.entries(desired).map(([key, value]) => ({
      key,
      observed: undefined,
      desired: value,
    }));
    return { id, action: "create", drift };
  }
  const drift = differences(observed, desired);
  return drift.length === 0 ? undefined : { id, action: "update", drift };
}

function followed(resource: Resource, changed: ReadonlySet<string>): Change | undefined {
  const causes = (resource.follows ?? []).filter((id) => changed.has(id));
  if (causes.length === 0) return undefined;
  const drift = { key: "inputs", observed: "current", desired: `current after ${causes.join(", ")}` };
  return { id: resource.id, action: "update", drift: [drift] };
}

/** The changes that the whole list needs, in its order, those that follow from others included. Pure. */
export function planAll(
  resources: readonly Resource[],
  observed: readonly (State | "absent")[],
): readonly Change[] {
  const changes: Change[] = [];
  const changed = new Set<string>();
  for (const [index, resource] of resources.entries()) {
    const change = planChange(resource, observed[index] ?? "absent") ?? followed(resource, changed);
    if (change === undefined) continue;
    changes.push(change);
    changed.add(resource.id);
  }
  return changes;
}
