import { closed, type Gate, open } from "../reconcile/gate.ts";
import { showUnit } from "../resources/systemctl.ts";

/** That running services may not be restarted now, though all else is well: why, in words for a status. */
export interface ClosedTurn {
  readonly reason: string;
}

/** The gate that a unit waits at while others restart. */
export const turnGateId = "restart-turn";

/** Closed while one of these services runs and may not be restarted. One that is down serves nobody: it is started. */
export function turnGate({ reason }: ClosedTurn, services: readonly string[]): Gate {
  return {
    id: turnGateId,
    title: "it is this unit's turn to restart its services",
    check: async (host) => {
      const units = await Promise.all(services.map((name) => showUnit(host, name)));
      return units.some(({ mainPid }) => mainPid !== 0) ? closed("time", reason, "") : open();
    },
  };
}
