import type { Host } from "../host/host.ts";
import type { ChangeEnd } from "./change.ts";
import { appendUnlessSaid } from "./heal.ts";
import { healRecordOf } from "./heal-log.ts";

/** Writes into the heal log what became of a change that did not hold; nothing for one that did. */
export async function logRevert(host: Host, end: ChangeEnd, trigger: string, began: Date): Promise<void> {
  if (end.hold === undefined) return;
  const { source, reason } = end.hold;
  const record = healRecordOf(end.back ?? end.report, {
    kind: "revert",
    at: began.toISOString(),
    trigger,
    gate: { id: source, reason },
    cause: { what: "a change that did not hold", evidence: [] },
    seconds: Math.max(0, (host.now().getTime() - began.getTime()) / 1000),
  });
  await appendUnlessSaid(host, record);
}
