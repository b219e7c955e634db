import { type Host, readText } from "../host/host.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { showUnit, type UnitStatus } from "../resources/systemctl.ts";
import { answersGate } from "./answers-gate.ts";
import { apiService, asDaemon, type Conductor, ownServices } from "./conductor.ts";
import { firstMissing, judgeHelm, takesDropIns } from "./gates.ts";
import { logGate } from "./log-gate.ts";
import { services } from "./paths.ts";
import { msBetween, wordsOf } from "./processes.ts";
import { followWorkers, forksForRequests, type Workers, worksAlone } from "./workers.ts";

const stableMs = 12_000;
const workersMs = 60_000;
const workerMs = 10_000;
/** One look may meet the moment in which a dead worker's place is not filled yet. */
const fewestLooks = 2;
/** So many workers that came and went within seconds are no slow start. */
const manyWorkers = 2;

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

/** How long a gate has looked, by the machine's clock and by its own looks: the clock may be set back meanwhile. */
interface Elapsed {
  readonly age: number;
  readonly looks: number;
}

function isPast(ms: number, { age, looks }: Elapsed): boolean {
  return age >= ms || looks * 1_000 >= ms;
}

/** Whether a worker was started late, on a slow machine or in the place of a dead one: it is watched for 10 s too. */
async function isYoung(
  host: Host,
  { mainPid }: UnitStatus,
  workers: readonly number[],
  { age, looks }: Elapsed,
): Promise<boolean> {
  if (age < stableMs || looks * 1_000 >= 2 * stableMs) return false;
  const ages = await Promise.all(workers.map(async (pid) => age - (await msBetween(host, mainPid, pid))));
  return ages.some((it) => it < workerMs);
}

async function judgeWorkers(
  host: Host,
  subject: { service: string; unit: Conductor; status: UnitStatus },
  { present, steady, lost, gone }: Workers,
  elapsed: Elapsed,
): Promise<GateState | undefined> {
  const { service, unit, status } = subject;
  const logs = `journalctl -u ${service} -n 50`;
  const words = await wordsOf(host, status.mainPid);
  const forks = forksForRequests(words);
  if (!forks && lost.length > 0)
    return closed("operator", `${service} lost its worker ${lost.join(", ")}: it keeps its MainPID`, logs);
  if (!isPast(stableMs, elapsed) || elapsed.looks + 1 < fewestLooks) return undefined;
  const kept = (workers: string) =>
    open(`MainPID ${status.mainPid}, ${workers}, ${status.restarts} automatic restarts`);
  if (forks) return kept("a process for each request");
  if (await isYoung(host, status, present, elapsed)) return undefined;
  if (steady.length > 0) return kept(steady.length === 1 ? "1 worker" : `${steady.length} workers`);
  if (gone > manyWorkers) return closed("operator", `${service} keeps losing its workers`, logs);
  if (await worksAlone(host, unit, words)) return kept("no workers of its own");
  if (!isPast(workersMs, elapsed)) return undefined;
  return closed("operator", `${service} has no worker`, logs);
}

/**
 * The service keeps its main process for 12 s (a crash loop takes 2 to 4 s a turn) and all of its workers, which a
 * daemon starts anew under the same MainPID, and gets a worker within 60 s where it works with any.
 */
export function stableGate(service: string, unit: Conductor): Gate {
  return {
    id: `${service}-stable`,
    title: `${service} has kept its MainPID and its workers for 12 s`,
    check: async (host) => {
      const first = await showUnit(host, service);
      const look = followWorkers();
      for (let looks = 0; ; looks += 1) {
        const status = looks === 0 ? first : await showUnit(host, service);
        const stopped = judgeRunning(service, first, status);
        if (stopped !== undefined) return stopped;
        const elapsed = { age: host.now().getTime() - status.startedAt, looks };
        const workers = await look(host, status.mainPid);
        const state = await judgeWorkers(host, { service, unit, status }, workers, elapsed);
        if (state !== undefined) return state;
        await host.sleep(1_000);
      }
    },
  };
}

/**
 * The running conductor's own command line takes the drop-ins, its own PATH finds helm, and its environment has the
 * proxies that are wanted.
 */
export function liveGate(
  unit: Conductor,
  version: string,
  proxies: Readonly<Record<string, string>> = {},
): Gate {
  const more = Object.keys(proxies).length === 0 ? "" : ", and has the model's proxies";
  return {
    id: `${services.conductor}-live`,
    title: `the running conductor has --config-dir and finds helm${more}`,
    check: async (host) => {
      const { mainPid, load } = await showUnit(host, services.conductor);
      if (load === "masked")
        return closed("note", "the conductor is masked: the principal is paused", "resume the principal");
      if (mainPid === 0)
        return closed("operator", "the conductor is not running", "systemctl start magnum-conductor");
      if (!takesDropIns(await wordsOf(host, mainPid))) {
        return closed(
          "operator",
          `${services.conductor} runs without --config-dir`,
          "systemctl restart magnum-conductor",
        );
      }
      const environment = (await readText(host.fs, `/proc/${mainPid}/environ`)) ?? "";
      const missing = firstMissing(environment, proxies);
      if (missing !== undefined) {
        const reason = `the conductor has another ${missing} than the model`;
        return closed("operator", reason, "systemctl restart magnum-conductor");
      }
      const path =
        environment
          .split("\0")
          .find((it) => it.startsWith("PATH="))
          ?.slice("PATH=".length) ?? "";
      const find = "command -v helm && helm version --template '{{.Version}}'";
      const argv = [...asDaemon(unit, path), "/bin/sh", "-c", find];
      return judgeHelm(await host.run(argv, { timeoutMs: 30_000 }), version);
    },
  };
}

/** What has to come to rest after a start: the processes, the API's answer, and what both log. It takes 12 to 60 s. */
export function restGates(unit: Conductor): readonly Gate[] {
  const own = ownServices(unit);
  const stable = own.map((service) => stableGate(service, unit));
  const answers = own.includes(apiService(unit)) ? [answersGate(unit)] : [];
  return [...stable, ...answers, ...own.map((service) => logGate(service, stableMs))];
}
