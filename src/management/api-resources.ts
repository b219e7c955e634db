import type { Served } from "./discovery.ts";
import { type DriverKind, kindsOf, readsApiResources } from "./kinds.ts";
import type { Target } from "./readable.ts";

/** The driver's `api_resources`: what it is told of its kinds, by their names. */
export type ApiResources = Readonly<
  Record<string, { readonly api_version?: string | undefined; readonly plural_name?: string | undefined }>
>;

/** What the driver and the chart are to be, for which a management cluster is judged. */
export interface Wanted {
  /** `1.4.0`. */
  readonly driverVersion: string;
  /** `0.25.1`. */
  readonly chartVersion: string;
  /** A name, an oci:// reference or a path. */
  readonly chartName: string;
  /** `auto`: what suits the management cluster; else what the operator says. */
  readonly apiResources: "auto" | ApiResources;
}

/** A kind, and the version at which the driver is to read it. */
export interface Choice {
  readonly kind: DriverKind;
  readonly plural: string;
  readonly version: string;
  readonly isServed: boolean;
}

/** Whether reading that is known to fail. */
export type IsBroken = (target: Target) => boolean;

/** Labels of the objects of a kind that the driver reads, where others of that kind are none of its business. */
const labelsOf: Readonly<Record<string, string>> = { HelmChartProxy: "addons.stackhpc.com/cluster" };

/** What has to be readable for a choice to work. */
export function targetOf({ kind, plural, version }: Omit<Choice, "isServed">): Target {
  const labels = labelsOf[kind.name];
  return { group: kind.group, version, plural, ...(labels === undefined ? {} : { labels }) };
}

function bestOf(kind: DriverKind, served: readonly string[], isBroken: IsBroken): string {
  const safe = kind.safe.filter((version) => served.includes(version));
  const { plural } = kind;
  const best = safe.find((version) => !isBroken(targetOf({ kind, plural, version }))) ?? safe[0];
  if (best !== undefined) return best;
  // Where v1beta2 makes nothing work, the driver's own version, which it can't read either, is left alone.
  const works = kind.asV1beta2 === "degraded" || kind.asV1beta2 === "ready";
  return works && served.includes("v1beta2") ? "v1beta2" : kind.byDefault;
}

function chooseFor(kind: DriverKind, served: Served, wanted: Wanted, isBroken: IsBroken): Choice {
  const { apiResources, driverVersion } = wanted;
  const told =
    apiResources === "auto" || !readsApiResources(driverVersion)
      ? undefined
      : (apiResources[kind.name] ?? {});
  const plural = told?.plural_name ?? kind.plural;
  // Another plural is of another provider, whose kind may have any name.
  const versions = served.servedVersions(kind.group, plural, plural === kind.plural ? kind.kind : undefined);
  const ownVersion = told?.api_version?.split("/").at(-1) ?? kind.byDefault;
  const version = apiResources === "auto" ? bestOf(kind, versions, isBroken) : ownVersion;
  return { kind, plural, version, isServed: versions.includes(version) };
}

/**
 * At which version the driver is to read each kind: for `auto` the best safe one that is served and, as far as known,
 * readable; else what the operator says, and where nothing is said the driver's own.
 */
export function choose(served: Served, wanted: Wanted, isBroken: IsBroken = () => false): readonly Choice[] {
  return kindsOf(wanted.driverVersion).map((kind) => chooseFor(kind, served, wanted, isBroken));
}

/** The value of `api_resources`, as compact JSON: only what differs from the driver's own choices. */
export function apiResourcesOf(choices: readonly Choice[]): string {
  const entries = choices
    .filter(({ kind, version }) => version !== kind.byDefault)
    .map(({ kind, version }) => [kind.name, { api_version: `${kind.group}/${version}` }]);
  return JSON.stringify(Object.fromEntries(entries));
}
