import type { Ending, Reported } from "../../src/conductor/graft.ts";

/** The ending of a walk that came to its end. Throws at any other. */
export async function reported(work: Promise<Ending | undefined>): Promise<Reported> {
  const ending = await work;
  if (ending?.end !== "report") throw new Error(`no report: ${JSON.stringify(ending)}`);
  return ending;
}
