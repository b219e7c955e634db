import { setTimeout as sleep } from "node:timers/promises";
import type { Conductor } from "../conductor.ts";
import { commandLine, mainPids, sh, stamps } from "../look.ts";
import type { FaultSite } from "./fault-site.ts";
import { paths } from "./operations.ts";

/** A part of the token of every kubeconfig that tests hand out. */
const tokens = "token-that-no-log-may-show|another-token";

/**
 * What a unit has on its conductor, by path: kind, mode, owner, link target and digest. Of our own state only what
 * stays the same from run to run; of the kubeconfig's copies all.
 */
export type Belongings = ReadonlyMap<string, string>;

/** Reads all that a graft could touch. */
export async function belongingsOf(conductor: Conductor): Promise<Belongings> {
  const text = await sh(
    conductor,
    `cd / && noise="-name __pycache__ -o -path /etc/ssl/certs -o -path /etc/fault-rig"
     find /etc /usr/local \\( $noise \\) -prune -o -printf '%p\\t%y %m %u:%g %l\\n'
     find /etc /usr/local \\( $noise \\) -prune -o -type f -print0 | xargs -0 -r sha256sum | sed -E 's/^(\\S+)  (.*)/\\2 digest\\t\\1/'
     for unit in magnum-conductor magnum-api; do printf '%s enabled\\t%s\\n' $unit "$(systemctl is-enabled $unit)"; done`,
  );
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line): [string, string] => {
      const [path = "", what = ""] = line.split("\t");
      return [path, what];
    });
  return new Map(lines);
}

/** The paths that differ, at most `limit` of them, with what was found. */
function differences(found: Belongings, wanted: Belongings, limit = 5): readonly string[] {
  const names = [...new Set([...found.keys(), ...wanted.keys()])].toSorted();
  const differing = names.filter((path) => found.get(path) !== wanted.get(path));
  return differing.slice(0, limit).map((path) => `${path}: ${found.get(path) ?? "absent"}`);
}

/** The files that the daemons read: each is whole at every moment, the one of before or the one of after. */
const live = [paths.dropIn, paths.kubeconfig, paths.helm, paths.block];

/** Right after a kill: no file that a daemon reads is half, and no secret can be read by others. */
export async function judgeWreck(
  conductor: Conductor,
  known: readonly Belongings[],
): Promise<readonly string[]> {
  const now = await belongingsOf(conductor);
  const half = live.filter((path) => {
    const states = known.map((state) => `${state.get(path)} ${state.get(`${path} digest`)}`);
    return !states.includes(`${now.get(path)} ${now.get(`${path} digest`)}`);
  });
  return [
    ...half.map((path) => `${path} is half after the kill: ${now.get(path)} ${now.get(`${path} digest`)}`),
    ...(await openSecrets(conductor)),
  ];
}

/** Copies of the kubeconfig, and parts of our own state, that others could read. */
async function openSecrets(conductor: Conductor): Promise<readonly string[]> {
  const found = await sh(
    conductor,
    `grep -rlE '${tokens}' /etc /usr/local /var/lib/magnum-capi-helm /tmp /var/tmp /run/magnum* 2>/dev/null |
       while read -r file; do find "$file" -perm /077 -printf '%p can be read by others: %m\\n'; done
     [ ! -e ${paths.state} ] || find ${paths.state} -maxdepth 0 -perm /077 -printf '%p is open to others: %m\\n'`,
  );
  return linesOf(found);
}

/** What a run leaves only when it did not clean up. */
async function leftovers(conductor: Conductor): Promise<readonly string[]> {
  const found = await sh(
    conductor,
    `find / -xdev -name '*.capi-graft-tmp' -printf 'left over: %p\\n'
     find /usr/local/lib /usr/lib/python3 -name '~*' -printf 'left over: %p\\n'
     find /tmp /var/tmp -mindepth 1 -maxdepth 1 ! -name 'systemd-private-*' ! -name '.*-unix' -printf 'left over: %p\\n'
     for path in /var/cache/magnum-capi-helm ${paths.state}/transaction; do [ ! -e $path ] || echo "left over: $path"; done`,
  );
  return linesOf(found);
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}

async function judgeServices(conductor: Conductor, wired: boolean): Promise<readonly string[]> {
  const pids = await mainPids(conductor);
  const dead = Object.entries(pids).filter(([, pid]) => pid === 0);
  if (dead.length > 0) return dead.map(([name]) => `magnum-${name} does not run`);
  const takesDropIns = (await commandLine(conductor)).includes("--config-dir");
  return takesDropIns === wired ? [] : [`the conductor runs ${wired ? "without" : "with"} --config-dir`];
}

/** A change is looked at again when its daemons have polled: where that is due soon, it is waited for and done. */
async function lookAgain({ conductor, unit }: Pick<FaultSite, "conductor" | "unit">): Promise<void> {
  const text = await sh(conductor, `cat ${paths.state}/signature.json 2>/dev/null || echo '{}'`);
  const { retryAt = Number.POSITIVE_INFINITY } = JSON.parse(text) as { retryAt?: number };
  const left = retryAt - Date.now();
  if (left > 45_000) return;
  await sleep(Math.max(0, left) + 1000);
  await unit.runHook("update-status");
}

/** The next hook writes nothing and restarts nothing. Where a change is held back, it may say so again. */
async function judgeQuiet({ conductor, unit }: FaultSite): Promise<readonly string[]> {
  const isHeldBack = (await unit.status()).status === "blocked";
  if (!isHeldBack) await lookAgain({ conductor, unit });
  // The note of a unit that is held back is written by every hook.
  const note = isHeldBack ? "without it" : "with our note";
  const was = [await stamps(conductor, note), JSON.stringify(await mainPids(conductor))];
  const { code, calls } = await unit.runHook("update-status");
  const is = [await stamps(conductor, note), JSON.stringify(await mainPids(conductor))];
  const commands = calls.map(({ command }) => command).toSorted();
  return [
    ...(code === 0 ? [] : [`the hook after the next one ended with ${code}`]),
    ...(was[0] === is[0] ? [] : ["the hook after the next one wrote"]),
    ...(was[1] === is[1] ? [] : ["the hook after the next one restarted a service"]),
    ...(isHeldBack || commands.join() === "config-get,secret-get"
      ? []
      : [`the hook after the next one ran ${commands}`]),
  ];
}

/** Where a unit came to rest. */
export interface Judgement {
  readonly state: "new" | "old" | "neither";
  readonly faults: readonly string[];
}

/** After one next run: the unit is in one of the two states, as a whole, and at rest. */
export async function judgeRest(
  site: FaultSite,
  { before, after, removed }: { before: Belongings; after: Belongings; removed: boolean },
): Promise<Judgement> {
  const { conductor, unit } = site;
  const now = await belongingsOf(conductor);
  const fromNew = differences(now, after);
  const fromOld = differences(now, before);
  const state = fromNew.length === 0 ? "new" : fromOld.length === 0 ? "old" : "neither";
  const { status, message } = await unit.status();
  const wanted = removed ? "terminated" : "active";
  // A change that a kill made fail is one that did not hold: back where it was, and not tried again by itself.
  const isReverted = state === "old" && status === "blocked" && message.startsWith("reverted, ");
  const faults = [
    ...(state === "neither" ? fromNew.map((it) => `neither new nor old: ${it}`) : []),
    ...(status === wanted || isReverted ? [] : [`the unit is ${status}: ${message}`]),
    ...(await openSecrets(conductor)),
    ...(await leftovers(conductor)),
    ...(await judgeServices(conductor, !(removed && state === "new"))),
    ...(removed ? await stateIsGone(conductor) : await judgeQuiet(site)),
  ];
  return { state, faults };
}

async function stateIsGone(conductor: Conductor): Promise<readonly string[]> {
  return linesOf(await sh(conductor, `[ ! -e ${paths.state} ] || echo "left over: ${paths.state}"`));
}
