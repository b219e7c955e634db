import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Conductor } from "../rig/conductor.ts";
import type { Running } from "../rig/enter.ts";

/** Starts one of this folder's programs inside a conductor, with JSON on its standard input. */
export function startPython(
  conductor: Conductor,
  file: string,
  request: unknown,
  timeoutMs = 600_000,
): Running {
  const program = readFileSync(join(import.meta.dirname, file), "utf8");
  return conductor.spawn(["python3", "-c", program], { input: JSON.stringify(request), timeoutMs });
}

/** What such a program printed: JSON. Throws with what it said where it failed. */
export async function answerOf<Answer>({ done }: Running): Promise<Answer> {
  const { code, stdout, stderr } = await done;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Answer;
}
