import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { provisionBinaries } from "./binaries.ts";
import { issue } from "./certificates.ts";
import { convert } from "./crds.ts";
import { endOfLog, type Namespace, pathInside, processesIn, runInNetwork, startIn } from "./namespace.ts";
import type { Management } from "./server.ts";

/** Cluster API's own core controller, beside the API server that it serves. */
export interface Controller {
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again and waits until its conversion webhook answers. */
  start(): Promise<void>;
}

const webhook = "https://127.0.0.1:19443/convert";
const readyLimitMs = 60_000;
const program = "capi-core-controller";

/**
 * Starts the core controller of Cluster API 1.11.3 and has it convert the core kinds, which must be those of a release
 * from 1.11 on. It ends with the management cluster. Throws with the end of its log when it isn't ready within 60 s.
 */
export async function startController(management: Management): Promise<Controller> {
  const { namespace, facts } = management;
  const { folder } = namespace;
  const serving = await issue(folder, facts.authority, { commonName: program, names: ["127.0.0.1"] });
  for (const [name, text] of [
    ["tls.crt", serving.certificate],
    ["tls.key", serving.key],
    ["controller.yaml", management.kubeconfig({ login: facts.admin })],
  ] as const)
    writeFileSync(`${folder}/${name}`, text, { mode: 0o600 });
  const running = (): boolean => processesIn(namespace, program).length > 0;
  const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    const end = performance.now() + readyLimitMs;
    while (!(await holds())) {
      if (performance.now() > end)
        throw new Error(`waited ${readyLimitMs / 1000} s for ${what}\n${endOfLog(namespace, program)}`);
      await sleep(100);
    }
  };
  const start = async (): Promise<void> => {
    const { [program]: path } = await provisionBinaries();
    startIn(namespace, program, [path, ...flags]);
    await until("Cluster API's controller to convert", async () => await isReady(namespace));
  };
  await convert(management, { url: webhook, ca: facts.authority.certificate });
  await start();
  return {
    start,
    kill: async () => {
      for (const pid of processesIn(namespace, program)) process.kill(pid, "SIGKILL");
      await until("Cluster API's controller to end", async () => !running());
    },
  };
}

const flags = [
  ...["--kubeconfig", pathInside("controller.yaml"), "--leader-elect=false"],
  ...["--webhook-port", "19443", "--webhook-cert-dir", pathInside("")],
  ...["--diagnostics-address", "127.0.0.1:18443", "--health-addr", "127.0.0.1:19440"],
];

/** Its own check holds once the webhook listens. */
const question = `fetch("http://127.0.0.1:19440/readyz").then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;

async function isReady(namespace: Namespace): Promise<boolean> {
  try {
    await runInNetwork(namespace, [process.execPath, "--eval", question]);
    return true;
  } catch {
    return false;
  }
}
