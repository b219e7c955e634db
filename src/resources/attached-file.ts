import type { Host } from "../host/host.ts";
import { closed, type GateState, open } from "../reconcile/gate.ts";
import { ownership, root } from "./owner.ts";

/** A file that an operator handed over, known by its bytes. */
export interface AttachedFile {
  /** What it was handed over as, for messages. */
  readonly name: string;
  /** Hex. */
  readonly sha256: string;
  /** Where it was left for us. It need not be there any more once it is kept. */
  readonly from: string;
  /** The command that hands it over again. */
  readonly remedy: string;
}

/** Copies the file to `to` (0600, root). Closed where it is gone, or another one stands in its place. */
export async function takeAttached(host: Host, it: AttachedFile, to: string): Promise<GateState> {
  const lost = `the attached ${it.name} is not kept here`;
  if ((await host.fs.stat(it.from)) === undefined)
    return closed("operator", `${lost} (sha256 ${it.sha256.slice(0, 12)}..., ${it.from} is gone)`, it.remedy);
  await host.fs.copy(it.from, to, ownership(root, "0600"));
  if ((await host.fs.digest(to)) === it.sha256) return open();
  return closed(
    "operator",
    `${lost} (sha256 ${it.sha256.slice(0, 12)}..., ${it.from} has changed)`,
    it.remedy,
  );
}
