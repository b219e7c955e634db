import { type Host, HostFault } from "../host/host.ts";
import type { UnitStatus } from "../resources/systemctl.ts";
import { childrenOf, wordsOf } from "./processes.ts";

/** What a daemon's main process and its workers have logged since it started, as far back as was read. */
export interface DaemonLog {
  /** The file, or `the journal`. */
  readonly source: string;
  readonly lines: readonly LogLine[];
}

/** A line as oslo.log writes it: `2026-11-23 14:15:35.997 2022 ERROR oslo.service.loopingcall [-] TEXT`. */
export interface LogLine {
  /** Milliseconds since the epoch; the log has local time. */
  readonly at: number;
  readonly pid: number;
  readonly level: string;
  readonly text: string;
}

const tailBytes = 1024 * 1024;

/** oslo.log's colours, which it writes to the journal as well. */
const colours = new RegExp(`${String.fromCharCode(0x1b)}\\[[0-9;]*m`, "g");

const prefix = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3}) (\d+) ([A-Z]+) \S+ ?/;

/** Lines without a prefix, such as a traceback on standard error, belong to the line before them. */
function parseLines(lines: readonly string[], first: LogLine): readonly LogLine[] {
  let last = first;
  return lines.map((line) => {
    const match = prefix.exec(line);
    if (match === null) return { ...last, text: line };
    const [whole, day, time, pid, level = ""] = match;
    const at = new Date(`${day}T${time}`).getTime();
    last = { at, pid: Number(pid), level, text: line.slice(whole.length) };
    return last;
  });
}

async function logFileOf(host: Host, mainPid: number): Promise<string | undefined> {
  const words = await wordsOf(host, mainPid);
  for (const [index, word] of words.entries()) {
    if (word.startsWith("--log-file=")) return word.slice("--log-file=".length);
    if (word === "--log-file") return words[index + 1];
  }
  const output = await host.fs.readLink(`/proc/${mainPid}/fd/2`);
  if (output !== undefined && /^\/(?!dev\/|proc\/)/.test(output)) return output;
  return await openLog(host, mainPid);
}

/** The log file that a daemon has open: `log_file` or `log_dir` in its configuration is not on its command line. */
async function openLog(host: Host, mainPid: number): Promise<string | undefined> {
  const folder = `/proc/${mainPid}/fd`;
  const names = (await host.fs.list(folder)) ?? [];
  const targets = await Promise.all(names.map((name) => host.fs.readLink(`${folder}/${name}`)));
  return targets.find((target) => target?.startsWith("/") && target.endsWith(".log"));
}

async function read(host: Host, argv: readonly string[], what: string): Promise<string> {
  const result = await host.run(argv, { timeoutMs: 10_000 });
  if (result.ok) return result.stdout;
  const why = result.timedOut ? "no answer within 10 s" : result.stderr.trim().split("\n")[0];
  throw new HostFault(`${what} can't be read: ${why}`, { cure: "note", remedy: `look at ${what}` });
}

/** A main process names itself when it starts: the lines before that are another's, also where pids come again. */
function sinceStart(lines: readonly string[], mainPid: number): readonly string[] | undefined {
  const marks = [`Starting server in PID ${mainPid}`, `spawned uWSGI master process (pid: ${mainPid})`];
  const start = lines.findLastIndex((line) => marks.some((mark) => line.endsWith(mark)));
  return start === -1 ? undefined : lines.slice(start);
}

/**
 * The end of what a running service has logged: its `--log-file`, else the file that it writes to, else the journal. At
 * most the last MiB is read. Where the start of the process is further back, its lines are known by its pids.
 * @throws HostFault where the log can't be read
 */
export async function readLog(host: Host, service: string, status: UnitStatus): Promise<DaemonLog> {
  const { mainPid, startedAt } = status;
  const file = await logFileOf(host, mainPid);
  const since = `@${Math.floor(startedAt / 1_000)}`;
  const journal = ["journalctl", "-u", service, `--since=${since}`, "--no-pager", "-o", "cat", "-n", "8000"];
  const argv = file === undefined ? journal : ["tail", "-c", String(tailBytes), "--", file];
  const source = file ?? "the journal";
  const all = (await read(host, argv, source)).replaceAll(colours, "").split("\n");
  const own = sinceStart(all, mainPid);
  const lines = parseLines(own ?? all, {
    at: startedAt,
    pid: own === undefined ? 0 : mainPid,
    level: "",
    text: "",
  });
  if (own !== undefined) return { source, lines };
  const pids = new Set([mainPid, ...(await childrenOf(host, mainPid))]);
  return { source, lines: lines.filter(({ pid }) => pids.has(pid)) };
}
