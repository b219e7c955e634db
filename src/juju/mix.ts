import { columns, cut } from "./message.ts";
import type { PeerData } from "./peer-data.ts";
import { byNumber, type Units } from "./roll.ts";

type Told = "driver" | "config" | "kubeconfig";

const words: Readonly<Record<Told, (own: string, others: string) => string>> = {
  driver: (own, others) => `driver ${own}, the others ${others}`,
  config: () => "other options in force than the others",
  kubeconfig: () => "another kubeconfig than the others",
};

/** How often each value is told, the most usual first; of equals the one of the lowest unit. */
function counted(units: readonly (readonly [string, PeerData])[], key: Told): readonly string[] {
  const counts = new Map<string, number>();
  for (const [, data] of units) {
    const value = data[key];
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([value]) => value);
}

/**
 * What a leader says of units that differ from the most, each by name, in at most 100 columns; `undefined` where all
 * have the same, or some are about to change. What a unit does not tell differs from nothing. Pure.
 */
export function mixOf(units: Units): string | undefined {
  if (Object.values(units).some(({ wants }) => wants !== undefined)) return undefined;
  const all = Object.entries(units).toSorted(([a], [b]) => byNumber(a, b));
  for (const key of ["driver", "config", "kubeconfig"] as const) {
    const [usual, other] = counted(all, key);
    if (usual === undefined || other === undefined) continue;
    const names = all.flatMap(([name, data]) =>
      data[key] === undefined || data[key] === usual ? [] : [name],
    );
    const [first = "", ...more] = names;
    const who = [first, ...more.map((name) => name.slice(name.indexOf("/")))].join(", ");
    const what = words[key](other, usual);
    const verb = more.length === 0 ? "has" : "have";
    return `${cut(who, columns - verb.length - what.length - 2)} ${verb} ${what}`;
  }
  return undefined;
}
