import { type Host, HostFault } from "../host/host.ts";
import type { Proxies } from "../host/proxy.ts";
import { type Gate, type GateState, open } from "../reconcile/gate.ts";
import { type HelmBinary, helmAtHand } from "../resources/helm-binary.ts";
import { withBlock } from "../resources/line-block.ts";
import { ownership, root } from "../resources/owner.ts";
import { type PipPackage, wheelAtHand } from "../resources/pip-package.ts";
import type { Conductor } from "./conductor.ts";
import { blockOf, defaultsOwner, markers } from "./defaults-block.ts";
import { paths } from "./paths.ts";
import { liveRoots, type Roots, stagedRoots } from "./roots.ts";

/** What a unit would have after a change, as far as it is staged. Secret is the login of a proxy. */
export interface StagedParts {
  readonly unit: Conductor;
  readonly dropIn: string;
  readonly proxies: Proxies | undefined;
  /** The driver, where it is to change. */
  readonly driver: PipPackage | undefined;
  /** helm, where it is to change. */
  readonly helm: HelmBinary | undefined;
}

const directory = `${paths.staging}/proof`;
const binaries = `${directory}/bin`;
const readable = ownership(root, "0644");

async function linkAll(host: Host, from: string, to: string, but: readonly string[]): Promise<void> {
  await host.fs.makeDirectory(to, ownership(root, "0755"));
  for (const name of (await host.fs.list(from)) ?? []) {
    if (!but.includes(`${from}/${name}`)) await host.fs.link(`${to}/${name}`, `${from}/${name}`);
  }
}

/** The files that the init scripts source, with our block, and the scripts, told to source them there. */
async function stageWiring(host: Host, { unit, proxies }: StagedParts, roots: Roots): Promise<void> {
  const wired = [
    { init: paths.conductorInit, staged: roots.conductorInit, defaults: paths.conductorDefaults },
    ...(unit.apiTakesConfigArguments
      ? [{ init: paths.apiInit, staged: roots.apiInit, defaults: paths.apiDefaults }]
      : []),
  ];
  await linkAll(
    host,
    paths.defaults,
    roots.defaults,
    wired.map(({ defaults }) => defaults),
  );
  await host.fs.makeDirectory(`${directory}/init.d`, ownership(root, "0755"));
  for (const { init, staged, defaults } of wired) {
    const text = Buffer.from((await host.fs.read(defaults)) ?? "").toString("latin1");
    const block = blockOf(defaults, proxies, { dropIns: roots.dropInDirectory, helm: binaries });
    const next = Buffer.from(withBlock(text, markers, block), "latin1");
    const to = `${roots.defaults}/${defaults.slice(paths.defaults.length + 1)}`;
    const { owner, mode } = defaultsOwner(defaults, proxies, unit);
    await host.fs.write(to, next, ownership(owner, mode));
    const script = Buffer.from((await host.fs.read(init)) ?? "").toString("latin1");
    const moved = script.replaceAll(`${paths.defaults}/`, `${roots.defaults}/`);
    await host.fs.write(staged, Buffer.from(moved, "latin1"), ownership(root, "0755"));
  }
}

async function stageSoftware(host: Host, parts: StagedParts): Promise<void> {
  const { unit, driver, helm } = parts;
  await host.fs.makeDirectory(binaries, ownership(root, "0755"));
  const binary = helm === undefined ? paths.helm : await helmAtHand(host, helm);
  // The state directory is closed to the daemons, so what is kept there is copied.
  if (binary.startsWith(paths.state)) await host.fs.copy(binary, `${binaries}/helm`, ownership(root, "0755"));
  else await host.fs.link(`${binaries}/helm`, binary);
  if (driver === undefined) return;
  const wheel = await wheelAtHand(host, driver);
  const argv = [unit.python, "-m", "zipfile", "-e", wheel, `${directory}/packages`];
  const result = await host.run(argv, { timeoutMs: 60_000 });
  if (result.ok) return;
  throw new HostFault(`${wheel} can't be unpacked: ${result.stderr.trim().split("\n").at(-1)}`, {
    remedy: `see ${driver.option}`,
  });
}

/** Puts what a change would bring beside the live files, where the daemons' own programs can be asked about it. */
export async function stage(host: Host, parts: StagedParts): Promise<Roots> {
  const roots = stagedRoots(directory);
  await host.fs.removeTree(directory);
  await linkAll(host, paths.dropInDirectory, roots.dropInDirectory, [paths.dropIn]);
  await host.fs.write(roots.dropIn, parts.dropIn, readable);
  await stageWiring(host, parts, roots);
  await stageSoftware(host, parts);
  return roots;
}

/** A gate that looks at staged files, in words that name the live ones. */
export function inLiveWords(gate: Gate, roots: Roots): Gate {
  const live = (text: string) =>
    text
      .replaceAll(roots.dropInDirectory, liveRoots.dropInDirectory)
      .replaceAll(roots.defaults, liveRoots.defaults)
      .replaceAll(roots.conductorInit, liveRoots.conductorInit)
      .replaceAll(roots.apiInit, liveRoots.apiInit)
      .replaceAll(`${binaries}/helm`, paths.helm)
      .replaceAll(`${directory}/packages/`, "");
  const inWords = (state: GateState): GateState => {
    if (state.state === "open") return open(state.detail === undefined ? undefined : live(state.detail));
    if (state.state !== "closed") return { ...state, reason: live(state.reason) };
    return { ...state, reason: live(state.reason), remedy: live(state.remedy) };
  };
  return { ...gate, check: async (host, say) => inWords(await gate.check(host, say)) };
}
