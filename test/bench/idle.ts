import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { paths } from "../../src/conductor/paths.ts";
import type { Signature } from "../../src/conductor/signature.ts";
import { sh } from "../rig/look.ts";
import type { Site } from "../rig/site.ts";
import { benchFolder } from "./cheap-commands.ts";
import { type Figure, figure } from "./figures.ts";
import { watchService } from "./heal.ts";
import { spread } from "./statistics.ts";

/** What the watch costs while nothing happens. */
export interface Idle {
  readonly figures: readonly Figure[];
  readonly minutes: number;
  readonly runs: number;
  /** CPU of a run, median, and of all runs in a minute: milliseconds. */
  readonly perRun: number;
  readonly perMinute: number;
}

const restLimitMs = 180_000;
const baselineRuns = 20;
/** The timer is not held to the second. */
const latestRunMs = 66_000;

/** Whether the watch finds nothing to do before the unit's next look as a whole, which is half an hour ahead by then. */
function isAtRest({ root }: Site["conductor"], minutes: number): boolean {
  const { inLine, retryAt = Infinity }: Partial<Signature> = JSON.parse(
    readFileSync(join(root, paths.signature), "utf8"),
  );
  return inLine === true && retryAt - Date.now() > (minutes + 2) * 60_000;
}

/** Until the watch has looked at a service that a change restarted a second time: from then on there is nothing to do. */
async function waitForRest({ conductor }: Site, minutes: number): Promise<void> {
  const script = `[ "$(systemctl is-active ${watchService}.service)" = inactive ]`;
  for (const end = Date.now() + restLimitMs; Date.now() < end; await sleep(500)) {
    if ((await conductor.exec(["sh", "-c", script])).code === 0 && isAtRest(conductor, minutes)) return;
  }
  throw new Error(`the watch was not at rest after ${restLimitMs / 1000} s`);
}

function costsIn(text: string): readonly number[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => (JSON.parse(line) as { cpu: number }).cpu);
}

/** Leaves a unit in line alone for some minutes, with its watch on, and adds up what the watch's runs cost. */
export async function measureIdle(site: Site, minutes: number): Promise<Idle> {
  const { conductor, unit } = site;
  const [program, record, baseline] = ["run-cost.py", "idle", "node"].map((name) => `${benchFolder}/${name}`);
  const node = `${unit.charmFolder}/bin/node`;
  await waitForRest(site, minutes);
  await sh(conductor, `mkdir -p ${benchFolder} /run/systemd/system/${watchService}.service.d`);
  writeFileSync(join(conductor.root, `${program}`), readFileSync(join(import.meta.dirname, "run-cost.py")));
  const start = `/usr/bin/python3 ${program}`;
  await sh(
    conductor,
    `: >${record}
     printf '[Service]\\nExecStart=\\nExecStart=%s\\n' '${start} ${record} ${node} ${unit.charmFolder}/dist/main.cjs watch' \\
       >/run/systemd/system/${watchService}.service.d/cost.conf
     systemctl daemon-reload
     for run in $(seq ${baselineRuns}); do ${start} ${baseline} ${node} -e 0; done`,
  );
  const read = (file: string) => costsIn(readFileSync(join(conductor.root, file), "utf8"));
  const began = Date.now();
  await sleep(minutes * 60_000);
  while (read(`${record}`).length === 0 && Date.now() - began < latestRunMs + restLimitMs) await sleep(1000);
  return asIdle(read(`${record}`), read(`${baseline}`), (Date.now() - began) / 60_000);
}

function asIdle(costs: readonly number[], baseline: readonly number[], minutes: number): Idle {
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  const node = spread(baseline).median;
  const [perRun, perMinute] = [spread(costs).median, total / minutes];
  const detail = `${perRun.toFixed(0)} ms : ${node.toFixed(0)} ms`;
  return {
    figures: [
      figure("idle-runs", [costs.length / minutes], `${costs.length} in ${minutes.toFixed(1)} minutes`),
      figure(
        "idle-cpu",
        costs.map((cost) => cost / node),
        detail,
      ),
    ],
    ...{ minutes, runs: costs.length, perRun, perMinute },
  };
}
