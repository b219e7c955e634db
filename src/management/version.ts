/** Whether `version` is `other` or newer; both begin with three numbers, which are compared. */
export function isAtLeast(version: string, other: string): boolean {
  const [a = [], b = []] = [version, other].map((text) =>
    text.split(".", 3).map((part) => Number.parseInt(part, 10)),
  );
  const at = [0, 1, 2].find((index) => a[index] !== b[index]);
  return at === undefined || (a[at] ?? 0) > (b[at] ?? 0);
}
