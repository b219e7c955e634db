import { type Host, HostFault } from "../host/host.ts";
import { type Proxies, proxyFor, proxyVariables, showProxy } from "../host/proxy.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import type { Resource, State } from "../reconcile/resource.ts";
import { type AttachedFile, takeAttached } from "./attached-file.ts";
import type { Original, Originals } from "./originals.ts";
import { isOrphaned, observeOrphan, removeOrphan } from "./orphaned-package.ts";
import { ownership, root } from "./owner.ts";
import { type Installation, type InstalledPackage, inspect, inspectAll } from "./pip-inspection.ts";
import type { ServiceInput } from "./service.ts";
import type { Store } from "./store.ts";
import { attachedWheelOf, writeWheelReceipt } from "./wheel-receipt.ts";

/** A pinned Python package with one entry point that proves it, installed for one interpreter. */
export interface PipPackage extends InstalledPackage {
  readonly version: string;
  /** Digests of the wheel that are accepted; empty when none is known for this version. */
  readonly hashes: readonly string[];
  /** Simple index to install from; "" for the one that pip is configured with. */
  readonly indexUrl: string;
  /** Proxies that pip fetches through; directly without them. */
  readonly proxies?: Proxies;
  /** The option that sets the version, for messages. */
  readonly option: string;
  readonly staging: string;
  readonly store: Store;
  /** File that remembers which attached wheel is installed. */
  readonly receipt: string;
  /** The wheel to install instead of what an index gives; its digest is the only one of `hashes`. */
  readonly attached?: AttachedFile;
}

/** How the names of this package's wheels begin. */
export function wheelPrefix({ name, version }: Pick<PipPackage, "name" | "version">): string {
  return `${name.replaceAll("-", "_")}-${version}-`;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

const environment = {
  PIP_BREAK_SYSTEM_PACKAGES: "1",
  PIP_ROOT_USER_ACTION: "ignore",
  PIP_DISABLE_PIP_VERSION_CHECK: "1",
  PIP_NO_CACHE_DIR: "1",
  PIP_NO_INPUT: "1",
};

function indexArguments(indexUrl: string): readonly string[] {
  if (indexUrl === "") return [];
  const url = new URL(indexUrl);
  const plain = url.protocol === "http:" ? ["--trusted-host", url.host] : [];
  return ["--index-url", indexUrl, ...plain];
}

function indexOf({ indexUrl }: PipPackage): string {
  return indexUrl === "" ? "the configured package index" : indexUrl;
}

function explain(it: PipPackage, output: string): GateState {
  const where = indexOf(it);
  if (output.includes("No module named pip")) {
    return closed("operator", `${it.python} has no pip`, "apt-get install python3-pip");
  }
  if (output.includes("DO NOT MATCH THE HASHES")) {
    return closed("operator", `${it.name} ${it.version} has a wrong sha256: ${where}`, "repair the mirror");
  }
  const offered = /from versions: ([^)]*)\)/.exec(output)?.[1];
  if (offered !== undefined && offered !== "none") {
    return closed(
      "operator",
      `the index has no ${it.option}=${it.version}: ${where} has ${offered}`,
      `set one of ${offered.split(", ").slice(-2).join(", ")}`,
    );
  }
  const { way, ask } = wayTo(it, "is the index reachable?");
  return closed(
    "time",
    `${it.name} can't be fetched: ${where}: ${withoutLogins(pipsError(output))}${way}`,
    ask,
  );
}

/** How the index is reached, in words, and what to ask when it is not. */
function wayTo(it: PipPackage, ask: string): { readonly way: string; readonly ask: string } {
  const proxy = proxyOf(it);
  if (proxy === undefined) return { way: "", ask };
  return {
    way: `, through the proxy ${showProxy(proxy)}`,
    ask: "does the model's proxy let pip through?",
  };
}

/** The proxy of the index; of one that pip is configured with, whichever there is. */
function proxyOf({ indexUrl, proxies }: PipPackage): string | undefined {
  return indexUrl === "" ? (proxies?.https ?? proxies?.http) : proxyFor(new URL(indexUrl), proxies);
}

function withoutLogins(text: string): string {
  return text.replaceAll(/\/\/[^\s/@'"]+@/g, "//...@");
}

function pipsError(output: string): string {
  // What a proxy answers is in a warning only; the error is then that there are no versions.
  const refusal = /Tunnel connection failed: (\d+ [^'")]*)/.exec(output)?.[1];
  if (refusal !== undefined) return `HTTP ${refusal.trim()}`;
  if (output.includes("Cannot connect to proxy")) return "it can't be connected to";
  const errors = output.split("\n").filter((line) => line.startsWith("ERROR: "));
  return (errors[0] ?? lastLine(output)).replace("ERROR: ", "");
}

async function fetchWheel(host: Host, it: PipPackage): Promise<GateState> {
  const staging = wheelDirectory(it);
  if ((await keptWheel(host, it)) !== undefined) return open("kept here");
  if (it.attached !== undefined) return await stageAttached(host, it, it.attached);
  const requirement = [`${it.name}==${it.version}`, ...it.hashes.map((hash) => `--hash=sha256:${hash}`)].join(
    " ",
  );
  await host.fs.removeTree(staging);
  await host.fs.makeDirectory(staging, ownership(root, "0755"));
  await host.fs.write(`${staging}/requirements.txt`, `${requirement}\n`, ownership(root, "0600"));
  const argv = [it.python, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"];
  const network = ["--retries", "1", "--timeout", "15", ...indexArguments(it.indexUrl)];
  const target = ["--dest", staging, "--requirement", `${staging}/requirements.txt`];
  const result = await host.run([...argv, ...network, ...target], {
    env: { ...environment, ...proxyVariables(it.proxies) },
    timeoutMs: 180_000,
  });
  if (result.timedOut) {
    const { way, ask } = wayTo(it, "is the index slow?");
    return closed("time", `fetching ${it.name} took over 180 s: ${indexOf(it)}${way}`, ask);
  }
  return result.ok ? open() : explain(it, `${result.stderr}\n${result.stdout}`);
}

async function stageAttached(host: Host, it: PipPackage, attached: AttachedFile): Promise<GateState> {
  const staging = wheelDirectory(it);
  await host.fs.removeTree(staging);
  await host.fs.makeDirectory(staging, ownership(root, "0755"));
  // pip takes a wheel by the name that its own metadata gives it only.
  return await takeAttached(host, attached, `${staging}/${wheelPrefix(it)}py3-none-any.whl`);
}

function wheelDirectory(it: PipPackage): string {
  return `${it.staging}/wheel`;
}

async function keptWheel(host: Host, it: PipPackage): Promise<string | undefined> {
  const path = await it.store.find(host, wheelPrefix(it));
  if (path === undefined || it.hashes.length === 0) return path;
  return it.hashes.includes((await host.fs.digest(path)) ?? "") ? path : undefined;
}

function fetched(it: PipPackage): Gate {
  return {
    id: "driver-fetched",
    title: `${it.name} ${it.version} is fetched${it.hashes.length > 0 ? " and has the right sha256" : ""}`,
    check: (host) => fetchWheel(host, it),
  };
}

async function stagedWheel(host: Host, it: PipPackage): Promise<string | undefined> {
  const directory = wheelDirectory(it);
  const name = (await host.fs.list(directory))?.find((entry) => entry.endsWith(".whl"));
  return name === undefined ? undefined : `${directory}/${name}`;
}

/**
 * The wheel that an installation would take: the kept one, or the one that the preflight fetched. Throws a `HostFault`
 * where there is none.
 */
export async function wheelAtHand(host: Host, it: PipPackage): Promise<string> {
  const wheel = (await keptWheel(host, it)) ?? (await stagedWheel(host, it));
  if (wheel === undefined) throw new HostFault(`the wheel of ${it.name} is gone`, { remedy: "run it again" });
  return wheel;
}

async function pip(host: Host, it: PipPackage, what: string, rest: readonly string[]): Promise<void> {
  const env = { ...environment, PIP_CONFIG_FILE: "/dev/null", TMPDIR: it.staging };
  await host.fs.makeDirectory(it.staging, ownership(root, "0755"));
  const result = await host.run([it.python, "-m", "pip", ...rest], { env, timeoutMs: 180_000 });
  if (result.ok) return;
  const full = /No space left|Disk quota/.test(result.stderr);
  throw new HostFault(`pip could not ${what} ${it.name}: ${pipsError(result.stderr)}`, {
    remedy: full ? "free space on that filesystem" : `${it.python} -m pip ${rest[0]} says more`,
  });
}

/**
 * A pinned package, without its dependencies: the distribution's own packages satisfy them. The wheel is fetched and
 * checked before anything is written; the installation itself needs no network. pip of Ubuntu 22.04 has no
 * `--break-system-packages`, so the environment asks for it.
 */
export function pipPackage(it: PipPackage, kept: Originals): Resource {
  return {
    id: `pip-package:${it.name}`,
    desired: {
      version: versionOf(it.version, it.attached?.sha256),
      files: "intact",
      "entry-point": it.entryPoint.name,
      leftovers: "none",
    },
    preflight: [fetched(it)],
    observe: (host) => observe(host, it),
    apply: async (host) => {
      await kept.note(host, `pip-package:${it.name}`, (directory) => keepInstalled(host, it, directory));
      await removeLeftovers(host, it);
      const found = await wheelAtHand(host, it);
      // Kept first: a run killed behind the installation would leave nothing to repair it from.
      const isStaged = found.startsWith(it.staging);
      const wheel = isStaged ? await it.store.keep(host, found.split("/").at(-1) ?? "", found) : found;
      await pip(host, it, "install", ["install", "--no-index", "--no-deps", "--force-reinstall", wheel]);
      await noteWheel(host, it, kept);
    },
  };
}

/** A version, and the attached wheel that it came out of: there may be several of one version. */
function versionOf(version: string, wheel: string | undefined): string {
  return wheel === undefined ? version : `${version} (attached ${wheel.slice(0, 12)})`;
}

async function noteWheel(host: Host, it: PipPackage, kept: Originals): Promise<void> {
  const isNoted = (await host.fs.stat(it.receipt)) !== undefined;
  if (it.attached === undefined && !isNoted) return;
  await kept.keep(host, it.receipt);
  if (it.attached === undefined) return await host.fs.remove(it.receipt);
  const record = (await inspect(host, it))?.record ?? "";
  await writeWheelReceipt(host, it.receipt, { record, wheel: it.attached.sha256 });
}

async function observe(host: Host, it: PipPackage): Promise<State | "absent"> {
  const found = await inspectAll(host, it);
  if (found === null) return "absent";
  const leftovers = found.leftovers.length === 0 ? "none" : found.leftovers.join(", ");
  if (!("version" in found)) return { leftovers };
  const { damaged, location, record } = found;
  const version = await shownVersion(host, it, found);
  const files = damaged.length === 0 ? "intact" : `damaged: ${damaged.slice(0, 3).join(", ")}`;
  return {
    version,
    files,
    "entry-point": found.entryPoint ? it.entryPoint.name : "absent",
    leftovers,
    location,
    record,
  };
}

async function shownVersion(host: Host, it: PipPackage, found: Installation): Promise<string> {
  return versionOf(found.version, await attachedWheelOf(host, it.receipt, found.record));
}

async function removeLeftovers(host: Host, it: PipPackage): Promise<void> {
  for (const path of (await inspectAll(host, it))?.leftovers ?? []) await host.fs.removeTree(path);
}

/** Packs the files of the version that is installed now, so that removal can put it back. */
async function keepInstalled(host: Host, it: PipPackage, directory: string): Promise<Original> {
  const found = await inspect(host, it);
  if (found === undefined) return { existed: false };
  const copy = `${directory}/${it.name}.tar`;
  const there = await Promise.all(found.files.map(async (path) => (await host.fs.stat(path)) !== undefined));
  const input = found.files.filter((_, index) => there[index]).join("\n");
  await tar(host, ["--create", "--file", copy, "--absolute-names", "--files-from=-"], input);
  await host.run(["sync", copy], { timeoutMs: 60_000 });
  const version = await shownVersion(host, it, found);
  return { existed: true, ...ownership(root, "0600"), copy, version, record: found.record };
}

async function tar(host: Host, args: readonly string[], input = ""): Promise<void> {
  const result = await host.run(["tar", ...args], { input, timeoutMs: 60_000 });
  if (result.ok) return;
  throw new HostFault(`tar failed: ${lastLine(result.stderr)}`, { remedy: "free space on that filesystem?" });
}

/** The package as it was before this project first touched it; nothing to do for one that it never touched. */
export async function packageAsBefore(
  host: Host,
  it: PipPackage,
  kept: Originals,
): Promise<readonly Resource[]> {
  const original = await kept.of(host, `pip-package:${it.name}`);
  if (original === undefined) return [];
  const { copy = "", version = "", record } = original.existed ? original : {};
  const before = { version, ...(record === undefined ? {} : { record }) };
  return copy === "" ? [noPipPackage(it)] : [unpackedPackage(it, copy, before)];
}

function unpackedPackage(it: PipPackage, archive: string, before: State): Resource {
  return {
    id: `pip-package:${it.name}`,
    desired: { ...before, leftovers: "none" },
    observe: (host) => observe(host, it),
    apply: async (host) => {
      if ((await inspect(host, it)) !== undefined) await uninstall(host, it);
      await removeLeftovers(host, it);
      await tar(host, ["--extract", "--file", archive, "--absolute-names"]);
    },
  };
}

function uninstall(host: Host, it: PipPackage): Promise<void> {
  return pip(host, it, "uninstall", ["uninstall", "--yes", it.name]);
}

function noPipPackage(it: PipPackage): Resource {
  return {
    id: `pip-package:${it.name}`,
    desired: "absent",
    observe: async (host) => {
      return (await isOrphaned(host, it)) ? await observeOrphan(host, it) : await observe(host, it);
    },
    apply: async (host) => {
      if (await isOrphaned(host, it)) return await removeOrphan(host, it);
      if ((await inspect(host, it)) !== undefined) await uninstall(host, it);
      await removeLeftovers(host, it);
    },
  };
}

/** The installed package as something that a service reads when it starts. */
export function pipPackageInput(it: PipPackage): ServiceInput {
  return {
    name: `pip-package:${it.name}`,
    read: async (host) => {
      const found = await inspect(host, it);
      return { digest: found?.identity ?? "absent", changedAt: found?.changedAt ?? 0 };
    },
  };
}

/** The paths of all files of the installed package; none when it is not installed. */
export async function packageFiles(host: Host, it: PipPackage): Promise<readonly string[]> {
  return (await inspect(host, it))?.files ?? [];
}
