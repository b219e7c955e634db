import { hookCommand } from "./hook-command.ts";
import { columns, cut } from "./message.ts";
import { byNumber } from "./roll.ts";
import { type UnitStatus, wellMessage } from "./status.ts";

/** Juju's own order, worst first; what is not in it says nothing of the charm. */
const severity = ["error", "blocked", "maintenance", "waiting", "active"];

interface Seen {
  readonly status: string;
  readonly message: string;
}

function isWell({ status, message }: Seen): boolean {
  return status === "active" && message === wellMessage;
}

/** A unit with a note comes before one that is well. */
function rankOf(seen: Seen): number {
  const at = severity.indexOf(seen.status);
  return at === -1 ? severity.length + 1 : at + (isWell(seen) ? 1 : 0);
}

/**
 * The status of the application: that of its worst unit, named where there is more than one and it is not well. Pure.
 * @returns `undefined` where no unit has a status that can be set
 */
export function applicationStatus(units: Readonly<Record<string, Seen>>): UnitStatus | undefined {
  const all = Object.entries(units).toSorted(([a], [b]) => byNumber(a, b));
  const [worst] = all.toSorted(([, a], [, b]) => rankOf(a) - rankOf(b));
  if (worst === undefined) return undefined;
  const [name, { status, message }] = worst;
  if (status === "error") return { status: "blocked", message: `${name}: a hook failed` };
  if (status !== "active" && status !== "blocked" && status !== "waiting" && status !== "maintenance") return;
  const isNamed = all.length > 1 && !isWell(worst[1]);
  return { status, message: isNamed ? cut(`${name}: ${message}`, columns) : message };
}

interface Answer {
  readonly "application-status": Seen & { readonly units?: Readonly<Record<string, Seen>> };
}

/** The same with what the leader notes of all units, which gives way to what is wrong with one of them. Pure. */
export function withNote(status: UnitStatus | undefined, note: string | undefined): UnitStatus | undefined {
  if (status === undefined || note === undefined || status.status !== "active") return status;
  return { status: "active", message: cut(note, columns) };
}

/** What the leader knows beyond what Juju tells it. */
interface Known {
  /** What this unit has just set. */
  readonly own?: UnitStatus;
  readonly note?: string | undefined;
}

/**
 * Sets the application's status to that of its worst unit, where this unit is the leader and it is another one. Which
 * units there are is Juju's to say; what it does not tell is left as it is.
 */
export async function setApplicationStatus({ own, note }: Known): Promise<void> {
  const leader = await hookCommand("is-leader", ["--format=json"]);
  if (leader.code !== 0 || leader.stdout.trim() !== "true") return;
  const answer = await hookCommand("status-get", ["--application", "--include-data", "--format=json"]);
  if (answer.code !== 0) return;
  const { units = {}, ...now } = (JSON.parse(answer.stdout) as Answer)["application-status"];
  const ours = own === undefined ? {} : { [process.env["JUJU_UNIT_NAME"] ?? ""]: own };
  const wanted = withNote(applicationStatus({ ...units, ...ours }), note);
  if (wanted === undefined || (wanted.status === now.status && wanted.message === now.message)) return;
  await hookCommand("status-set", ["--application", wanted.status, "--", wanted.message]);
}
