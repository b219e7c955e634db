import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Conductor } from "./conductor.ts";
import { mirror } from "./mirror.ts";

const script = readFileSync(join(import.meta.dirname, "cluster-life.py"), "utf8");

/** A node group as Magnum knows it; the first one is the control plane, the second the default worker. */
interface NodeGroup {
  readonly name: string;
  readonly count: number;
  readonly status: string;
}

/** A cluster as Magnum knows it, as far as the driver looks at it. */
export interface Cluster {
  readonly uuid: string;
  /** Of the helm release, and of the Cluster object. */
  readonly release: string;
  readonly project: string;
  readonly status: string;
  readonly nodeGroups: readonly NodeGroup[];
  /** Of Kubernetes, as the image has it. */
  readonly version: string;
  /** Version of the chart. */
  readonly chart: string;
  /** The application credential that OpenStack gives next. */
  readonly credential: string;
}

type Step =
  | "create"
  | "resize"
  | "upgrade"
  | "create-node-group"
  | "delete-node-group"
  | "rotate"
  | "delete"
  | "status"
  | "health";

/** What became of a step. */
interface StepResult {
  /** What the driver threw, with its class; `null` for nothing. */
  readonly error: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly nodeGroups: Readonly<Record<string, string>>;
  readonly health: string | null;
  readonly healthReason: Readonly<Record<string, string>> | null;
  readonly deletedCredentials: readonly string[];
}

/** A cluster that is about to be created, with one node for control and one for work. */
export function newCluster(project: string, release: string): Cluster {
  const status = "CREATE_IN_PROGRESS";
  return {
    uuid: randomUUID(),
    release,
    project,
    status,
    nodeGroups: ["default-master", "default-worker"].map((name) => ({ name, count: 1, status })),
    version: "1.32.4",
    chart: "0.25.1",
    credential: "credential-1",
  };
}

/** The same cluster and node groups in another state. */
export function inState(cluster: Cluster, status: string, more: Partial<Cluster> = {}): Cluster {
  return { ...cluster, status, nodeGroups: cluster.nodeGroups.map((it) => ({ ...it, status })), ...more };
}

/** Puts a driver that is not the conductor's into a folder, for `takeStep`. */
export async function layOut(conductor: Conductor, version: string): Promise<string> {
  const folder = `/opt/driver-${version}`;
  const pip = ["pip3", "install", "--quiet", "--root-user-action=ignore", "--no-deps", "--target", folder];
  const argv = [...pip, "--index-url", mirror.indexUrl, `magnum-capi-helm==${version}`];
  const { code, stderr } = await conductor.exec(argv);
  if (code !== 0) throw new Error(`pip ended with ${code}\n${stderr}`);
  return folder;
}

/**
 * Takes the conductor's own driver, or that of a folder, through a step, as its user, with its configuration and the PATH
 * that the init script gives. OpenStack's answers are made up. Throws where the driver can't be loaded.
 */
export async function takeStep(
  conductor: Conductor,
  step: Step,
  cluster: Cluster,
  folder?: string,
): Promise<StepResult> {
  const environment = [
    ...["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/var/lib/magnum", "LANG=C.UTF-8"],
    ...(folder === undefined ? [] : [`PYTHONPATH=${folder}`]),
  ];
  const argv = ["runuser", "-u", "magnum", "--", "env", "-i", ...environment, "python3", "-c", script, step];
  const { code, stdout, stderr } = await conductor.exec(argv, { input: JSON.stringify(cluster) });
  if (code !== 0) throw new Error(`the driver ended with ${code}\n${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as StepResult;
}
