/** Whether `version` is `other` or newer; both are three numbers. */
export function isAtLeast(version: string, other: string): boolean {
  const [a = [], b = []] = [version, other].map((text) => text.split(".").map(Number));
  const at = [0, 1, 2].find((index) => a[index] !== b[index]);
  return at === undefined || (a[at] ?? 0) > (b[at] ?? 0);
}
