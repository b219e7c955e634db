import type { Cure } from "../host/host.ts";
import { type Choice, targetOf, type Wanted } from "./api-resources.ts";
import type { Served } from "./discovery.ts";
import { type Fitness, readsApiResources } from "./kinds.ts";
import type { Reading, Target } from "./readable.ts";

/** What is to be said of one thing: how well it works, why not, what cures it, and who. Without a fault no reason. */
export interface Judgement {
  readonly state: Fitness;
  readonly reason: string;
  readonly remedy: string;
  readonly cure: Cure;
}

/** What the driver can do with one of its kinds, at the version at which it is to read it. */
export interface KindVerdict extends Judgement {
  /** As `api_resources` spells it. */
  readonly kind: string;
  /** `v1beta1`. */
  readonly version: string;
}

/** What was read of each target, by `keyOf`. */
export type Readings = ReadonlyMap<string, Reading>;

/** What a target is called in `Readings`. */
export function keyOf({ group, version, plural }: Target): string {
  return `${group}/${version}/${plural}`;
}

/** Nothing to be said. */
export const fine: Judgement = { state: "ready", reason: "", remedy: "", cure: "note" };

/** A fault that an operator cures, unless told otherwise. */
export function faulty(state: Fitness, reason: string, remedy: string, cure: Cure = "operator"): Judgement {
  return { state, reason, remedy, cure };
}

/** The worst of some judgements, the first of its kind. */
export function worstOf<T extends Judgement>(first: T, ...others: readonly T[]): T {
  const severity: readonly Fitness[] = ["ready", "degraded", "broken"];
  return others.reduce(
    (worst, it) => (severity.indexOf(it.state) > severity.indexOf(worst.state) ? it : worst),
    first,
  );
}

/** What brings the kinds of a group. */
const providers: Readonly<Record<string, string>> = {
  "cluster.x-k8s.io": "Cluster API",
  "controlplane.cluster.x-k8s.io": "the kubeadm control plane provider",
  "bootstrap.cluster.x-k8s.io": "the kubeadm bootstrap provider",
  "infrastructure.cluster.x-k8s.io": "the OpenStack provider",
  "addons.stackhpc.com": "the addon provider",
};

/** A group of which nothing is served, or one of its kinds. */
export function notInstalled(group: string, what = group): Judgement {
  return faulty("broken", `${what} is not served`, `install ${providers[group] ?? group}`);
}

/** What serves v1beta1 of Cluster API's own kinds. */
const beforeItsEnd = "use Cluster API before 1.16";

/** What a version that is not served comes to: the driver takes that answer for "this object is gone". */
const whenUnserved: Readonly<Record<string, string>> = {
  Cluster: "a delete would lose credentials",
  OpenstackCluster: "no cluster gets HEALTHY",
  MachineDeployment: "no nodegroup completes",
  K8sControlPlane: "no cluster completes",
  Machine: "no nodegroup can be deleted",
  Manifests: "addons are not seen",
  HelmRelease: "addons are not seen",
};

function wayToServe({ kind, version }: Choice, { apiResources, driverVersion }: Wanted): string {
  if (!readsApiResources(driverVersion) && version === "v1alpha6") return "use driver 1.4.0";
  if (apiResources !== "auto" && apiResources[kind.name] !== undefined) return "api-resources=auto";
  return kind.group.startsWith("infrastructure") ? `serve ${version} of it` : beforeItsEnd;
}

function judgeUnserved(choice: Choice, served: Served, wanted: Wanted): Judgement {
  const { kind, version, plural } = choice;
  if (kind.unserved === "ready") return fine;
  if (!served.hasGroup(kind.group)) return notInstalled(kind.group);
  if (served.servedVersions(kind.group, plural).length === 0)
    return notInstalled(kind.group, `${plural}.${kind.group}`);
  const reason = `${kind.name} ${version} is not served: ${whenUnserved[kind.name]}`;
  return faulty(kind.unserved, reason, wayToServe(choice, wanted));
}

/** What a version that is served comes to, whether it can be read or not. */
function judgeServed({ kind, version }: Choice): Judgement {
  if (kind.safe.includes(version)) return fine;
  const state = version === "v1beta2" ? (kind.asV1beta2 ?? "degraded") : "degraded";
  if (state === "ready") return fine;
  const effect = state === "broken" ? "no cluster completes" : "no cluster gets HEALTHY";
  return faulty(state, `${kind.name} is read as ${version}: ${effect}`, `serve ${kind.byDefault} of it`);
}

/** Kinds that the driver reads in one case only, so that all else works without. */
const readNowAndThen: readonly string[] = ["Machine"];

function judgeReading({ kind, version }: Choice, reading: Reading | undefined): Judgement {
  if (kind.name === "HelmChartProxy" && reading?.state === "readable" && !reading.isEmpty) {
    const reason = "a HelmChartProxy has a cluster's label: that cluster never completes";
    return faulty("degraded", reason, "take the label off");
  }
  if (reading?.state !== "broken") return fine;
  const state = readNowAndThen.includes(kind.name) ? "degraded" : "broken";
  const reason = `${kind.name} ${version} is served but can't be read (${reading.message})`;
  return faulty(state, reason, "see its provider's controller", "time");
}

/** Judges one kind by what is served and by what was read of it. Pure. */
export function judgeKind(choice: Choice, served: Served, readings: Readings, wanted: Wanted): KindVerdict {
  const reading = readings.get(keyOf(targetOf(choice)));
  // Discovery may be older than the reading.
  const isServed = choice.isServed && reading?.state !== "absent";
  const judged = isServed
    ? worstOf(judgeServed(choice), judgeReading(choice, reading))
    : judgeUnserved(choice, served, wanted);
  return { kind: choice.kind.name, version: choice.version, ...judged };
}
