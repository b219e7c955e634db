/** The middle and both ends of some values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Throws where there is no value. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new Error("nothing was measured");
  const upper = sorted[Math.floor(sorted.length / 2)] ?? max;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? min;
  return { median: (lower + upper) / 2, min, max };
}

/** Each value through the one that was measured right before or after it. */
export function pairwise(values: readonly number[], against: readonly number[]): readonly number[] {
  if (values.length !== against.length) throw new Error("the runs are not pairs");
  return values.map((value, index) => value / (against[index] ?? Number.NaN));
}
