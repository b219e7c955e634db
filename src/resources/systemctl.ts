import { type Host, HostFault } from "../host/host.ts";

/** A service as systemd sees it. */
export interface UnitStatus {
  /** `loaded`, `masked`, `not-found`. */
  readonly load: string;
  /** `active`, `activating`, `failed`, `inactive`. */
  readonly active: string;
  /** `success`, `exit-code`, `signal`: how the last run ended. */
  readonly result: string;
  /** 0 when it does not run. */
  readonly mainPid: number;
  /** Automatic restarts since it was last started by hand. */
  readonly restarts: number;
  /** When the main process was started, milliseconds since the epoch; 0 for never. */
  readonly startedAt: number;
  readonly user: string;
  readonly group: string;
}

const properties = "LoadState,ActiveState,Result,MainPID,NRestarts,ExecMainStartTimestamp,User,Group";

/** `Sun 2026-11-22 23:31:12.123456 UTC`, as `--timestamp=us+utc` prints it; an empty text is never. */
function parseTimestamp(text: string): number {
  const match = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)? UTC/.exec(text);
  if (match === null) return 0;
  return Date.parse(`${match[1]}T${match[2]}Z`) + Number(match[3] ?? 0) * 1000;
}

/** What `systemctl show` says of one unit; a unit that does not exist has load `not-found`. */
export async function showUnit(host: Host, unit: string): Promise<UnitStatus> {
  const argv = ["systemctl", "show", unit, `--property=${properties}`, "--timestamp=us+utc"];
  const result = await host.run(argv, { timeoutMs: 30_000 });
  if (!result.ok) {
    throw new HostFault(
      `systemctl show ${unit} failed: ${result.stderr.trim() || `exit code ${result.code}`}`,
      {
        remedy: "is systemd running on this machine?",
      },
    );
  }
  const values = new Map(
    result.stdout.split("\n").map((line): [string, string] => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
  const text = (key: string) => values.get(key) ?? "";
  return {
    load: text("LoadState"),
    active: text("ActiveState"),
    result: text("Result"),
    mainPid: Number(text("MainPID")),
    restarts: Number(text("NRestarts")),
    startedAt: parseTimestamp(text("ExecMainStartTimestamp")),
    user: text("User"),
    group: text("Group"),
  };
}

/** Restarts a unit, at most for 100 s (TimeoutStopSec of the conductor's unit is 15). */
export async function restartUnit(host: Host, unit: string): Promise<void> {
  await host.run(["systemctl", "reset-failed", unit], { timeoutMs: 30_000 });
  const result = await host.run(["systemctl", "restart", unit], { timeoutMs: 100_000 });
  if (result.ok) return;
  const why = result.timedOut ? "no end after 100 s" : result.stderr.trim().split("\n")[0];
  throw new HostFault(`${unit} could not be restarted: ${why}`, { remedy: `journalctl -u ${unit} -n 50` });
}
