import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { localMachine } from "../support/juju/local-machine.ts";
import type { Machine } from "../support/juju/machine.ts";

/** A new folder with what stands in the place of this host's /var/lib and /run. The caller removes it. */
export async function makeWorkspace(): Promise<string> {
  const workspace = await mkdtemp(join(tmpdir(), "magnum-capi-helm-"));
  for (const name of ["lib", "run"]) await mkdir(join(workspace, name));
  return workspace;
}

/** A command with the workspace's folders in the place of this host's /var/lib and /run. */
function isolated(workspace: string, argv: readonly string[]): readonly string[] {
  const bind = 'mount --bind "$1/lib" /var/lib && mount --bind "$1/run" /run && shift && exec "$@"';
  return ["unshare", "--map-root-user", "--mount", "sh", "-c", bind, "sh", workspace, ...argv];
}

/** Whether this host lets a process have mounts of its own. */
export async function canIsolate(workspace: string): Promise<boolean> {
  const [command = "", ...words] = isolated(workspace, ["true"]);
  return (await execa(command, words, { reject: false, timeout: 20_000 })).exitCode === 0;
}

/** This host as a machine that is no conductor, and on which nothing of the test is left. */
export function bareMachine(workspace: string): Machine {
  const local = localMachine();
  return {
    root: "/",
    spawn: (argv, options) => local.spawn(isolated(workspace, argv), options),
    exec: (argv, options) => local.exec(isolated(workspace, argv), options),
  };
}
