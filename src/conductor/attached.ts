import type { AttachedFile } from "../resources/attached-file.ts";
import type { RawOptions } from "./config.ts";

/** Files that an operator may attach in the place of what is fetched. */
export const attachedNames = ["driver-wheel", "helm"] as const;

export type AttachedName = (typeof attachedNames)[number];

/** An attached file that was found good, with the version that it brings. */
export interface Attached extends Omit<AttachedFile, "name"> {
  readonly version: string;
}

/** What is attached, and so wins over the options that say what to fetch. */
export type Attachments = { readonly [Name in AttachedName]?: Attached };

/** One of them as a file to install from. */
export function attachedFile(name: AttachedName, { sha256, from, remedy }: Attached): AttachedFile {
  return { name, sha256, from, remedy };
}

/** What of the attached files makes one wish differ from another: their bytes, not where they lie. */
export function attachedDigests(attached: Attachments = {}): readonly string[] {
  return attachedNames.flatMap((name) => {
    const sha256 = attached[name]?.sha256;
    return sha256 === undefined ? [] : [`${name} ${sha256}`];
  });
}

/** The options as they are to be checked: an attached helm needs no digest beside its version. */
export function withoutNeed(raw: RawOptions, { helm }: Attachments): RawOptions {
  return helm === undefined || (raw["helm-sha256"] ?? "") !== ""
    ? raw
    : { ...raw, "helm-sha256": helm.sha256 };
}

/** The options that attached files decide instead of the operator. */
export function decidedBy({ "driver-wheel": wheel, helm }: Attachments) {
  return {
    ...(wheel === undefined ? {} : { "driver-version": wheel.version }),
    ...(helm === undefined ? {} : { "helm-version": helm.version, "helm-sha256": helm.sha256 }),
  };
}
