import { execFile } from "node:child_process";

/** What a hook command answered; the stub hands on no error text. */
export interface HookAnswer {
  readonly code: number;
  readonly stdout: string;
  /** Why it failed, in Juju's words; not there where the hook's stub asked. */
  readonly stderr?: string;
}

const usualTimeoutMs = 60_000;

/** In bytes: of 5 MB that are no text JSON makes 30. */
const mostOutput = 64 * 1024 * 1024;

/** Runs one of Juju's hook commands, found on PATH, at most for 60 s unless told otherwise. */
export function hookCommand(
  name: string,
  args: readonly string[],
  timeoutMs = usualTimeoutMs,
): Promise<Required<HookAnswer>> {
  return new Promise((settle) => {
    execFile(name, args, { timeout: timeoutMs, maxBuffer: mostOutput }, (error, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
      settle({ code, stdout, stderr });
    });
  });
}
