import {
  type DriverSection,
  driverOptionNames,
  isInSection,
  ownedOptions,
  unreadOptions,
} from "./driver-options.ts";

/** How many characters have to be put in, left out or replaced to make one text of the other. Pure. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const replaced = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The name that the driver knows and that is spelt most like this one. */
function nearest(name: string): string {
  const start = name.toLowerCase().slice(0, 60);
  const [first = ""] = driverOptionNames.toSorted((a, b) => distance(start, a) - distance(start, b));
  return first;
}

/** A name as a refusal shows it: an empty one can be seen. */
export function showDriverName(name: string): string {
  return name === "" ? '""' : name;
}

/**
 * Why a name can't be set, as what is accepted instead: the charm's own option for it, the one that the driver reads, or
 * the one that is spelt most like it. `undefined` for a name that some version of the driver reads, in its section.
 */
export function unknownName(name: string, section?: DriverSection): string | undefined {
  if (Object.hasOwn(ownedOptions, name)) return `the charm's option ${ownedOptions[name]} for it`;
  if (Object.hasOwn(unreadOptions, name))
    return `${unreadOptions[name]} instead: the driver never reads ${name}`;
  if (!driverOptionNames.includes(name)) return `a name of the driver; the nearest is ${nearest(name)}`;
  if (section === undefined || isInSection(name, section)) return undefined;
  return `${name} outside of ${section}, where the driver has no such option`;
}
