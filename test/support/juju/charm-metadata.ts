import { parse } from "yaml";
import { z } from "zod";
import type { FileResource } from "./agent-state.ts";
import { peerEndpoint } from "./hook-effects.ts";

/** What the agent needs to know of a charm. */
export interface CharmMetadata {
  readonly name: string;
  /** The endpoint that ties the subordinate to its principal. */
  readonly endpoint: string;
  /** Every hook that Juju knows for this charm. */
  readonly hookNames: ReadonlySet<string>;
  /** Whether its units have a relation with each other. */
  readonly hasPeers: boolean;
  /** The files that an operator may attach, none of them attached. */
  readonly resources: Readonly<Record<string, FileResource>>;
}

const unitHooks = [
  ...["install", "start", "config-changed", "upgrade-charm", "stop", "remove", "update-status"],
  ...[
    "leader-elected",
    "leader-deposed",
    "leader-settings-changed",
    "pre-series-upgrade",
    "post-series-upgrade",
  ],
  ...["collect-metrics", "meter-status-changed"],
  ...["secret-changed", "secret-expired", "secret-remove", "secret-rotate"],
];
const relationEvents = ["created", "joined", "changed", "departed", "broken"];

const endpoints = z
  .record(z.string(), z.union([z.string(), z.object({ scope: z.string().optional() })]))
  .default({});
const schema = z.object({
  name: z.string(),
  subordinate: z.literal(true, "the charm is no subordinate: this stand-in runs subordinates only"),
  requires: endpoints,
  provides: endpoints,
  peers: endpoints,
  resources: z
    .record(z.string(), z.object({ type: z.literal("file").default("file"), filename: z.string() }))
    .default({}),
});

/** Reads `metadata.yaml` of a subordinate charm. Throws when it has no endpoint of container scope. */
export function readMetadata(text: string | undefined): CharmMetadata {
  if (text === undefined) throw new Error('archive file "metadata.yaml" not found');
  const { name, requires, provides, peers, resources } = schema.parse(parse(text, { version: "1.1" }));
  const container = Object.entries(requires).find(
    ([, value]) => typeof value === "object" && value.scope === "container",
  );
  if (container === undefined) {
    throw new Error(`subordinate charm "${name}" lacks "requires" relation with container scope`);
  }
  const all = [requires, provides, peers].flatMap((group) => Object.keys(group));
  const ofRelations = all.flatMap((endpoint) =>
    relationEvents.map((event) => `${endpoint}-relation-${event}`),
  );
  const declared = Object.fromEntries(
    Object.entries(resources).map(([key, { filename }]) => [key, { path: filename, uploaded: false }]),
  );
  return {
    name,
    endpoint: container[0],
    hookNames: new Set([...unitHooks, ...ofRelations]),
    hasPeers: Object.hasOwn(peers, peerEndpoint),
    resources: declared,
  };
}
