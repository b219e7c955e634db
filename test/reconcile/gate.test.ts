import { describe, expect, test } from "vitest";
import { HostFault } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { closed, closedOf, type Gate, type GateState, judge, open } from "../../src/reconcile/gate.ts";

function gate(id: string, check: () => Promise<GateState>): Gate {
  return { id, title: `${id} holds`, check };
}

describe("judging gates", () => {
  test("gives each with what it found, in their order, however long each takes", async () => {
    const later = <T>(ms: number, value: T) => new Promise<T>((resolve) => setTimeout(resolve, ms, value));
    const results = await judge(memoryHost(), [
      gate("slow", () => later(30, open("after all"))),
      gate("quick", () => later(0, closed("time", "no answer", "wait"))),
      gate("none", async () => ({ state: "not checked", reason: "not built yet" })),
    ]);
    expect(results).toEqual([
      { id: "slow", title: "slow holds", state: "open", detail: "after all" },
      {
        id: "quick",
        title: "quick holds",
        state: "closed",
        cure: "time",
        reason: "no answer",
        remedy: "wait",
      },
      { id: "none", title: "none holds", state: "not checked", reason: "not built yet" },
    ]);
    expect(closedOf(results).map(({ id }) => id)).toEqual(["quick"]);
  });

  test("goes on with all of them at the same time", async () => {
    let waiting = 0;
    const together = gate("together", async () => {
      waiting += 1;
      while (waiting < 3) await new Promise((resolve) => setImmediate(resolve));
      return open();
    });
    expect(closedOf(await judge(memoryHost(), [together, together, together]))).toEqual([]);
  });

  test("hands on what a gate says that it waits for", async () => {
    const said: string[] = [];
    const waiting: Gate = {
      id: "waiting",
      title: "waiting holds",
      check: async (_host, say) => {
        say?.("waiting for a thing to end");
        return open();
      },
    };
    expect(closedOf(await judge(memoryHost(), [waiting], (text) => said.push(text)))).toEqual([]);
    expect(said).toEqual(["waiting for a thing to end"]);
    expect(closedOf(await judge(memoryHost(), [waiting]))).toEqual([]);
  });

  test("has a gate closed by a fault of the machine, with its cure and remedy", async () => {
    const broken = gate("broken", async () => {
      throw new HostFault("failed to write /x: ENOSPC", { cure: "time", remedy: "free space" });
    });
    expect(await judge(memoryHost(), [gate("fine", async () => open()), broken])).toEqual([
      { id: "fine", title: "fine holds", state: "open" },
      {
        id: "broken",
        title: "broken holds",
        state: "closed",
        cure: "time",
        reason: "failed to write /x: ENOSPC",
        remedy: "free space",
      },
    ]);
  });

  test("ends when every check has ended, also when one throws", async () => {
    let ended = false;
    const slow = gate("slow", async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      ended = true;
      return open();
    });
    const broken = gate("broken", () => Promise.reject(new TypeError("not a function")));
    await expect(judge(memoryHost(), [broken, slow])).rejects.toThrow(TypeError);
    expect(ended).toBe(true);
  });

  test("throws a defect on", async () => {
    const defect = new TypeError("not a function");
    const broken = gate("broken", () => Promise.reject(defect));
    await expect(judge(memoryHost(), [broken])).rejects.toBe(defect);
  });
});
