import { expect } from "vitest";
import { runCli } from "../../src/cli/cli.ts";
import type { Host } from "../../src/host/host.ts";
import { secrets } from "./kubeconfigs.ts";

/** Runs a line of `capi-graft` on a machine: its exit code and all that it said, none of it one of the tests' secrets. */
export async function runLine(
  host: Host,
  line: string,
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const said = { out: "", err: "" };
  const code = await runCli(line.split(" "), {
    host,
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    colour: false,
  });
  for (const secret of secrets) expect(said.out + said.err).not.toContain(secret);
  return { code, ...said };
}
