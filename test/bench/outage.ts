import { sh } from "../rig/look.ts";
import type { Site } from "../rig/site.ts";
import { type Answers, environmentOf, lastStatus, placeCommands } from "./cheap-commands.ts";
import { type Figure, ratioFigure } from "./figures.ts";
import { putFirst } from "./put-first.ts";
import { answerOf, startPython } from "./python.ts";
import { type Case, timeInTurn } from "./stopwatch.ts";

/** ms for which each service was out of work. */
interface Outage {
  readonly api: number;
  readonly conductor: number;
}

const request = {
  ...{ url: "http://127.0.0.1:9511/", log: "/var/log/magnum/magnum-conductor.log" },
  ...{ every: 0.02, limit: 120 },
};

/** Runs one command while both services are asked all the time; both are back when it returns. */
async function outageIn(site: Site, command: Case): Promise<Outage> {
  const asker = startPython(site.conductor, "outage.py", request);
  try {
    // Some answers before the work begins.
    await sh(site.conductor, "sleep 1");
    const environment = environmentOf(site, "config-changed");
    await timeInTurn(site.conductor, { command }, { rounds: 1, warmUp: 0, limitSeconds: 300, environment });
  } finally {
    asker.kill("SIGTERM");
  }
  return await answerOf<Outage>(asker);
}

function withChart(answers: Answers, version: string): Answers {
  return { ...answers, config: JSON.stringify({ ...JSON.parse(answers.config), "chart-version": version }) };
}

async function outageOfChange(site: Site, answers: Answers): Promise<Outage> {
  placeCommands(site.conductor, answers);
  const outage = await outageIn(site, { argv: [`${site.unit.charmFolder}/hooks/config-changed`] });
  const status = lastStatus(site.conductor);
  if (!status.startsWith("active")) throw new Error(`the change ended with: ${status}`);
  return outage;
}

/**
 * How long a change of `chart-version` keeps each service out of work, and how long the runbook's restart of both does, in
 * turn. Too slow a figure gets as many pairs again. The unit's options are not what Juju knows of any more.
 */
export async function measureOutage(
  site: Site,
  answers: Answers,
  rounds: number,
): Promise<readonly Figure[]> {
  await putFirst(site.conductor, ["magnum-conductor", "magnum-api"]);
  const restart = { argv: ["/bin/systemctl", "restart", "magnum-conductor", "magnum-api"] };
  const changes: Outage[] = [];
  const restarts: Outage[] = [];
  const timers = [
    async () => {
      const version = changes.length % 2 === 0 ? "0.24.1" : "0.25.1";
      changes.push(await outageOfChange(site, withChart(answers, version)));
    },
    async () => restarts.push(await outageIn(site, restart)),
  ];
  const judged = () =>
    (["conductor", "api"] as const).map((service) => {
      const of = (outages: readonly Outage[]) => outages.map((each) => each[service]);
      return ratioFigure(`outage-${service}`, of(changes), of(restarts));
    });
  do {
    for (let round = 0; round < rounds; round += 1) for (const time of timers.reverse()) await time();
  } while (judged().some(({ verdict }) => verdict === "fails") && changes.length === rounds);
  return judged();
}
