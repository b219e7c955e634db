import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Conductor, type RecipeName, startConductor } from "../rig/conductor.ts";
import { sh } from "../rig/look.ts";
import { mirror } from "../rig/mirror.ts";
import { kubeconfig, makeSite } from "../rig/site.ts";
import { type Answers, environmentOf, lastStatus, placeCommands } from "./cheap-commands.ts";
import { putFirst } from "./put-first.ts";
import { timeInTurn } from "./stopwatch.ts";

const once = { rounds: 1, warmUp: 0, limitSeconds: 300 };

/** The services go first like what is timed, and so start as fast. Waits until the API has loaded its application: before that it ends only when it is killed, after 15 s. */
async function settle(conductor: Conductor): Promise<void> {
  await putFirst(conductor, ["magnum-conductor", "magnum-api"]);
  await sh(
    conductor,
    "timeout 60 sh -c 'until curl --silent -o /dev/null http://127.0.0.1:9511/; do sleep 0.1; done'",
  );
}

/** ms of the config-changed hook that grafts a pristine conductor. Throws unless it ends `active`. */
export async function timeCharm(recipe: RecipeName, answers: Answers): Promise<number> {
  const site = await makeSite(recipe);
  try {
    await site.unit.deploy();
    placeCommands(site.conductor, answers);
    await settle(site.conductor);
    const environment = environmentOf(site, "config-changed");
    const hook = { argv: [`${site.unit.charmFolder}/hooks/config-changed`] };
    const { hook: runs } = await timeInTurn(site.conductor, { hook }, { ...once, environment });
    const status = lastStatus(site.conductor);
    if (status !== "active -- Unit is ready") throw new Error(`the first graft ended with: ${status}`);
    return runs[0]?.ms ?? Number.NaN;
  } finally {
    await site.down();
  }
}

/** ms of the same graft by the runbook's commands in a shell script. Throws when one of its checks fails. */
export async function timeByHand(recipe: RecipeName): Promise<number> {
  const conductor = await startConductor({ recipe });
  try {
    const onHost = (name: string): string => join(conductor.root, "root", name);
    writeFileSync(onHost("kubeconfig"), kubeconfig(), { mode: 0o600 });
    writeFileSync(onHost("by-hand.sh"), readFileSync(join(import.meta.dirname, "by-hand.sh")));
    await settle(conductor);
    const environment = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: "/root",
      LANG: "C.UTF-8",
      INDEX_URL: mirror.indexUrl,
      HELM_URL: mirror.helmUrl,
      HELM_SHA256: mirror.helmSha256,
      KUBECONFIG_FILE: "/root/kubeconfig",
    };
    const script = { argv: ["/bin/sh", "/root/by-hand.sh"] };
    const { script: runs } = await timeInTurn(conductor, { script }, { ...once, environment });
    return runs[0]?.ms ?? Number.NaN;
  } finally {
    await conductor.down();
  }
}
