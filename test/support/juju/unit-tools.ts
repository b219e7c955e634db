import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, posix } from "node:path";
import { bundleFakeJuju, commandStub, commandStubs } from "./fake-tools.ts";
import type { UnitPaths } from "./unit-paths.ts";

/** Puts the hook commands on the unit's machine, and the folder of their state. */
export async function installTools(paths: UnitPaths): Promise<void> {
  await mkdir(paths.onHost(paths.tools), { recursive: true, mode: 0o755 });
  await mkdir(paths.onHost(paths.fake), { recursive: true, mode: 0o700 });
  await rm(paths.onHost(posix.join(paths.fake, "calls.jsonl")), { force: true });
  await rm(paths.onHost(posix.join(paths.fake, "state.json.lock")), { force: true });
  await writeFile(paths.onHost(paths.program), await bundleFakeJuju());
  const stubs = commandStubs({ node: paths.node, program: paths.program, folder: paths.fake });
  for (const [name, script] of stubs) {
    const file = paths.onHost(posix.join(paths.tools, name));
    await writeFile(file, script);
    await chmod(file, 0o755);
  }
}

/** Puts `juju-exec` on the machine and lets the agent answer it. It needs the Node of the hook commands. */
export async function installExec(paths: UnitPaths): Promise<void> {
  const file = paths.onHost(paths.jujuExec);
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  const stub = { node: paths.node, program: paths.program, folder: paths.fake };
  await writeFile(file, commandStub(stub, "juju-exec"));
  await chmod(file, 0o755);
  await letAgentAnswer(paths, true);
}

/** Lets the agent answer `juju-exec`, or no longer. */
export async function letAgentAnswer(paths: UnitPaths, answers: boolean): Promise<void> {
  const socket = paths.onHost(paths.runSocket);
  if (answers) await writeFile(socket, "");
  else await rm(socket, { force: true });
}

/**
 * Gives the hook commands a Node of their own, a copy of the deployed charm's, so that a test may take away or
 * break the charm's. On this host a link to the running Node does.
 */
export async function installNode(paths: UnitPaths, isThisHost: boolean): Promise<void> {
  const target = paths.onHost(paths.node);
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await rm(target, { force: true });
  if (isThisHost) return await symlink(process.execPath, target);
  const ofCharm = paths.onHost(posix.join(paths.charm, "bin/node"));
  await copyFile(existsSync(ofCharm) ? ofCharm : process.execPath, target);
  await chmod(target, 0o755);
}

/** Deletes what Juju deletes with a unit: its folders; and `juju-exec`, as if no other unit were on the machine. The state and the record of calls stay to be looked at. */
export async function removeUnit(paths: UnitPaths): Promise<void> {
  for (const path of [paths.agent, paths.tools, paths.node, paths.jujuExec]) {
    await rm(paths.onHost(path), { recursive: true, force: true });
  }
}
