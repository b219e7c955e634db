import type { Conductor } from "../rig/conductor.ts";
import { sh } from "../rig/look.ts";

/**
 * Gives a conductor's systemd and some of its services the processors before all that has no real-time priority, as the
 * stopwatch has them: what else goes on on the machine then hardly counts. What systemd starts else stays as it is.
 */
export async function putFirst(conductor: Conductor, services: readonly string[]): Promise<void> {
  const dropIns = services.map((service) => {
    const folder = `/run/systemd/system/${service}.service.d`;
    return `mkdir -p ${folder} && printf '[Service]\\nCPUSchedulingPolicy=rr\\nCPUSchedulingPriority=1\\n' >${folder}/bench.conf`;
  });
  const first =
    "import os; os.sched_setscheduler(1, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))";
  await sh(conductor, [`python3 -c '${first}'`, ...dropIns, "systemctl daemon-reload"].join(" && "));
}
