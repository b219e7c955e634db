import { join, posix } from "node:path";
import { agentFolder } from "./connection.ts";
import { runSocket } from "./exec-files.ts";

/** The folders of a unit, as its machine names them. */
export interface UnitPaths {
  readonly agent: string;
  readonly charm: string;
  /** The folder of the hook commands, first on a hook's PATH. */
  readonly tools: string;
  readonly socket: string;
  /** A Node of the hook commands' own: a test may take away the charm's. */
  readonly node: string;
  /** The program behind the hook commands. */
  readonly program: string;
  /** The folder of the state and of the record of calls. */
  readonly fake: string;
  /** The command for those who are no hook. */
  readonly jujuExec: string;
  /** Where the agent listens for `juju-exec`. */
  readonly runSocket: string;
  /** The lock of the machine, which all its agents share. */
  readonly machineLock: string;
  /** Where they note how long they waited for it and held it. */
  readonly machineLockLog: string;
  /** The files of the deployed charm, which a refresh compares. */
  readonly manifest: string;
  /** The path of one of these on this host. */
  onHost(path: string): string;
}

/** Where Juju's files stand on a real machine. */
export const realJujuDir = "/var/lib/juju";

/** Lays a unit out under `jujuDir`; where that is another folder than on a real machine, nothing stands outside it. */
export function unitPaths(root: string, jujuDir: string, unit: string): UnitPaths {
  const folder = agentFolder(unit);
  const isReal = jujuDir === realJujuDir;
  const agent = posix.join(jujuDir, "agents", folder);
  const tools = posix.join(jujuDir, "tools", folder);
  return {
    agent,
    charm: posix.join(agent, "charm"),
    tools,
    socket: posix.join(agent, "agent.socket"),
    node: posix.join(jujuDir, "tools", "node"),
    program: posix.join(tools, "fake-juju.cjs"),
    fake: posix.join(jujuDir, "fake"),
    jujuExec: posix.join(isReal ? "/usr/bin" : posix.join(jujuDir, "bin"), "juju-exec"),
    runSocket: runSocket(jujuDir, unit),
    machineLock: posix.join(jujuDir, "fake", "machine-lock"),
    machineLockLog: posix.join(isReal ? "/var/log/juju" : posix.join(jujuDir, "log"), "machine-lock.log"),
    manifest: posix.join(agent, "state", "deployer", "manifest.json"),
    onHost: (path) => join(root === "" ? "/" : root, path),
  };
}
