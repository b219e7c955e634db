import { basename } from "node:path";
import type { Host } from "../host/host.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { showUnit } from "../resources/systemctl.ts";
import { asDaemon, type Conductor } from "./conductor.ts";
import { paths, services } from "./paths.ts";
import { msBetween, processesOf, wordsOf } from "./processes.ts";

/** A helm that the conductor started. */
interface HelmRun {
  readonly pid: number;
  /** Since when, milliseconds since the epoch. */
  readonly startedAt: number;
}

/** The driver gives helm 5 min (`--timeout 5m`, driver 1.3.0 and 1.4.0), and waits for it. */
const boundMs = 320_000;

/** The helm that the conductor runs now; `undefined` for none. */
async function helmRun(host: Host): Promise<HelmRun | undefined> {
  const { mainPid, startedAt } = await showUnit(host, services.conductor);
  if (mainPid === 0) return undefined;
  for (const pid of await processesOf(host, mainPid)) {
    const [program = ""] = await wordsOf(host, pid);
    if (basename(program) !== "helm") continue;
    return { pid, startedAt: startedAt + (await msBetween(host, mainPid, pid)) };
  }
  return undefined;
}

/**
 * The conductor runs no helm: a restart would end it half-way, and its release would stay pending. Waits for it to end,
 * `waitMs` at most.
 */
export function helmIdleGate(waitMs = boundMs): Gate {
  return {
    id: "helm-idle",
    title: `${services.conductor} is not running helm`,
    check: async (host, say) => {
      for (let waited = 0; ; waited += 1_000) {
        const run = await helmRun(host);
        if (run === undefined) return open();
        if (waited >= waitMs) return stillRuns(host, run);
        if (waited === 0) say?.("waiting for helm of the conductor to end");
        await host.sleep(1_000);
      }
    },
  };
}

function stillRuns(host: Host, { pid, startedAt }: HelmRun): GateState {
  const seconds = Math.round((host.now().getTime() - startedAt) / 1_000);
  const reason = `the conductor is running helm (pid ${pid}, ${seconds} s): the restart waits`;
  return closed("time", reason, "nothing: it is tried again");
}

interface Release {
  readonly name: string;
  readonly namespace: string;
  readonly status: string;
}

function judgeReleases(releases: readonly Release[]): GateState {
  if (releases.length === 0) return open("none");
  const names = releases.map(({ name, namespace, status }) => `${namespace}/${name} (${status})`);
  const [first] = releases;
  const remedy =
    first?.status === "pending-install"
      ? "delete that cluster with Magnum and create it again"
      : `helm rollback ${first?.name} --namespace ${first?.namespace} --kubeconfig ${paths.kubeconfig}`;
  return closed("note", `helm releases that were left half-way: ${names.join(", ")}`, remedy);
}

/** The daemons' environment is that of the file: a proxy may have a login, which is not for an argument. */
const withDefaults = `. ${paths.conductorDefaults}; exec "$@"`;

async function pendingReleases(host: Host, unit: Conductor, throughProxy: boolean): Promise<GateState> {
  if ((await helmRun(host)) !== undefined)
    return { state: "not checked", reason: "the conductor is running helm" };
  const words = ["list", "--pending", "--all-namespaces", "--output", "json"];
  const sourced = throughProxy ? ["sh", "-c", withDefaults, "sh"] : [];
  const argv = [...asDaemon(unit), ...sourced, paths.helm, ...words, "--kubeconfig", paths.kubeconfig];
  const result = await host.run(argv, { timeoutMs: 10_000 });
  if (result.ok) return judgeReleases(JSON.parse(result.stdout) as readonly Release[]);
  const said = result.stderr.trim().split("\n").at(-1) ?? "";
  const reason = result.timedOut ? "no answer within 10 s" : said.replace(/^Error: /, "");
  return { state: "not checked", reason: `helm list: ${reason}` };
}

/**
 * No release was left half-way by a helm that was ended. `asked`: reading all releases costs the management cluster
 * something, so that is done on request. `throughProxy`: it is reached through the model's proxy.
 */
export function pendingReleasesGate(unit: Conductor, asked: boolean, throughProxy = false): Gate {
  return {
    id: "pending-releases",
    title: "helm left no release half-way",
    check: async (host) =>
      asked
        ? await pendingReleases(host, unit, throughProxy)
        : { state: "not checked", reason: "capi-graft verify asks" },
  };
}
