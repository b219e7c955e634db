import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import { scratchFolder } from "../bundle/scratch.ts";

/** A hook command that notes how it was called; `resource-get` answers out of a file of the resource's name. */
const script = (folder: string) => `#!/bin/sh
printf '%s\\n' "\${0##*/} $*" >>'${folder}/calls'
[ "\${0##*/}" = resource-get ] || exit 0
if [ -e '${folder}/resources/'"$1" ]; then cat '${folder}/resources/'"$1"; exit; fi
echo "ERROR could not download resource: HTTP request failed: Get https://x/$1: resource \\"$1\\" not found" >&2
exit 1
`;

const names = [
  ...["resource-get", "status-set", "juju-log", "application-version-set", "secret-get"],
  ...["action-get", "action-set", "action-log", "action-fail"],
];

/** Hook commands on the PATH of this process until the test ends. */
export async function hookTools() {
  const folder = await scratchFolder();
  mkdirSync(join(folder, "resources"));
  for (const name of names) {
    writeFileSync(join(folder, name), script(folder));
    chmodSync(join(folder, name), 0o755);
  }
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
  writeFileSync(join(folder, "calls"), "");
  return {
    /** Has `resource-get` print a path for a resource. */
    give: (name: string, path: string) => writeFileSync(join(folder, "resources", name), path),
    /** Replaces a hook command by another script. */
    replace: (name: string, text: string) => writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`),
    /** Each call, as one line, since the last time. */
    calls: (): readonly string[] => {
      const lines = readFileSync(join(folder, "calls"), "utf8").split("\n").filter(Boolean);
      writeFileSync(join(folder, "calls"), "");
      return lines;
    },
  };
}
