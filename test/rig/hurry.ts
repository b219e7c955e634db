import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Site } from "./site.ts";

/** A time limit as the built program has it, and a shorter one. */
type Shorter = readonly [limit: string, shorter: string];

/** The limits that tests shorten, as `src/` and `hooks/stub` have them. */
export const limits = {
  download: "maxBytes, timeoutMs: 3e5",
  pipDownload: "timeoutMs: 18e4\n",
  pipInstall: "timeoutMs: 18e4 }",
  restart: '"restart", unit], { timeoutMs: 1e5',
  hookCommand: "usualTimeoutMs = 6e4",
  work: "workMs: 45e4, wholeMs: 55e4",
  change: "switchMs = 11e4",
  stub: "timeout -k 5 60",
} as const;

/**
 * Shortens time limits of a deployed charm, in the program itself: nobody is to have a setting for them. What a message says
 * in words stays as it is. Throws where the program does not have that limit exactly once, or the stub not at all.
 */
export function hurry({ conductor, unit }: Site, changes: readonly Shorter[]): void {
  for (const [limit, shorter] of changes) {
    const isStub = limit === limits.stub;
    const file = join(conductor.root, unit.charmFolder, isStub ? "hooks/stub" : "dist/full.cjs");
    const parts = readFileSync(file, "utf8").split(limit);
    if (isStub ? parts.length < 2 : parts.length !== 2)
      throw new Error(`the charm has the limit "${limit}" ${parts.length - 1} times`);
    writeFileSync(file, parts.join(shorter));
  }
}

/** A shell script that neither ends nor lets itself be ended politely, and has a child. */
export const hangs = "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\nwait\nsleep 1000\n";
