import { type Host, readText } from "../host/host.ts";
import { ownership, root } from "./owner.ts";

/**
 * Which attached wheel an installation came out of. pip does not tell: two wheels of one version differ in the RECORD
 * that they leave, so that is what it is known by.
 */
interface WheelReceipt {
  /** sha256 of the installation's RECORD. */
  readonly record: string;
  /** sha256 of the wheel. */
  readonly wheel: string;
}

/** The sha256 of the attached wheel that an installation with this RECORD came out of; `undefined` for none. */
export async function attachedWheelOf(
  host: Host,
  receipt: string,
  record: string,
): Promise<string | undefined> {
  const text = await readText(host.fs, receipt);
  if (text === undefined) return undefined;
  const noted = JSON.parse(text) as WheelReceipt;
  return noted.record === record ? noted.wheel : undefined;
}

/** Writes down which attached wheel an installation came out of (0600, root). */
export async function writeWheelReceipt(host: Host, path: string, receipt: WheelReceipt): Promise<void> {
  await host.fs.write(path, `${JSON.stringify(receipt)}\n`, ownership(root, "0600"));
}
