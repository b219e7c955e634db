import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Fitness } from "../../src/management/kinds.ts";
import type { Conductor } from "./conductor.ts";
import { sh } from "./look.ts";
import { mirror } from "./mirror.ts";

const program = readFileSync(join(import.meta.dirname, "driver-says.py"), "utf8");

type Failed = { readonly error?: string };

/** What the driver makes of a cluster that is up and healthy. A part that it can't do has its error. */
export interface DriverSays {
  /** `HEALTHY` or `UNHEALTHY`, and why, by part. */
  readonly health: { readonly status: string } & Failed & Readonly<Record<string, string>>;
  readonly creation: { readonly status: string; readonly version: string | null } & Failed;
  /** Whether a node group that is gone is taken for such. */
  readonly nodegroup_deletion: { readonly gone: boolean } & Failed;
  /** How many of its two addons are seen. */
  readonly addons: { readonly seen: number } & Failed;
  /** Whether its credentials are left while it is being deleted. */
  readonly deletion: { readonly status: string; readonly credentials: boolean } & Failed;
}

/** Installs versions of the driver in a conductor, each in a folder of its own, where nothing else finds it. */
export async function installDrivers(conductor: Conductor, versions: readonly string[]): Promise<void> {
  const pip = `PIP_ROOT_USER_ACTION=ignore python3 -m pip --quiet install --no-deps --index-url ${mirror.indexUrl}`;
  for (const it of versions) await sh(conductor, `${pip} --target /opt/driver-${it} magnum-capi-helm==${it}`);
}

/** How the driver is asked. */
export interface Question {
  readonly version: string;
  readonly kubeconfig: string;
  /** Value of its option `api_resources`; empty: not set. */
  readonly apiResources: string;
  /** Magnum's project, whose namespace has the cluster. */
  readonly project: string;
}

/** Asks the driver itself, under the conductor's Python and user. Throws with what it said where it does not even load. */
export async function askDriver(conductor: Conductor, question: Question): Promise<DriverSays> {
  const { version, kubeconfig, apiResources, project } = question;
  const lines = ["[capi_helm]", "kubeconfig_file = /run/rig/kubeconfig"];
  if (apiResources !== "") lines.push(`api_resources = ${apiResources}`);
  for (const [name, text] of [
    ["kubeconfig", kubeconfig],
    ["magnum.conf", `${lines.join("\n")}\n`],
  ] as const) {
    const script = `mkdir -p /run/rig && cat > /run/rig/${name} && chown magnum: /run/rig/${name}`;
    await conductor.exec(["sh", "-c", script], { input: text });
  }
  const python = ["runuser", "-u", "magnum", "--", "python3", "-I", "-"];
  const argv = [...python, `/opt/driver-${version}`, "/run/rig/magnum.conf", project];
  const { code, stdout, stderr } = await conductor.exec(argv, { input: program });
  if (code !== 0) throw new Error(`driver ${version} ended with ${code}:\n${stderr}`);
  return JSON.parse(stdout) as DriverSays;
}

/** How well the driver works, out of what it says. */
export function fitnessOf({ health, creation, nodegroup_deletion, addons, deletion }: DriverSays): Fitness {
  const isLost = deletion.status !== "DELETE_IN_PROGRESS" || !deletion.credentials;
  const completes = creation.status === "CREATE_COMPLETE" && addons.seen > 0;
  if (health.error !== undefined || !completes || isLost) return "broken";
  return health.status === "HEALTHY" && nodegroup_deletion.gone ? "ready" : "degraded";
}
