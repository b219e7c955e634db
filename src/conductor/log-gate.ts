import type { Host } from "../host/host.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { showUnit, type UnitStatus } from "../resources/systemctl.ts";
import { type DaemonLog, type LogLine, readLog } from "./daemon-log.ts";
import { services } from "./paths.ts";

/** The conductor polls clusters once a minute (`[kubernetes] health_polling_interval`), for the first time after one. */
export const firstPollMs = 75_000;
/** Loops are started anew at each poll (magnum/service/periodic.py): what failed before the last two is over. */
const recentMs = 150_000;

const configError = /\bConfig(?:Files?|Dir)\w*Error: .*/;
const deadLoop = /looping call '([^']+)' failed: (.*)$/;

/** Packages and names of exceptions of what the conductor talks to: they come and go without the driver. */
const foreignPackage =
  /^(requests|urllib3|http|ssl|socket|oslo_messaging|oslo_db|sqlalchemy|pymysql|sqlite3|amqp|kombu|keystone\w*|\w+client|openstack)\./;
const foreignName = /Connection|Timeout|TimedOut|Unreachable|Unavailable|Authorization|Unauthorized/;

/** A loop that failed, and the lines of its traceback. */
interface Failure {
  readonly loop: string;
  readonly error: string;
  readonly trace: readonly string[];
}

function failureAt(lines: readonly LogLine[], index: number): Failure | undefined {
  const line = lines[index];
  const match = line === undefined ? null : deadLoop.exec(line.text);
  if (line === undefined || match === null) return undefined;
  const end = lines.findIndex((it, at) => at > index && (it.pid !== line.pid || it.level !== line.level));
  const trace = lines.slice(index + 1, end === -1 ? undefined : end).map(({ text }) => text);
  return { loop: match[1]?.split(".").at(-1) ?? "", error: match[2] ?? "", trace };
}

function isForeign({ error }: Failure): boolean {
  const type = /^[\w.]+/.exec(error)?.[0] ?? "";
  return foreignPackage.test(type) || foreignName.test(type.split(".").at(-1) ?? "");
}

function namesDriver({ error, trace }: Failure): boolean {
  return [error, ...trace].some((line) => /magnum_capi_helm|magnum\/drivers\/|JSONDecodeError/.test(line));
}

function judgeFailure(service: string, failure: Failure, source: string): GateState {
  const what = `${failure.loop} of ${service} fails: ${failure.error} (${source})`;
  if (!isForeign(failure) && namesDriver(failure))
    return closed("operator", what, "capi-graft rollback, or read its log");
  return closed("note", what, "restart it if this stays when that answers");
}

function judgeLines({ source, lines }: DaemonLog, service: string, now: number): GateState | undefined {
  const recent = lines.filter(({ at }) => Math.abs(now - at) < recentMs);
  const config = recent.findLast(({ text }) => configError.test(text));
  if (config !== undefined) {
    const what = configError.exec(config.text)?.[0] ?? "";
    return closed("operator", `${service}: ${what} (${source})`, "capi-graft rollback, or read its log");
  }
  const failures = recent.flatMap((_, index) => failureAt(recent, index) ?? []);
  const states = failures.map((failure) => judgeFailure(service, failure, source));
  return states.find((it) => it.state === "closed" && it.cure === "operator") ?? states.at(-1);
}

/**
 * In the last two polls, and since its start, the service has logged no broken configuration file and no failed loop.
 * Read when the process is `restMs` old.
 */
export function logGate(service: string, restMs: number): Gate {
  return {
    id: `${service}-log`,
    title: `${service} logs no broken configuration and no failed loop`,
    check: async (host) => {
      for (let waited = 0; ; waited += 1_000) {
        const status = await showUnit(host, service);
        const age = host.now().getTime() - status.startedAt;
        if (status.mainPid === 0 || age >= restMs || waited >= restMs)
          return await judgeLog(host, service, status);
        await host.sleep(1_000);
      }
    },
  };
}

async function judgeLog(host: Host, service: string, status: UnitStatus): Promise<GateState> {
  if (status.load === "masked") return { state: "not checked", reason: "masked: the principal is paused" };
  if (status.mainPid === 0)
    return { state: "not checked", reason: `${service} is not running (${status.active})` };
  const log = await readLog(host, service, status);
  const now = host.now().getTime();
  const found = judgeLines(log, service, now);
  if (found !== undefined) return found;
  const seconds = Math.floor((now - status.startedAt) / 1_000);
  if (service !== services.conductor || seconds * 1_000 >= firstPollMs) return open(log.source);
  return { state: "not checked", reason: `it polls a minute after its start, which is ${seconds} s ago` };
}
