import { createHash } from "node:crypto";
import { type Host, readJson, readText } from "../host/host.ts";
import { ownership, root } from "../resources/owner.ts";
import { type Attachments, attachedDigests } from "./attached.ts";
import type { RawOptions } from "./config.ts";
import type { Placement } from "./desired-state.ts";
import { claim, readOwner, requireReadable } from "./owner.ts";
import { paths } from "./paths.ts";
import type { ModelProxies } from "./proxies.ts";

/** What is wanted of a unit: the options, the kubeconfig's content, and what is attached. */
export interface Wish extends Placement {
  readonly options: RawOptions;
  readonly kubeconfig: string;
  /** The model's proxies; absent where it has none. */
  readonly proxies?: ModelProxies;
  /** Absent where nothing is. */
  readonly attached?: Attachments;
  /**
   * What `api-resources=auto` came to when the management cluster was last asked; absent where that was never, which is
   * the same as `{}`.
   */
  readonly apiResources?: string;
  /** sha256 of what this release of the charm makes of it; absent before it was brought about. */
  readonly rendered?: string;
}

/** Where a wish comes from, without what it asks for. */
export function placementOf({ charmDirectory, unitName }: Placement): Placement {
  return {
    ...(charmDirectory === undefined ? {} : { charmDirectory }),
    ...(unitName === undefined ? {} : { unitName }),
  };
}

const autoRestarts = "enable-auto-restarts";

/** Whether a wish leaves the services alone. */
export function defersRestarts({ options }: Wish): boolean {
  return options[autoRestarts] === false;
}

/** An earlier wish, but for its say on restarts: the latest word on that holds for the way back as well. */
export function withRestartsOf(earlier: Wish, latest: Wish | undefined): Wish {
  const now = latest?.options[autoRestarts];
  return now === undefined ? earlier : { ...earlier, options: { ...earlier.options, [autoRestarts]: now } };
}

/** What identifies a wish: sha256 over its options, kubeconfig, proxies, attached files and chosen API versions. Where the charm lies does not count. */
export function wishDigest({ options, kubeconfig, proxies, attached, apiResources = "{}" }: Wish): string {
  const entries = Object.entries(options).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const told = proxies === undefined ? [] : [proxies.http, proxies.https, proxies.no];
  const chosen = apiResources === "{}" ? [] : [{ apiResources }];
  return createHash("sha256")
    .update(JSON.stringify([entries, kubeconfig, ...told, ...chosen, ...attachedDigests(attached)]))
    .digest("hex");
}

/** Whether two wishes ask for the same. */
export function isSameWish(a: Wish, b: Wish): boolean {
  return wishDigest(a) === wishDigest(b);
}

async function writeIfDifferent(host: Host, path: string, content: string): Promise<void> {
  if ((await readText(host.fs, path)) === content) return;
  await host.fs.makeDirectory(paths.state, ownership(root, "0700"));
  await host.fs.write(path, content, ownership(root, "0600"));
}

/** A wish out of the records, placed where the unit that keeps the graft by now has its charm. */
export async function placedAnew(host: Host, wish: Wish): Promise<Wish> {
  return { ...wish, ...placementOf((await readOwner(host)) ?? {}) };
}

/** Keeps a wish as the one in force. Writes nothing where it is that already. */
export async function commitWish(host: Host, wish: Wish): Promise<void> {
  if ((await readOwner(host)) === undefined) await claim(host, wish);
  const { kubeconfig, options, proxies, attached, ...rest } = await placedAnew(host, wish);
  const { charmDirectory, unitName, apiResources, rendered } = rest;
  const desired = { options, proxies, attached, charmDirectory, unitName, apiResources, rendered };
  await writeIfDifferent(host, paths.desired, `${JSON.stringify(desired, null, 1)}\n`);
  await writeIfDifferent(host, paths.desiredKubeconfig, kubeconfig);
}

/** Forgets the wish in force: nothing is wanted here any more. */
export async function forgetWish(host: Host): Promise<void> {
  await host.fs.remove(paths.desired);
  await host.fs.remove(paths.desiredKubeconfig);
}

/** The wish in force: the last one that held. `undefined` where none ever did. Throws as `requireReadable` does. */
export async function committedWish(host: Host): Promise<Wish | undefined> {
  await requireReadable(host);
  const [desired, kubeconfig] = await Promise.all([
    readText(host.fs, paths.desired),
    readText(host.fs, paths.desiredKubeconfig),
  ]);
  if (desired === undefined || kubeconfig === undefined) return undefined;
  return await placedAnew(host, { ...(JSON.parse(desired) as Omit<Wish, "kubeconfig">), kubeconfig });
}

/** Keeps the wish that was in force before the present one (0600, root, in one file). */
export async function keepPrevious(host: Host, wish: Wish): Promise<void> {
  await writeIfDifferent(host, paths.previous, `${JSON.stringify(wish)}\n`);
}

/** The wish that was in force before the present one. */
export async function previousWish(host: Host): Promise<Wish | undefined> {
  return await readJson<Wish>(host.fs, paths.previous);
}
