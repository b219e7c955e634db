import { type Host, readText } from "../host/host.ts";
import { repairQuick } from "../reconcile/quick.ts";
import type { Progress } from "../reconcile/reconcile.ts";
import { ownership, root } from "../resources/owner.ts";
import { witness } from "./cause.ts";
import { interruptedChange } from "./change.ts";
import { type Conductor, isRunnable } from "./conductor.ts";
import { type Config, parseConfig } from "./config.ts";
import { desiredState } from "./desired-state.ts";
import { fuseOf, type Repaired, underFuse } from "./heal.ts";
import { paths } from "./paths.ts";
import { committedWish, type Wish } from "./wish.ts";

/** Writes down what was found of the conductor (0600, root), for `repairFromMemory`; nothing where no wish is in force. */
export async function rememberConductor(host: Host, unit: Conductor): Promise<void> {
  if ((await host.fs.stat(paths.desired)) === undefined) return;
  const text = `${JSON.stringify(unit)}\n`;
  if ((await readText(host.fs, paths.conductorFacts)) === text) return;
  await host.fs.write(paths.conductorFacts, text, ownership(root, "0600"));
}

/** The conductor as it was last found, where files can show that what matters to ours is still the same. */
async function rememberedConductor(host: Host): Promise<Conductor | undefined> {
  const text = await readText(host.fs, paths.conductorFacts);
  if (text === undefined) return undefined;
  const unit = JSON.parse(text) as Conductor;
  for (const program of [paths.conductorInit, paths.conductorProgram]) {
    const stat = await host.fs.stat(program);
    if (stat === undefined || !isRunnable(stat)) return undefined;
  }
  const accounts = ((await readText(host.fs, "/etc/passwd")) ?? "").split("\n");
  const [, , uid] = accounts.find((line) => line.startsWith(`${unit.daemon.user}:`))?.split(":") ?? [];
  return uid === String(unit.daemon.uid) ? unit : undefined;
}

/** What is in force, and to be repaired without being asked; `undefined` while a change is under way. */
async function inForce(host: Host): Promise<{ readonly wish: Wish; readonly config: Config } | undefined> {
  if ((await interruptedChange(host)) !== undefined) return undefined;
  const wish = await committedWish(host);
  if (wish === undefined) return undefined;
  const config = parseConfig(wish.options, wish.kubeconfig, wish);
  return "kubeconfig" in config && config["self-heal"] ? { wish, config } : undefined;
}

/**
 * Repairs what is quick to look at, files for one, by what is known of the conductor from last time: to ask for it, for
 * Python's view and for the services costs a second or more. Gives what held, to be told by the walk that has to
 * follow; `undefined` where too little is known.
 */
export async function repairFromMemory(
  host: Host,
  watch: (progress: Progress) => void,
): Promise<(Repaired & { readonly config: Config }) | undefined> {
  const [wanted, unit] = [await inForce(host), await rememberedConductor(host)];
  if (wanted === undefined || unit === undefined) return undefined;
  const { wish, config } = wanted;
  const { resources } = underFuse(desiredState(config, unit, wish), fuseOf(host, config));
  const seen = witness(host, wish.unitName);
  const changes = await repairQuick(host, resources, (progress) => {
    if (progress.step === "planned") seen.planned(progress.changes);
    else watch(progress);
  });
  return { changes, seen, config };
}
