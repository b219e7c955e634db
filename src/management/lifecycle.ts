import { closed, type GateState, open } from "../reconcile/gate.ts";
import type { Survey } from "./verdict.ts";

/** How long what a management cluster serves today will do for the driver. */
export interface Lifecycle {
  /** Versions of Cluster, in the server's order. */
  readonly cluster: readonly string[];
  /** Versions of OpenStackCluster. */
  readonly openstackCluster: readonly string[];
  /** Where this leads, in one sentence. */
  readonly outlook: string;
  /** What the API server warned of when the kinds were read, in its own words. */
  readonly warnings: readonly string[];
  /** What has to be done before some upgrade of the management cluster; absent where nothing has. */
  readonly toDo?: { readonly reason: string; readonly remedy: string };
}

function outlookOf(cluster: readonly string[]): string {
  if (!cluster.includes("v1beta1")) return "v1beta1 is not served";
  return cluster.includes("v1beta2")
    ? "v1beta1 is deprecated, not served from Cluster API 1.16 on"
    : "v1beta1 alone, as up to Cluster API 1.10";
}

/** What ends the use of a version of the OpenStack provider (its releases' CRDs). */
const providerEnds: Readonly<Record<string, { reason: string; remedy: string }>> = {
  v1alpha7: {
    reason: "OpenStackCluster v1alpha7 is in use: gone with the provider's 0.12",
    remedy: "a chart from 0.11.0 on",
  },
  v1alpha6: {
    reason: "OpenStackCluster v1alpha6 is in use: gone with the provider's 0.11",
    remedy: "driver 1.4.0",
  },
};

/** What is served today, and what comes after it. Pure. */
export function lifecycleOf({ served, readings, verdict }: Survey): Lifecycle {
  const cluster = served.servedVersions("cluster.x-k8s.io", "clusters", "Cluster");
  const inUse = verdict.kinds.find(({ kind }) => kind === "OpenstackCluster");
  const toDo = inUse?.state === "ready" ? providerEnds[inUse.version] : undefined;
  const warnings = [...readings.values()].flatMap((it) =>
    it.state === "readable" && it.warning !== undefined ? [it.warning] : [],
  );
  return {
    cluster,
    openstackCluster: served.servedVersions(
      "infrastructure.cluster.x-k8s.io",
      "openstackclusters",
      "OpenStackCluster",
    ),
    outlook: outlookOf(cluster),
    warnings: [...new Set(warnings)],
    ...(toDo === undefined ? {} : { toDo }),
  };
}

/**
 * The state of the note `management-lifecycle`: closed only where there is something to do today. That v1beta1 is
 * deprecated is no such thing: nothing newer works with the driver. Pure.
 */
export function lifecycleState(found: Survey): GateState {
  const { outlook, toDo } = lifecycleOf(found);
  return toDo === undefined ? open(outlook) : closed("note", toDo.reason, toDo.remedy);
}
