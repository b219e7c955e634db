import { expect, test } from "vitest";
import type { Host } from "../../src/host/host.ts";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import type { Outcome } from "../../src/reconcile/report.ts";
import type { Resource } from "../../src/reconcile/resource.ts";

/** One resource on a machine where it is not yet as desired. */
export interface Subject {
  readonly host: Host;
  readonly resource: Resource;
}

/** A way to spoil what was applied, and the keys of the drift that must be named. */
export interface Tampering<S extends Subject> {
  readonly spoil: (subject: S) => Promise<void> | void;
  readonly drift: readonly string[];
}

/** Applies one resource alone, and says what became of it. */
export async function applyAlone(host: Host, resource: Resource): Promise<Outcome> {
  const { outcomes } = await reconcile(host, { resources: [resource], exitGates: [] }, "apply");
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error("a walk over one resource has no outcome");
  return outcome;
}

/** Plans one resource alone: the keys that differ, or "unchanged". */
export async function planAlone(host: Host, resource: Resource): Promise<readonly string[] | "unchanged"> {
  const { outcomes } = await reconcile(host, { resources: [resource], exitGates: [] }, "plan");
  const [outcome] = outcomes;
  return outcome?.outcome === "drifted" ? outcome.change.drift.map(({ key }) => key) : "unchanged";
}

/** What holds for every kind of resource, whatever it is. */
export function fourFacts<S extends Subject>(
  make: () => S | Promise<S>,
  tamperings: Readonly<Record<string, Tampering<S>>>,
): void {
  test("is changed by the first apply", async () => {
    const { host, resource } = await make();
    expect(await planAlone(host, resource)).not.toBe("unchanged");
    expect(await applyAlone(host, resource)).toMatchObject({ outcome: "changed" });
    expect(await planAlone(host, resource)).toBe("unchanged");
  });

  test("is left alone by the second apply", async () => {
    const { host, resource } = await make();
    await applyAlone(host, resource);
    let applied = 0;
    const counted: Resource = {
      ...resource,
      apply: async (...args) => {
        applied += 1;
        await resource.apply(...args);
      },
    };
    expect(await applyAlone(host, counted)).toEqual({ id: resource.id, outcome: "unchanged" });
    expect(applied).toBe(0);
  });

  test.each(Object.entries(tamperings))("is found and repaired when %s", async (_, { spoil, drift }) => {
    const subject = await make();
    const { host, resource } = subject;
    await applyAlone(host, resource);
    await spoil(subject);
    expect(await planAlone(host, resource)).toEqual(drift);
    expect(await applyAlone(host, resource)).toMatchObject({ id: resource.id, outcome: "changed" });
    expect(await planAlone(host, resource)).toBe("unchanged");
  });

  test("has failed when its apply does nothing", async () => {
    const { host, resource } = await make();
    const idle: Resource = { ...resource, apply: async () => {} };
    expect(await applyAlone(host, idle)).toMatchObject({
      outcome: "failed",
      reason: expect.stringContaining(`${resource.id} was applied and did not hold`),
    });
  });
}
