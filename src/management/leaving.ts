import type { ApiFault } from "./api.ts";
import type { OwnedClusters } from "./live-objects.ts";
import { isAtLeast } from "./version.ts";

/** What tells one management cluster from another. */
export interface ManagementIdentity {
  /** Origin of its API server. */
  readonly server: string;
  /** Certificates that vouch for it, in PEM; empty for none of its own. */
  readonly ca: string;
  /** uid of its namespace kube-system; absent where it could not be read. */
  readonly uid?: string;
}

/** What a unit works with, as far as its clusters care. */
export interface Grafted {
  readonly driver: string;
  readonly management: ManagementIdentity;
}

/** What a unit is to work with next. */
interface Wanted extends Grafted {
  /** Whether OpenStackCluster is served at v1alpha6, which a driver before 1.4.0 reads; `undefined`: not known. */
  readonly servesV1alpha6?: boolean;
}

/** A step that may leave clusters behind. */
export interface Step {
  readonly from: Grafted;
  /** `undefined`: the graft is removed. */
  readonly to: Wanted | undefined;
  /** The clusters of this conductor on the management cluster that it works with, or why they can't be counted. */
  readonly count: OwnedClusters | ApiFault;
  /** The option `abandon-clusters`. */
  readonly allowed: boolean;
}

/** Why clusters would be left behind: as a refused option, and as a reason with its remedy. */
export interface LeavingRefusal {
  readonly option: string;
  readonly value: string;
  readonly accepted: string;
  readonly reason: string;
  readonly remedy: string;
}

const yes = "abandon-clusters=true";

/**
 * Whether two kubeconfigs lead to different management clusters. The uid decides where both are known: a server may
 * move, and authorities change. Else another server, or another authority, counts as another cluster.
 */
export function isAnotherManagement(from: ManagementIdentity, to: ManagementIdentity): boolean {
  if (from.uid !== undefined && to.uid !== undefined) return from.uid !== to.uid;
  return from.server !== to.server || from.ca.trim() !== to.ca.trim();
}

/** Whether a step is one that needs the clusters to be counted: a removal, another management cluster, an older driver. */
export function mayLeave({ from, to }: Pick<Step, "from" | "to">): boolean {
  return leavingKind(from, to) !== undefined;
}

function leavingKind(from: Grafted, to: Wanted | undefined): "removal" | "management" | "driver" | undefined {
  if (to === undefined) return "removal";
  if (isAnotherManagement(from.management, to.management)) return "management";
  const older = isAtLeast(from.driver, "1.4.0") && !isAtLeast(to.driver, "1.4.0");
  return older && to.servesV1alpha6 !== true ? "driver" : undefined;
}

/** How many, in words: `1 cluster`, `20000 clusters or more`, `uncounted clusters`. */
function howMany(count: OwnedClusters | ApiFault): string {
  if ("fault" in count) return "uncounted clusters";
  const words = count.count === 1 && !count.more ? "1 cluster" : `${count.count} clusters`;
  return count.more ? `${words} or more` : words;
}

function refusal(kind: "removal" | "management" | "driver", driver: string, some: string): LeavingRefusal {
  if (kind === "removal") {
    return {
      option: "abandon-clusters",
      value: "false",
      accepted: `true: a removal leaves ${some} behind`,
      reason: `a removal leaves ${some} behind`,
      remedy: `delete them, or ${yes}`,
    };
  }
  if (kind === "management") {
    return {
      option: "kubeconfig",
      value: "another management cluster",
      accepted: `${yes}, leaving ${some}`,
      reason: `the kubeconfig leaves ${some} behind`,
      remedy: yes,
    };
  }
  return {
    option: "driver-version",
    value: driver,
    accepted: `1.4.0, or ${yes} (no v1alpha6 for ${some})`,
    reason: `driver ${driver} needs v1alpha6: ${some}`,
    remedy: yes,
  };
}

/**
 * Judges a step that may leave clusters of this conductor behind: refused while there are any, or while nobody can say
 * that there are none, until the operator allows it. `undefined`: nothing is left behind. Pure.
 */
export function judgeLeaving({ from, to, count, allowed }: Step): LeavingRefusal | undefined {
  const kind = leavingKind(from, to);
  if (kind === undefined || allowed) return undefined;
  const isNone = !("fault" in count) && count.count === 0 && !count.more;
  return isNone ? undefined : refusal(kind, to?.driver ?? "", howMany(count));
}
