import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { go } from "./binaries.ts";
import type { Client } from "./client.ts";
import { addonKinds, openstackKinds } from "./provider-kinds.ts";

/** Releases of Cluster API whose kinds the rig can serve, and what Go calls the sum of each module. */
const releases = {
  "1.10.8": "h1:vZefV+fCfIGnmmp/790C3ptfk1bmMl/+0dSQxIr0ryY=",
  "1.11.3": "h1:apxfugbP1X8AG7THCM74CTarCOW4H2oOc6hlbm1hY80=",
  "1.12.0": "h1:iFOz8b0LdrMJS5Df1Eb7wyvTkWqlTUM2LHFEHCeI6vA=",
  "1.14.2": "h1:o3GFNaeNFAOEEMpDPfhCK+2CjmV6gtQ8yLEcUwCg7bA=",
} as const;

/** A release of Cluster API whose kinds the rig can serve. */
export type Release = keyof typeof releases;

/** All of them, the oldest first. */
export const capiReleases = Object.keys(releases) as readonly Release[];

/** Which kinds a management cluster serves, and how. */
export interface KindsOptions {
  /** Release of Cluster API; default 1.11.3. */
  readonly release?: Release;
  /** Versions of the OpenStack provider's kinds, the stored one last; default `["v1beta1"]`; `[]`: no such provider. */
  readonly openstack?: readonly string[];
  /** Whether HelmChartProxy is there; default false. */
  readonly helmChartProxy?: boolean;
  /** The versions of a kind that are served, by its plural name; of the others it stays as the release has it. */
  readonly served?: Readonly<Record<string, readonly string[]>>;
  /** Plural names and groups that are left out. */
  readonly without?: readonly string[];
  /** What converts the core kinds between their versions; default: nothing, they are handed out as they are stored. */
  readonly conversion?: Webhook;
}

/** A conversion webhook. */
export interface Webhook {
  readonly url: string;
  /** PEM of the authority of its certificate; without it: the machine's own. */
  readonly ca?: string;
}

/** A webhook where nothing listens. */
export const deadWebhook: Webhook = { url: "https://127.0.0.1:1/convert" };

/** A CustomResourceDefinition, as far as it is looked at. */
interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string; readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
    }[];
  };
}

const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

const establishedLimitMs = 60_000;

/** Adds the kinds to a server and waits until it serves them. Throws when it does not within 60 s. */
export async function installKinds(client: Client, options: KindsOptions = {}): Promise<void> {
  const { release = "1.11.3", openstack = ["v1beta1"], helmChartProxy = false, without = [] } = options;
  const isWanted = (name: string): boolean => {
    const [plural = "", ...group] = name.split(".");
    return !without.includes(plural) && !without.includes(group.join("."));
  };
  const core = (await clusterApiKinds(release)).filter(({ name }) => isWanted(name));
  const provided = [...openstackKinds(openstack), ...addonKinds(helmChartProxy)];
  const more = provided.filter(({ metadata }) => isWanted(metadata.name));
  const made = await Promise.all([
    ...core.map(({ text }) => create(client, text, "application/yaml")),
    ...more.map((it) => create(client, it, "application/json")),
  ]);
  const { served = {}, conversion } = options;
  await Promise.all(
    Object.entries(served).map(([plural, versions]) => serve(client, definitionOf(made, plural), versions)),
  );
  if (conversion !== undefined) await convert(client, conversion);
  await settled(
    client,
    made.map(({ metadata }) => metadata.name),
  );
}

/** Changes which versions of a kind are served, and waits until they are. */
export async function serveVersions(
  client: Client,
  plural: string,
  versions: readonly string[],
): Promise<void> {
  const definition = definitionOf(await definitions(client), plural);
  await serve(client, definition, versions);
  await settled(client, [definition.metadata.name]);
}

/** Takes a kind away with all its objects. */
export async function removeKind(client: Client, plural: string): Promise<void> {
  const { metadata, spec } = definitionOf(await definitions(client), plural);
  await client.demand("DELETE", `${path}/${metadata.name}`);
  const gone = async (): Promise<boolean> => !(await servedBy(client, spec.group)).has(plural);
  await until(`${plural} to be gone`, gone);
}

/** Has the core kinds of Cluster API converted by a webhook. Those of the kubeadm providers have another one. */
export async function convert(client: Client, { url, ca }: Webhook): Promise<void> {
  const caBundle = ca === undefined ? {} : { caBundle: Buffer.from(ca).toString("base64") };
  const clientConfig = { url, ...caBundle };
  const conversion = {
    strategy: "Webhook",
    webhook: { conversionReviewVersions: ["v1", "v1beta1"], clientConfig },
  };
  const found = (await definitions(client)).filter(({ spec }) => spec.group === "cluster.x-k8s.io");
  await Promise.all(
    found.map(({ metadata }) =>
      patch(client, metadata.name, [{ op: "replace", path: "/spec/conversion", value: conversion }]),
    ),
  );
}

/** The definitions that are on the server. */
export async function definitions(client: Client): Promise<readonly Definition[]> {
  const { items } = (await client.demand("GET", path)) as { items: readonly Definition[] };
  return items;
}

function definitionOf(made: readonly Definition[], plural: string): Definition {
  const found = made.find(({ spec }) => spec.names.plural === plural);
  if (found === undefined) throw new Error(`there is no kind ${plural}`);
  return found;
}

async function create(client: Client, definition: unknown, contentType: string): Promise<Definition> {
  return (await client.demand("POST", path, definition, { contentType })) as Definition;
}

async function serve(
  client: Client,
  { metadata, spec }: Definition,
  wanted: readonly string[],
): Promise<void> {
  const known = spec.versions.map(({ name }) => name);
  const unknown = wanted.find((it) => !known.includes(it));
  if (unknown !== undefined)
    throw new Error(`${metadata.name} has no version ${unknown}, but ${known.join()}`);
  const changes = known.map((name, index) => ({
    op: "replace",
    path: `/spec/versions/${index}/served`,
    value: wanted.includes(name),
  }));
  await patch(client, metadata.name, changes);
}

async function patch(client: Client, name: string, changes: readonly unknown[]): Promise<void> {
  await client.demand("PATCH", `${path}/${name}`, changes, { contentType: "application/json-patch+json" });
}

/** Waits until what discovery says of kinds is what their definitions say. */
async function settled(client: Client, names: readonly string[]): Promise<void> {
  const isSettled = async (): Promise<boolean> => {
    const wanted = (await definitions(client)).filter(({ metadata }) => names.includes(metadata.name));
    const groups = [...new Set(wanted.map(({ spec }) => spec.group))];
    const served = new Map(
      await Promise.all(groups.map(async (it) => [it, await servedBy(client, it)] as const)),
    );
    return wanted.every(({ spec }) => {
      const versions = spec.versions.filter((it) => it.served).map(({ name }) => name);
      return versions.sort().join() === (served.get(spec.group)?.get(spec.names.plural) ?? []).sort().join();
    });
  };
  await until("the kinds to be served", isSettled);
}

/** The versions of each plural name that a group serves. */
async function servedBy(client: Client, group: string): Promise<Map<string, string[]>> {
  const { body } = await client.request("GET", `/apis/${group}`);
  const versions = (body as { versions?: { version: string }[] } | undefined)?.versions ?? [];
  const served = new Map<string, string[]>();
  for (const { version } of versions) {
    const { body: list } = await client.request("GET", `/apis/${group}/${version}`);
    for (const { name } of (list as { resources?: { name: string }[] } | undefined)?.resources ?? [])
      served.set(name, [...(served.get(name) ?? []), version]);
  }
  return served;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + establishedLimitMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${establishedLimitMs / 1000} s for ${what}`);
    await sleep(100);
  }
}

/** The definitions of Cluster API's own kinds, out of its Go module, with the labels that its releases give them. */
async function clusterApiKinds(release: Release): Promise<readonly { name: string; text: string }[]> {
  const folder = await moduleOf(release);
  const found = ["", "core", "controlplane/kubeadm", "bootstrap/kubeadm"].flatMap((part) => {
    const bases = join(folder, part, "config/crd/bases");
    return definitionsIn(bases).map((file) => join(bases, file));
  });
  const contracts = release === "1.10.8" ? ["v1beta1"] : ["v1beta1", "v1beta2"];
  const labels = contracts.map((it) => `    cluster.x-k8s.io/${it}: ${it}\n`).join("");
  return found.map((file) => {
    const text = readFileSync(file, "utf8").replace("\nmetadata:\n", `\nmetadata:\n  labels:\n${labels}`);
    const [, name = ""] = /^ {2}name: (\S+)$/m.exec(text) ?? [];
    return { name, text };
  });
}

function definitionsIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith(".yaml"));
  } catch {
    return []; // the releases have them in different places
  }
}

/** The folder of a release's source, downloaded by Go if it isn't in its cache. Throws when it is another one than it was. */
async function moduleOf(release: Release): Promise<string> {
  const said = await go(["mod", "download", "-json", `sigs.k8s.io/cluster-api@v${release}`], tmpdir());
  const { Dir: folder, Sum: sum } = JSON.parse(said) as { Dir: string; Sum: string };
  if (sum !== releases[release]) throw new Error(`Cluster API ${release} has the sum ${sum}`);
  return folder;
}
