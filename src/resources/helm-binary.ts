import { type Host, HostFault, readText } from "../host/host.ts";
import type { Proxies } from "../host/proxy.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import type { Resource, State } from "../reconcile/resource.ts";
import { type AttachedFile, takeAttached } from "./attached-file.ts";
import type { Originals } from "./originals.ts";
import { ownerName, ownership, root } from "./owner.ts";
import type { Store } from "./store.ts";

/** helm out of an archive of the official layout (`linux-amd64/helm`), known by the archive's digest. */
export interface HelmBinary {
  readonly path: string;
  readonly version: string;
  readonly url: string;
  /** sha256 of the archive, hex. */
  readonly sha256: string;
  /** `amd64` or `arm64`, as in the archive's folder. */
  readonly architecture: string;
  readonly originals: Originals;
  /** File that remembers which binary came out of which archive. */
  readonly receipt: string;
  readonly staging: string;
  readonly store: Store;
  /** Proxies to fetch it through; directly without them. */
  readonly proxies?: Proxies;
  /** The archive to take instead of what `url` gives; its digest is `sha256`. */
  readonly attached?: AttachedFile;
}

/** The digest of the archive that was unpacked, and of the binary that came out of it. */
interface Receipt {
  readonly version: string;
  readonly archive: string;
  readonly binary: string;
}

const maxBytes = 200 * 1024 * 1024;

async function readReceipt(host: Host, it: HelmBinary): Promise<Receipt | undefined> {
  const text = await readText(host.fs, it.receipt);
  return text === undefined ? undefined : (JSON.parse(text) as Receipt);
}

async function observe(host: Host, it: HelmBinary): Promise<State | "absent"> {
  const stat = await host.fs.stat(it.path);
  if (stat === undefined) return "absent";
  const common = { kind: stat.kind, mode: stat.mode, owner: ownerName(stat, [root]) };
  if (stat.kind !== "file") return { ...common, archive: "none" };
  const binary = await host.fs.digest(it.path);
  const receipt = await readReceipt(host, it);
  if (receipt?.binary !== binary) return { ...common, archive: `unknown (binary ${binary?.slice(0, 12)})` };
  return { ...common, version: receipt?.version ?? "unknown", archive: receipt?.archive ?? "unknown" };
}

/** How the name of the kept binary begins: the version and the archive that it came out of. */
export function keptHelm({ version, sha256 }: Pick<HelmBinary, "version" | "sha256">): string {
  return `helm-${version}-${sha256}`;
}

function stagedHelm(it: HelmBinary): string {
  return `${it.staging}/linux-${it.architecture}/helm`;
}

/**
 * The binary that would be put in place: the kept one, or the one that the preflight fetched. Throws a `HostFault`
 * where there is none.
 */
export async function helmAtHand(host: Host, it: HelmBinary): Promise<string> {
  const kept = await it.store.find(host, keptHelm(it));
  const binary = kept ?? stagedHelm(it);
  if ((await host.fs.stat(binary)) === undefined)
    throw new HostFault(`${binary} is gone`, { remedy: "run it again" });
  return binary;
}

async function fetchArchive(host: Host, it: HelmBinary): Promise<GateState> {
  if ((await it.store.find(host, keptHelm(it))) !== undefined) return open("kept here");
  const archive = `${it.staging}/helm.tar.gz`;
  await host.fs.makeDirectory(it.staging, ownership(root, "0755"));
  await host.fs.remove(archive);
  const got =
    it.attached === undefined
      ? await downloadArchive(host, it, archive)
      : await takeAttached(host, it.attached, archive);
  return got.state === "open" ? await proveArchive(host, it, archive) : got;
}

async function downloadArchive(host: Host, it: HelmBinary, archive: string): Promise<GateState> {
  const got = await host.download(it.url, archive, { maxBytes, timeoutMs: 300_000, ...through(it) });
  if (!got.ok) {
    const ask =
      got.proxy === undefined
        ? "is it up and reachable? see helm-url"
        : "does the model's proxy let it through?";
    return closed("time", `helm can't be fetched: ${it.url}: ${got.reason}`, ask);
  }
  if (got.sha256 !== it.sha256) {
    const reason = `helm-sha256 is not the archive's: ${it.url} has ${got.sha256}`;
    return closed("operator", reason, "set the digest that you trust");
  }
  return open();
}

function through({ proxies }: HelmBinary): { readonly proxies?: Proxies } {
  return proxies === undefined ? {} : { proxies };
}

function memberOf(architecture: string): string {
  return `linux-${architecture}/helm`;
}

/** The most that helm may come to when unpacked, four times what it has, and the seconds of CPU that this may take. */
const limits = { mebibytes: 300, cpuSeconds: 20 };

/** A small archive can hold very much: what is unpacked is one file, of so many bytes at most, in so much time. */
function unpacking(archive: string, folder: string, member: string): readonly string[] {
  const limit = ["prlimit", `--fsize=${limits.mebibytes * 1024 * 1024}`, `--cpu=${limits.cpuSeconds}`];
  return [...limit, "tar", "-xzf", archive, "-C", folder, "--no-same-owner", "--no-recursion", member];
}

/** Takes helm out of an archive of the official layout, into a folder; its path there, or why that can't be. */
export async function unpackHelm(
  host: Host,
  archive: string,
  folder: string,
  architecture: string,
): Promise<{ readonly binary: string } | { readonly reason: string }> {
  const member = memberOf(architecture);
  const result = await host.run(unpacking(archive, folder, member), { timeoutMs: 120_000 });
  const [said = ""] = result.stderr.trim().split("\n");
  if (!result.ok)
    return { reason: said === "" ? `${member} is more than ${limits.mebibytes} MiB when unpacked` : said };
  const binary = `${folder}/${member}`;
  if ((await host.fs.stat(binary))?.kind !== "file") return { reason: `its ${member} is no file` };
  return { binary };
}

/** The version that a helm prints (`v3.17.3`), or why it prints none. */
export async function helmVersion(
  host: Host,
  binary: string,
): Promise<{ readonly version: string } | { readonly reason: string }> {
  const result = await host.run([binary, "version", "--template", "{{.Version}}"], { timeoutMs: 30_000 });
  if (result.ok) return { version: result.stdout.trim() };
  return { reason: result.stderr.trim() || "it died without a word" };
}

async function proveArchive(host: Host, it: HelmBinary, archive: string): Promise<GateState> {
  const unpacked = await unpackHelm(host, archive, it.staging, it.architecture);
  if ("reason" in unpacked) {
    const source = it.attached === undefined ? it.url : `the attached ${it.attached.name}`;
    const remedy = `helm-url must hold ${memberOf(it.architecture)}`;
    const reason = `helm's archive can't be unpacked: ${source}: ${unpacked.reason}`;
    return closed("operator", reason, it.attached?.remedy ?? remedy);
  }
  const found = await helmVersion(host, unpacked.binary);
  if ("version" in found && found.version === `v${it.version}`) return open();
  const reason =
    "version" in found
      ? `the archive holds helm ${found.version}`
      : `the archive's helm does not run: ${found.reason}`;
  const remedy = it.attached?.remedy ?? "make helm-version and helm-url agree";
  return closed("operator", reason, remedy);
}

/** helm on the unit, from an archive that was fetched, checked and run before anything is written. */
export function helmBinary(it: HelmBinary): Resource {
  const fetched: Gate = {
    id: "helm-fetched",
    title: `helm ${it.version} is fetched, has the right sha256 and runs`,
    check: async (host) => {
      const state = await observe(host, it);
      const here = state !== "absent" && state["version"] === it.version && state["archive"] === it.sha256;
      return here ? open("already here") : await fetchArchive(host, it);
    },
  };
  return {
    id: `helm:${it.path}`,
    desired: { kind: "file", version: it.version, archive: it.sha256, mode: "0755", owner: "root:root" },
    quick: true,
    preflight: [fetched],
    observe: (host) => observe(host, it),
    apply: async (host, change) => {
      if (change.drift.every(({ key }) => key === "mode" || key === "owner")) {
        await it.originals.keep(host, it.path);
        return await host.fs.setOwnership(it.path, ownership(root, "0755"));
      }
      const fetchedBinary = await helmAtHand(host, it);
      const binary = fetchedBinary.startsWith(it.staging)
        ? await it.store.keep(host, keptHelm(it), fetchedBinary)
        : fetchedBinary;
      const digest = (await host.fs.digest(binary)) ?? "";
      const receipt: Receipt = { version: it.version, archive: it.sha256, binary: digest };
      await it.originals.keep(host, it.path);
      await it.originals.keep(host, it.receipt);
      await host.fs.write(it.receipt, `${JSON.stringify(receipt)}\n`, ownership(root, "0600"));
      const isThere = change.drift.every(({ key }) => key === "version" || key === "archive");
      if (isThere && (await host.fs.digest(it.path)) === digest) return;
      await host.fs.copy(binary, it.path, ownership(root, "0755"));
    },
  };
}
