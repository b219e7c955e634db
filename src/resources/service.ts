import { type Host, HostFault, readText } from "../host/host.ts";
import { closed, type Gate, open } from "../reconcile/gate.ts";
import type { Resource, ResourceId, State } from "../reconcile/resource.ts";
import { ownership, root } from "./owner.ts";
import { restartUnit, showUnit, type UnitStatus } from "./systemctl.ts";

/** Something that a service reads once, when it starts. */
export interface ServiceInput {
  readonly name: string;
  /** The digest that the running process must have read; without it, whatever is there now. */
  readonly desired?: string;
  /** What is there now, and since when (milliseconds since the epoch). */
  read(host: Host): Promise<{ readonly digest: string; readonly changedAt: number }>;
}

interface ServiceOptions {
  readonly unit: string;
  readonly inputs: readonly ServiceInput[];
  /** Directory of the records of what the running processes have read. */
  readonly records: string;
  /** Whether it has to run; otherwise only a running process is held to its inputs. */
  readonly mustRun: boolean;
  /** Whether it is started also where it seems to be stopped on purpose: one that a change brought down may look so. */
  readonly startsStopped?: boolean;
  readonly gates?: readonly Gate[];
  /** Closed while it is to be left alone. */
  readonly deferral?: Gate;
  readonly follows?: readonly ResourceId[];
  /** Its state; unless given, what systemd says of it. */
  readonly status?: (host: Host) => Promise<UnitStatus>;
}

function statusOf(host: Host, { unit, status }: ServiceOptions): Promise<UnitStatus> {
  return status === undefined ? showUnit(host, unit) : status(host);
}

/** What one process, known by its pid and start, read of each input. */
interface ProcessRecord {
  readonly pid: number;
  readonly startedAt: number;
  readonly inputs: Readonly<Record<string, string>>;
  /** In the mark of a restart: the record of the process that was to end, which may run on. */
  readonly before?: ProcessRecord;
}

type Reading = { readonly input: ServiceInput; readonly digest: string; readonly changedAt: number };

function recordPath(options: Pick<ServiceOptions, "records" | "unit">): string {
  return `${options.records}/${options.unit}.json`;
}

async function lastRecord(host: Host, options: ServiceOptions): Promise<ProcessRecord | undefined> {
  const text = await readText(host.fs, recordPath(options));
  return text === undefined ? undefined : (JSON.parse(text) as ProcessRecord);
}

async function readRecord(
  host: Host,
  options: ServiceOptions,
  status: UnitStatus,
): Promise<ProcessRecord | undefined> {
  const last = await lastRecord(host, options);
  const isOf = (it: ProcessRecord | undefined) =>
    it?.pid === status.mainPid && it.startedAt === status.startedAt;
  return [last, last?.before].find(isOf);
}

function readAll(host: Host, inputs: readonly ServiceInput[]): Promise<readonly Reading[]> {
  return Promise.all(inputs.map(async (input) => ({ input, ...(await input.read(host)) })));
}

/** The inputs that the process has not read as they are wanted: by its record, or by their times where it has none. */
function stale(
  readings: readonly Reading[],
  status: UnitStatus,
  record: ProcessRecord | undefined,
): readonly string[] {
  const old = readings.filter(({ input, digest, changedAt }) => {
    const wanted = input.desired ?? digest;
    if (record !== undefined) return record.inputs[input.name] !== wanted;
    return digest !== wanted || changedAt >= status.startedAt;
  });
  return old.map(({ input }) => input.name);
}

/** Writes down what the running process has read, when that is known, so that a repaired drift needs no restart. */
export async function recordProcess(host: Host, options: ServiceOptions): Promise<void> {
  const status = await statusOf(host, options);
  if (status.mainPid === 0 || (await readRecord(host, options, status)) !== undefined) return;
  const readings = await readAll(host, options.inputs);
  if (stale(readings, status, undefined).length > 0) return;
  await writeRecord(host, options, status, readings);
}

async function writeRecord(
  host: Host,
  options: ServiceOptions,
  status: UnitStatus,
  readings: readonly Reading[],
): Promise<void> {
  const inputs = Object.fromEntries(readings.map(({ input, digest }) => [input.name, digest]));
  await putRecord(host, options, { pid: status.mainPid, startedAt: status.startedAt, inputs });
}

/** Stands where a record does while a restart of ours is under way: who finds the service down then did not stop it. */
const ourRestart: ProcessRecord = { pid: 0, startedAt: 0, inputs: {} };

async function markRestart(host: Host, options: ServiceOptions): Promise<void> {
  const last = await lastRecord(host, options);
  const before = last?.before ?? last;
  await putRecord(host, options, { ...ourRestart, ...(before === undefined ? {} : { before }) });
}

async function putRecord(host: Host, options: ServiceOptions, record: ProcessRecord): Promise<void> {
  await host.fs.makeDirectory(options.records, ownership(root, "0700"));
  await host.fs.write(recordPath(options), `${JSON.stringify(record)}\n`, ownership(root, "0600"));
}

/**
 * A running service whose process has read its inputs as they are wanted now. Whether to restart is read off the
 * machine: a record ties a process (pid and start) to the digests that it read; where there is none, the process must
 * have started after the last change of every input.
 */
export function service(options: ServiceOptions): Resource {
  const { unit } = options;
  const stopped = options.startsStopped === true ? [] : [notStopped(options)];
  return {
    id: `service:${unit}`,
    desired: options.mustRun ? { active: "active", inputs: "current" } : { inputs: "current" },
    gates: [notPaused(unit), ...stopped, ...(options.gates ?? [])],
    ...(options.deferral === undefined ? {} : { deferral: options.deferral }),
    ...(options.follows === undefined ? {} : { follows: options.follows }),
    observe: (host) => observeService(host, options),
    apply: async (host) => {
      const readings = await readAll(host, options.inputs);
      await markRestart(host, options);
      await restartUnit(host, unit);
      const status = await showUnit(host, unit);
      if (status.mainPid !== 0) return await writeRecord(host, options, status, readings);
      if (!options.mustRun) return;
      const came = `${unit} came down after its restart (${status.active})`;
      throw new HostFault(came, { remedy: `journalctl -u ${unit} -n 50` });
    },
  };
}

async function observeService(host: Host, options: ServiceOptions): Promise<State> {
  const status = await statusOf(host, options);
  const base = { active: status.active, load: status.load };
  if (status.mainPid === 0) return { ...base, inputs: "current" };
  const record = await readRecord(host, options, status);
  const old = stale(await readAll(host, options.inputs), status, record);
  return { ...base, inputs: old.length === 0 ? "current" : `older than ${old.join(", ")}` };
}

/** Closed while the unit is masked: that is how a paused charm keeps its services down. */
function notPaused(unit: string): Gate {
  return {
    id: `${unit}-not-paused`,
    title: `${unit} is not masked`,
    check: async (host) => {
      const { load } = await showUnit(host, unit);
      if (load !== "masked") return open();
      return closed("note", `${unit} is masked: the principal is paused`, "resume the principal");
    },
  };
}

/** Closed when the unit is down without having failed, and not by our restart: somebody stopped it, and it stays so. */
function notStopped(options: ServiceOptions): Gate {
  const { unit } = options;
  return {
    id: `${unit}-not-stopped`,
    title: `${unit} was not stopped by an operator`,
    check: async (host) => {
      const status = await showUnit(host, unit);
      if (status.load === "masked" || status.active !== "inactive" || status.result !== "success")
        return open();
      if (status.startedAt === 0)
        return closed("time", `${unit} was never started`, `systemctl start ${unit}`);
      if ((await lastRecord(host, options))?.pid === ourRestart.pid)
        return open("a restart of ours was cut short");
      return closed("operator", `${unit} is stopped`, `systemctl start ${unit}`);
    },
  };
}
