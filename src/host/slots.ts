/** Runs a piece of work when fewer than so many others are under way; in the order of asking. */
export type Slots = <T>(work: () => Promise<T>) => Promise<T>;

/** So many at once. */
export function slots(most: number): Slots {
  const waiting: (() => void)[] = [];
  let free = most;
  const take = async () => {
    if (free > 0) free -= 1;
    else await new Promise<void>((next) => waiting.push(next));
  };
  const giveBack = () => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  return async (work) => {
    await take();
    return await work().finally(giveBack);
  };
}
