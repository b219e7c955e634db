import type { HealRecord } from "../conductor/heal-log.ts";
import { type Paint, renderValue } from "./render.ts";

type Healed = HealRecord["changes"][number];

/** Lines of a log that somebody else writes may hold escape codes: a terminal never gets them. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "?");
}

function found({ id, action, drift }: Healed): string {
  if (action === "create") return `${id}: absent`;
  if (action === "delete") return `${id}: there`;
  const keys = drift.map((it) => `${it.key} ${renderValue(it.observed)}, wanted ${renderValue(it.desired)}`);
  return `${id}: ${keys.join("; ")}`;
}

const outcomes = {
  changed: "repaired",
  drifted: "left as it is",
  held: "held back",
  skipped: "skipped",
  failed: "failed",
} as const;

function done(record: HealRecord): readonly string[] {
  const counted = Object.entries(outcomes).flatMap(([outcome, words]) => {
    const count = record.changes.filter((it) => it.outcome === outcome).length;
    return count === 0 ? [] : [`${count} ${words}`];
  });
  const { gate } = record;
  return [
    counted.length === 0 ? "nothing" : counted.join(", "),
    ...(gate === undefined ? [] : [`${gate.id}: ${gate.reason}`]),
  ];
}

function entry(label: string, [first = "", ...more]: readonly string[]): readonly string[] {
  return [`  ${label.padEnd(9)} ${first}`, ...more.map((line) => `${" ".repeat(12)}${line}`)].map(printable);
}

function seconds(count: number): string {
  return `${Math.round(count * 10) / 10} s`;
}

function renderRecord(record: HealRecord, color: Paint): string {
  const at = `${record.at.slice(0, 19).replace("T", " ")} UTC`;
  const { what, evidence } = record.cause;
  const restarts = record.restarts.length === 0 ? ["none"] : [record.restarts.join(", ")];
  return [
    `${color("bold", at)}  ${printable(`${record.kind}, ${record.trigger}, ${seconds(record.seconds)}`)}`,
    ...entry("found", record.changes.length === 0 ? ["nothing"] : record.changes.map(found)),
    ...entry("cause", [what, ...evidence]),
    ...entry("done", done(record)),
    ...entry("restarts", restarts),
  ].join("\n");
}

/** The heal log as text, oldest first: what was found, the likely cause with its evidence, what was done, the restarts. */
export function renderHealLog(records: readonly HealRecord[], color: Paint): string {
  if (records.length === 0) return "nothing was found to repair\n";
  return `${records.map((record) => renderRecord(record, color)).join("\n")}\n`;
}
