import { type Host, HostFault } from "../host/host.ts";
import { type Api, type ApiFault, isFault } from "../management/api.ts";
import { discover } from "../management/discovery.ts";
import { type Grafted, judgeLeaving, type ManagementIdentity, mayLeave } from "../management/leaving.ts";
import { countOwned, type OwnedClusters } from "../management/live-objects.ts";
import { closed, type Gate, open } from "../reconcile/gate.ts";
import { type Config, parseConfig } from "./config.ts";
import { askManagement, managementOf, namespacePrefix } from "./management-gates.ts";
import { committedWish } from "./wish.ts";

/** What is in force on the unit; `undefined` where nothing is. */
async function inForce(host: Host): Promise<Config | undefined> {
  const wish = await committedWish(host);
  const config = wish === undefined ? [] : parseConfig(wish.options, wish.kubeconfig, wish);
  return "kubeconfig" in config ? config : undefined;
}

function count(host: Host, config: Config): Promise<OwnedClusters | ApiFault> {
  return askManagement(host, config, (api) => countOwned(api, namespacePrefix(config)));
}

function grafted(config: Config): Grafted {
  const { server, ca = "" } = managementOf(config);
  return { driver: config["driver-version"], management: { server: server.origin, ca } };
}

/** The uid of kube-system, which no two clusters share; `undefined` where it can't be read. */
async function uidOf(api: Api): Promise<string | undefined> {
  const answer = await api.get("/api/v1/namespaces/kube-system");
  if (isFault(answer) || answer.status !== 200) return undefined;
  const { metadata } = (answer.body ?? {}) as { readonly metadata?: { readonly uid?: unknown } };
  return typeof metadata?.uid === "string" ? metadata.uid : undefined;
}

async function identified(host: Host, config: Config): Promise<ManagementIdentity> {
  const uid = await askManagement(host, config, uidOf);
  const { management } = grafted(config);
  return uid === undefined ? management : { ...management, uid };
}

async function servesV1alpha6(host: Host, config: Config): Promise<boolean | undefined> {
  const served = await askManagement(host, config, discover);
  if ("fault" in served) return undefined;
  const group = "infrastructure.cluster.x-k8s.io";
  return served.servedVersions(group, "openstackclusters", "OpenStackCluster").includes("v1alpha6");
}

/** What a unit has and is to have, told apart as far as the management clusters themselves can tell. */
async function stepBetween(host: Host, had: Config, wanted: Config) {
  const step = { from: grafted(had), to: grafted(wanted) };
  if (!mayLeave(step)) return step;
  const [before, after] = await Promise.all([identified(host, had), identified(host, wanted)]);
  const serves = await servesV1alpha6(host, wanted);
  return {
    from: { ...step.from, management: before },
    to: { ...step.to, management: after, ...(serves === undefined ? {} : { servesV1alpha6: serves }) },
  };
}

/** No cluster of this conductor is left behind by what is wanted, unless the operator allows it. */
export function clustersKeptGate(wanted: Config): Gate {
  return {
    id: "clusters-kept",
    title: "no cluster of this conductor is left behind",
    check: async (host) => {
      const had = await inForce(host);
      const allowed = wanted["abandon-clusters"];
      if (had === undefined || allowed) return open();
      const step = await stepBetween(host, had, wanted);
      if (!mayLeave(step)) return open();
      const refusal = judgeLeaving({ ...step, count: await count(host, had), allowed });
      return refusal === undefined ? open() : closed("operator", refusal.reason, refusal.remedy);
    },
  };
}

/**
 * Throws a `HostFault` while this conductor has clusters, which nobody would look after any more, unless these may be
 * left behind. Where the management cluster does not tell, the removal goes on: it may be gone itself.
 */
export async function requireNoClusters(host: Host, abandons: boolean | undefined): Promise<void> {
  const config = await inForce(host);
  if (config === undefined) return;
  const allowed = abandons ?? config["abandon-clusters"];
  if (allowed) return;
  const found = await count(host, config);
  if ("fault" in found) return;
  const refusal = judgeLeaving({ from: grafted(config), to: undefined, count: found, allowed });
  if (refusal !== undefined) throw new HostFault(refusal.reason, { remedy: refusal.remedy });
}
