/** A definition of a kind whose objects may hold anything. */
interface MinimalDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: unknown;
}

interface Names {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
}

const infrastructure = "infrastructure.cluster.x-k8s.io";

/** The kinds of the OpenStack provider that matter: its releases serve some of these versions, all of one shape here. */
export function openstackKinds(versions: readonly string[]): readonly MinimalDefinition[] {
  if (versions.length === 0) return [];
  const contracts = versions.filter((it) => it.startsWith("v1beta"));
  const labels = Object.fromEntries(contracts.map((it) => [`cluster.x-k8s.io/${it}`, it]));
  const kinds = ["OpenStackCluster", "OpenStackMachineTemplate", "OpenStackMachine"];
  return [
    ...kinds.map((kind) =>
      definition({ group: infrastructure, kind, plural: pluralOf(kind) }, versions, labels),
    ),
    // Without the versions of the others: what a group serves says nothing of each of its kinds.
    definition({ group: infrastructure, kind: "OpenStackServer", plural: "openstackservers" }, ["v1alpha1"]),
  ];
}

/** The kinds of the addon provider, and HelmChartProxy of another one, which shares its group with Cluster API. */
export function addonKinds(helmChartProxy: boolean): readonly MinimalDefinition[] {
  const group = "addons.stackhpc.com";
  const proxy = { group: "addons.cluster.x-k8s.io", kind: "HelmChartProxy", plural: "helmchartproxies" };
  return [
    definition({ group, kind: "HelmRelease", plural: "helmreleases" }, ["v1alpha1"]),
    definition({ group, kind: "Manifests", plural: "manifests" }, ["v1alpha1"]),
    ...(helmChartProxy ? [definition(proxy, ["v1alpha1"])] : []),
  ];
}

function pluralOf(kind: string): string {
  return `${kind.toLowerCase()}s`;
}

/** `versions`: the stored one last. */
function definition(
  { group, kind, plural }: Names,
  versions: readonly string[],
  labels: Readonly<Record<string, string>> = {},
): MinimalDefinition {
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, labels },
    spec: {
      group,
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope: "Namespaced",
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === versions.length - 1,
        schema: { openAPIV3Schema: { ...anything, properties: { spec: anything, status: anything } } },
        subresources: { status: {} },
      })),
    },
  };
}
