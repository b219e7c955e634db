import type { Host } from "../../../src/host/host.ts";
import type { Program } from "./scripted-host.ts";

/** A service of the fake systemd. */
export interface FakeService {
  load: "loaded" | "masked" | "not-found";
  active: string;
  result: string;
  mainPid: number;
  restarts: number;
  /** Milliseconds since the epoch; 0 for never. */
  startedAt: number;
  user: string;
  group: string;
}

/** systemd's own form with `--timestamp=us+utc`. */
function timestamp(ms: number): string {
  if (ms === 0) return "";
  const [, date, time, fraction] = /^(.+)T(.+)\.(\d+)Z$/.exec(new Date(ms).toISOString()) ?? [];
  const day = new Date(ms).toUTCString().slice(0, 3);
  return `${day} ${date} ${time}.${fraction}000 UTC`;
}

function show(service: FakeService): string {
  return [
    `MainPID=${service.mainPid}`,
    `NRestarts=${service.restarts}`,
    `ExecMainStartTimestamp=${timestamp(service.startedAt)}`,
    `User=${service.user}`,
    `Group=${service.group}`,
    `Result=${service.result}`,
    `LoadState=${service.load}`,
    `ActiveState=${service.active}`,
    "",
  ].join("\n");
}

const notFound: FakeService = {
  load: "not-found",
  active: "inactive",
  result: "success",
  mainPid: 0,
  restarts: 0,
  startedAt: 0,
  user: "",
  group: "",
};

/** A service that has run for an hour. */
export function runningService(more: Partial<FakeService> = {}): FakeService {
  const startedAt = Date.now() - 3_600_000;
  const running = { load: "loaded", active: "active", mainPid: 100, startedAt, user: "magnum" } as const;
  return { ...notFound, ...running, ...more };
}

/** `systemctl` over some services, which tests may change; `onStart` is told of every new main process. */
export function fakeSystemd(
  services: Record<string, FakeService>,
  onStart: (host: Host, name: string, pid: number) => Promise<void> = async () => {},
): Program {
  let lastPid = 1000;
  return async ([program, verb, name = ""], _options, host) => {
    if (program !== "systemctl") return undefined;
    const service = services[name] ?? notFound;
    if (verb === "show") return { stdout: show(service) };
    if (verb === "reset-failed") {
      service.restarts = 0;
      return {};
    }
    if (verb !== "restart") return undefined;
    if (service.load !== "loaded") {
      return {
        code: 1,
        stderr: `Failed to restart ${name}.service: Unit ${name}.service is ${service.load}.\n`,
      };
    }
    lastPid += 1;
    Object.assign(service, { active: "active", result: "success", mainPid: lastPid, startedAt: Date.now() });
    await onStart(host, name, lastPid);
    return {};
  };
}

/** The restarts of services among some commands. */
export function restarts(commands: readonly (readonly string[])[]): readonly string[] {
  return commands
    .filter(([program, verb]) => program === "systemctl" && verb === "restart")
    .map(([, , name]) => name ?? "")
    .filter((name) => !name.includes("."));
}
