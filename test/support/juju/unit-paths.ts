import { join, posix } from "node:path";
import { agentFolder } from "./connection.ts";

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
  /** The files of the deployed charm, which a refresh compares. */
  readonly manifest: string;
  /** The path of one of these on this host. */
  onHost(path: string): string;
}

/** Lays a unit out under `jujuDir`, which is `/var/lib/juju` on a real machine. */
export function unitPaths(root: string, jujuDir: string, unit: string): UnitPaths {
  const folder = agentFolder(unit);
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
    manifest: posix.join(agent, "state", "deployer", "manifest.json"),
    onHost: (path) => join(root === "" ? "/" : root, path),
  };
}
