import { type Host, readJson } from "../host/host.ts";
import type { Trouble } from "../reconcile/report.ts";
import { ownership, root } from "../resources/owner.ts";
import { paths } from "./paths.ts";
import { type Wish, wishDigest } from "./wish.ts";

/**
 * A wish that is not to be brought about again by itself: it did not hold and was reverted, or an operator rolled it
 * back. The unit is kept as it was before it, until something else is wanted or an `apply` is asked for.
 */
export interface Hold extends Trouble {
  readonly kind: "reverted" | "rollback";
  /** ISO time. */
  readonly at: string;
  /** The wish that is held back. */
  readonly wanted: Wish;
}

/** The hold on this unit; `undefined` for none. */
export async function readHold(host: Host): Promise<Hold | undefined> {
  return await readJson<Hold>(host.fs, paths.hold);
}

/** The hold, where it holds back this wish: what the management cluster has come to serve meanwhile ends none. */
export async function holdOn(host: Host, wish: Wish): Promise<Hold | undefined> {
  const hold = await readHold(host);
  if (hold === undefined) return undefined;
  const { apiResources: _, ...asked } = wish;
  const { apiResources } = hold.wanted;
  const same = apiResources === undefined ? asked : { ...asked, apiResources };
  return wishDigest(hold.wanted) === wishDigest(same) ? hold : undefined;
}

/** Writes a hold (0600, root). */
export async function writeHold(host: Host, hold: Hold): Promise<void> {
  await host.fs.makeDirectory(paths.state, ownership(root, "0700"));
  await host.fs.write(paths.hold, `${JSON.stringify(hold)}\n`, ownership(root, "0600"));
}

/** A hold as it may be shown: without the wish, which has the kubeconfig in it. */
export function showHold({ kind, at, source, reason, remedy, cure }: Hold): Omit<Hold, "wanted"> {
  return { kind, at, source, reason, remedy, cure };
}

/** Ends the hold, so that what is wanted is tried again. */
export async function endHold(host: Host): Promise<void> {
  await host.fs.remove(paths.hold);
}
