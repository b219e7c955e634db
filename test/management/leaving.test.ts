import { describe, expect, test } from "vitest";
import { refusalMessage, statusMessage } from "../../src/juju/message.ts";
import {
  type Grafted,
  isAnotherManagement,
  judgeLeaving,
  type ManagementIdentity,
  mayLeave,
  type Step,
} from "../../src/management/leaving.ts";
import type { OwnedClusters } from "../../src/management/live-objects.ts";

const here: ManagementIdentity = { server: "https://10.0.0.5:6443", ca: "CA one\n", uid: "u1" };
const there: ManagementIdentity = { server: "https://10.0.0.6:6443", ca: "CA two\n", uid: "u2" };
const from: Grafted = { driver: "1.4.0", management: here };
const some = (count: number, more = false): OwnedClusters => ({ count, namespaces: {}, more });
const judge = (step: Partial<Step>) =>
  judgeLeaving({ from, to: undefined, count: some(3), allowed: false, ...step });

const steps = {
  "a removal": { to: undefined },
  "another management cluster": { to: { ...from, management: there } },
  "an older driver where v1alpha6 is not served": {
    to: { ...from, driver: "1.3.0", servesV1alpha6: false },
  },
  "an older driver where nobody knows whether v1alpha6 is served": { to: { ...from, driver: "1.3.0" } },
} as const;

describe.each(Object.entries(steps))("%s", (_, step) => {
  test("is refused while there are clusters, with their number, and counted for", () => {
    expect(mayLeave({ from, ...step })).toBe(true);
    for (const [count, words] of [
      [some(1), "1 cluster"],
      [some(3), "3 clusters"],
      [some(20_000, true), "20000 clusters or more"],
    ] as const) {
      const refusal = judge({ ...step, count });
      expect(refusal?.reason).toContain(words);
      expect(refusal?.accepted).toContain(words);
    }
  });

  test("is refused where they can't be counted", () => {
    const count = { fault: "tcp", cure: "time", reason: "gone", remedy: "wait" } as const;
    expect(judge({ ...step, count })?.reason).toContain("uncounted clusters");
  });

  test("is free without clusters, and where the operator allows it", () => {
    expect(judge({ ...step, count: some(0) })).toBeUndefined();
    expect(judge({ ...step, allowed: true })).toBeUndefined();
    expect(judge({ ...step, count: some(0, true) })).toBeDefined();
  });

  test("has its reason and its option in a status in full", () => {
    const refusal = judge({ ...step, count: some(5_000) });
    if (refusal === undefined) throw new Error("it is not refused");
    const { option, value, accepted, reason, remedy } = refusal;
    expect(refusalMessage(option, value, accepted)).toBe(`${option}: ${value}; accepted: ${accepted}`);
    // A removal has no status.
    const lead = option === "abandon-clusters" ? "" : "not changed, clusters-kept: ";
    expect(statusMessage(reason, remedy, lead)).toBe(`${lead}${reason}; next: ${remedy}`);
    expect(`${accepted} ${remedy}`).toContain(
      option === "abandon-clusters" ? "true" : "abandon-clusters=true",
    );
  });
});

describe("nothing is left behind by", () => {
  test.each([
    ["the same again", { ...from }],
    ["another driver that reads the same", { ...from, driver: "1.4.1" }],
    ["an older driver where v1alpha6 is served", { ...from, driver: "1.3.0", servesV1alpha6: true }],
    ["a moved server of the same cluster", { ...from, management: { ...there, uid: "u1" } }],
  ])("%s", (_, to) => {
    expect(mayLeave({ from, to })).toBe(false);
    expect(judge({ to })).toBeUndefined();
  });

  test("a newer driver, or an older one that stays older", () => {
    const old: Grafted = { ...from, driver: "1.3.0" };
    expect(mayLeave({ from: old, to: from })).toBe(false);
    expect(mayLeave({ from: old, to: { ...old, driver: "1.2.1" } })).toBe(false);
  });
});

describe("two kubeconfigs", () => {
  const { uid: _, ...unread } = here;

  test.each([
    ["of the same uid are of one cluster", here, { ...there, uid: "u1" }, false],
    ["of different uids are not, even at one address", here, { ...here, uid: "u2" }, true],
    ["without a uid are told apart by the server", unread, { ...unread, server: there.server }, true],
    ["without a uid are told apart by the authority", unread, { ...unread, ca: there.ca }, true],
    ["of which one has no uid are compared by the rest", here, { ...unread, ca: "CA one" }, false],
  ])("%s", (_name, a, b, another) => {
    expect(isAnotherManagement(a, b)).toBe(another);
    expect(isAnotherManagement(b, a)).toBe(another);
  });
});
