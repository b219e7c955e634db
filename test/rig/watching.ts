import { setTimeout as sleep } from "node:timers/promises";
import { sh, starts } from "./look.ts";
import type { Site } from "./site.ts";

const state = "/var/lib/magnum-capi-helm";

/** What an event on a watched unit came to. */
export interface Repair {
  /** From the event, or where it is a run of dpkg or pip from its end, until `isGood` said so. Milliseconds. */
  readonly ms: number;
  /** How often each service was started meanwhile, by whom ever. */
  readonly starts: { readonly conductor: number; readonly api: number };
  /** `outcome id`, of all records that the heal log got. */
  readonly logged: readonly string[];
  readonly triggers: readonly string[];
}

/** An event: what happens, and how to see that it is repaired. */
interface Event {
  /** Shell, as root. */
  readonly damage: string;
  /**
   * Shell that ends with 0 once it is repaired; not asked before the damage is done. It may use `started SERVICE`, how
   * often that was started since before the damage, and `$over`, a file that was written when the damage was done.
   */
  readonly isGood: string;
  /** Whether the time runs from the end of the damage, not from its beginning. */
  readonly fromEnd?: boolean;
  readonly limitSeconds?: number;
}

interface Logged {
  readonly trigger: string;
  readonly changes: readonly { readonly id: string; readonly outcome: string }[];
}

async function healLog(site: Site): Promise<readonly Logged[]> {
  const text = await sh(site.conductor, `cat ${state}/heal.log 2>/dev/null || true`);
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Logged]));
}

/**
 * Waits until the watch has nothing to do and the unit was found in line. Throws with the watch's journal and the heal
 * log where that takes longer than the limit.
 */
export async function watchAtRest(site: Site, limitSeconds = 120): Promise<void> {
  const script = `[ "$(systemctl is-active magnum-capi-helm-watch.service)" = inactive ] &&
    grep -q '"inLine":true' ${state}/signature.json`;
  const end = performance.now() + limitSeconds * 1000;
  while (performance.now() < end) {
    if ((await site.conductor.exec(["sh", "-c", script])).code === 0) return;
    await sleep(250);
  }
  throw new Error(`the unit was not in line after ${limitSeconds} s\n${await story(site)}`);
}

/** What the watch's journal, the heal log and the status say. */
async function story(site: Site): Promise<string> {
  const text = await sh(
    site.conductor,
    `journalctl --unit 'magnum-capi-helm-watch*' --output short-precise --no-pager | grep -v pam_unix | tail -40
     tail -5 ${state}/heal.log; head -c 300 ${state}/signature.json
     "${site.unit.charmFolder}/bin/node" "${site.unit.charmFolder}/dist/main.cjs" cli plan || true`,
  );
  return `${text}\n${JSON.stringify(await site.unit.status())}`;
}

/** Lets something happen to a unit in line, and waits until it is repaired and the watch is at rest. */
export async function repairOf(site: Site, event: Event): Promise<Repair> {
  const { damage, isGood, fromEnd = false, limitSeconds = 60 } = event;
  // Each event is to be the first of its kind: the fuse has tests of its own.
  await sh(site.conductor, `rm -f ${state}/repairs.json`);
  const [before, known] = [await starts(site.conductor), (await healLog(site)).length];
  const script = `
    all() { journalctl --unit $1.service --output cat | grep -c '^Started'; }
    conductor=$(all magnum-conductor) api=$(all magnum-api) over=/run/events-over
    started() { echo $(( $(all magnum-$1) - $(eval echo \\$$1) )); }
    began=$(date +%s%N)
    { ${damage}\n } >/dev/null || exit 3
    touch $over
    ${fromEnd ? "began=$(date +%s%N)" : ""}
    end=$(( $(date +%s) + ${limitSeconds} ))
    until { ${isGood}\n } >/dev/null 2>&1; do
      [ $(date +%s) -lt $end ] || exit 4
      sleep 0.02
    done
    echo $(( ($(date +%s%N) - began) / 1000000 ))`;
  const done = await site.conductor.exec(["sh", "-c", script], { timeoutMs: (limitSeconds + 120) * 1000 });
  if (done.code !== 0) {
    throw new Error(`${damage}\nended with ${done.code}: ${done.stderr}\n${await story(site)}`);
  }
  await watchAtRest(site);
  const after = await starts(site.conductor);
  const records = (await healLog(site)).slice(known);
  return {
    ms: Number(done.stdout.trim()),
    starts: { conductor: after.conductor - before.conductor, api: after.api - before.api },
    logged: records.flatMap(({ changes }) => changes.map(({ id, outcome }) => `${outcome} ${id}`)),
    triggers: [...new Set(records.map(({ trigger }) => trigger))],
  };
}
