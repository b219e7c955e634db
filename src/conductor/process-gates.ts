import { type Host, readText } from "../host/host.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { showUnit, type UnitStatus } from "../resources/systemctl.ts";
import { asDaemon, type Conductor } from "./conductor.ts";
import { judgeHelm, takesDropIns } from "./gates.ts";
import { services } from "./paths.ts";

const stableMs = 12_000;
const workersMs = 60_000;

async function children(host: Host, pid: number): Promise<number> {
  const text = await readText(host.fs, `/proc/${pid}/task/${pid}/children`);
  return text === undefined
    ? 0
    : text
        .trim()
        .split(/\s+/)
        .filter((it) => it !== "").length;
}

function judgeRunning(service: string, first: UnitStatus, now: UnitStatus): GateState | undefined {
  const logs = `journalctl -u ${service} -n 50`;
  if (now.load === "masked")
    return closed("note", `${service} is masked: the principal is paused`, "resume the principal");
  if (now.mainPid === 0) return closed("operator", `${service} is not running (${now.active})`, logs);
  if (now.mainPid !== first.mainPid || now.restarts !== first.restarts) {
    return closed("operator", `${service} keeps restarting`, logs);
  }
  return undefined;
}

async function judgeAge(host: Host, service: string, status: UnitStatus): Promise<GateState | undefined> {
  const age = host.now().getTime() - status.startedAt;
  if (age < stableMs) return undefined;
  const workers = await children(host, status.mainPid);
  if (workers > 0)
    return open(`MainPID ${status.mainPid}, ${workers} workers, ${status.restarts} automatic restarts`);
  if (age < workersMs) return undefined;
  return closed("operator", `${service} has no worker`, `journalctl -u ${service} -n 50`);
}

/** The service keeps its main process for 12 s (a crash loop takes 2 to 4 s a turn), and gets a worker within 60 s. */
export function stableGate(service: string): Gate {
  return {
    id: `${service}-stable`,
    title: `${service} has kept its MainPID for 12 s, with a worker`,
    check: async (host) => {
      const first = await showUnit(host, service);
      for (;;) {
        const now = await showUnit(host, service);
        const state = judgeRunning(service, first, now) ?? (await judgeAge(host, service, now));
        if (state !== undefined) return state;
        await host.sleep(1_000);
      }
    },
  };
}

/** The running conductor's own command line takes the drop-ins, and its own PATH finds helm. */
export function liveGate(unit: Conductor, version: string): Gate {
  return {
    id: `${services.conductor}-live`,
    title: "the running conductor has --config-dir and finds helm",
    check: async (host) => {
      const { mainPid, load } = await showUnit(host, services.conductor);
      if (load === "masked")
        return closed("note", "the conductor is masked: the principal is paused", "resume the principal");
      if (mainPid === 0)
        return closed("operator", "the conductor is not running", "systemctl start magnum-conductor");
      const words = ((await readText(host.fs, `/proc/${mainPid}/cmdline`)) ?? "").split("\0");
      if (!takesDropIns(words)) {
        return closed(
          "operator",
          "the running conductor has no --config-dir",
          "systemctl restart magnum-conductor",
        );
      }
      const environment = ((await readText(host.fs, `/proc/${mainPid}/environ`)) ?? "").split("\0");
      const path = environment.find((it) => it.startsWith("PATH="))?.slice("PATH=".length) ?? "";
      const find = "command -v helm && helm version --template '{{.Version}}'";
      const result = await host.run([...asDaemon(unit, path), "/bin/sh", "-c", find], { timeoutMs: 30_000 });
      return judgeHelm(result.stdout, version);
    },
  };
}
