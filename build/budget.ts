/** Sizes in bytes that a build may not exceed. */
export const budget = {
  /** Read and compiled by every hook, so it counts against the time of a hook with nothing to do. */
  "dist/main.cjs": 24 * 1024,
  /** Loaded by every hook with work: zod written `import { z }` brings all its languages, half a MiB and 14 ms. */
  "dist/full.cjs": 1088 * 1024,
  /** The packed charm, one architecture. */
  charm: 50 * 1024 * 1024,
} as const;

/**
 * @param contents what the bytes are made of, for the message
 * @throws Error when `bytes` is over the budget of `what`
 */
export function holdBudget(what: keyof typeof budget, bytes: number, contents: string): void {
  const limit = budget[what];
  if (bytes <= limit) return;
  throw new Error(
    `${what} has ${bytes} bytes, ${bytes - limit} over its budget of ${limit} (build/budget.ts); it holds ${contents}`,
  );
}
