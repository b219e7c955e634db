import type { Host } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { type Gate, type GateState, open } from "../../src/reconcile/gate.ts";
import type { Resource, ResourceId, State } from "../../src/reconcile/resource.ts";

type ToyOptions = Partial<Pick<Resource, "preflight" | "gates" | "follows" | "apply">>;

/** A machine of named states instead of files, for tests of the engine: what happened on it is in `events`. */
export function toyMachine(states: Record<ResourceId, State> = {}) {
  const now = new Map(Object.entries(states) as [ResourceId, State][]);
  const events: string[] = [];
  const toy = (id: ResourceId, desired: Resource["desired"], more: ToyOptions = {}): Resource => ({
    id,
    desired,
    observe: async () => {
      events.push(`observe ${id}`);
      return now.get(id) ?? "absent";
    },
    ...more,
    apply: async (host, change) => {
      events.push(`apply ${id}`);
      if (more.apply) return await more.apply(host, change);
      if (desired === "absent") now.delete(id);
      else now.set(id, { ...now.get(id), ...desired });
    },
  });
  const gate = (id: string, state: GateState | ((host: Host) => Promise<GateState>) = open()): Gate => ({
    id,
    title: `${id} holds`,
    check: async (host) => {
      events.push(`judge ${id}`);
      return typeof state === "function" ? await state(host) : state;
    },
  });
  const applied = () => events.filter((event) => event.startsWith("apply "));
  return { host: memoryHost(), now, events, toy, gate, applied };
}
