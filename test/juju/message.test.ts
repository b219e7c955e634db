import { describe, expect, test } from "vitest";
import { refusalMessage, statusMessage } from "../../src/juju/message.ts";

describe("a status message", () => {
  test.each<[title: string, reason: string, remedy: string, lead: string | undefined, message: string]>([
    [
      "is whole where it fits",
      "disk full: ENOSPC",
      "free space",
      undefined,
      "disk full: ENOSPC; next: free space",
    ],
    ["has no next step where nobody knows one", "broken", "", undefined, "broken"],
    [
      "loses the folders of its reason first, never those of its next step",
      "failed to write /etc/magnum/magnum.conf.d/00-capi-helm.conf: ENOSPC",
      "look at /etc/magnum/magnum.conf.d/00",
      undefined,
      "failed to write 00-capi-helm.conf: ENOSPC; next: look at /etc/magnum/magnum.conf.d/00",
    ],
    [
      "then what it says twice",
      "magnum-conductor keeps restarting",
      "journalctl -u magnum-conductor -n 50",
      "reverted, magnum-conductor-stable: ",
      "reverted, magnum-conductor-stable: keeps restarting; next: journalctl -u magnum-conductor -n 50",
    ],
    [
      "then the kind of a resource",
      "magnum-conductor came down after its restart (failed)",
      "journalctl -u magnum-conductor -n 50",
      "reverted, service:magnum-conductor: ",
      "reverted, magnum-conductor: came down after its restart; next: journalctl -u magnum-conductor -n 50",
    ],
    [
      "then its details, the last one first",
      "magnum-capi-helm can't be fetched: https://mirror.example.com/simple/: Connection refused by the proxy",
      "is the index reachable?",
      undefined,
      "magnum-capi-helm can't be fetched: https://mirror.example.com/simple/; next: is the index reachable?",
    ],
    [
      "names a file of the operator's by its resource, and what is wrong with it",
      "driver-wheel: a wheel of magnum (not of magnum-capi-helm)",
      "juju attach-resource magnum-capi-helm driver-wheel=FILE",
      undefined,
      "driver-wheel: a wheel of magnum; next: juju attach-resource magnum-capi-helm driver-wheel=FILE",
    ],
    [
      "cuts what is wrong with it rather than to leave the name alone",
      "kubeconfig: its user has exec, which is not read; accepted: a token, or certificate and key",
      "juju attach-resource magnum-capi-helm kubeconfig=FILE",
      undefined,
      "kubeconfig: its user has exec, which...; next: juju attach-resource magnum-capi-helm kubeconfig=FILE",
    ],
    [
      "is cut where that is not enough",
      "x".repeat(500),
      "free space",
      undefined,
      `${"x".repeat(79)}...; next: free space`,
    ],
    [
      "leaves to the log a next step that takes too much",
      "broken",
      "y".repeat(71),
      undefined,
      "broken; next: the unit's log says how",
    ],
    ["is one line", "a\nb\t\u0007c\u2028d", "e\r\nf", undefined, "a b c d; next: e f"],
  ])("%s", (_, reason, remedy, lead, message) => {
    expect(statusMessage(reason, remedy, lead)).toBe(message);
    expect(message.length).toBeLessThanOrEqual(100);
  });

  test("leaves URLs whole while they fit", () => {
    const reason = `${"helm ".repeat(8)}from http://mirror/helm/helm.tgz, /usr/local/bin/helm`;
    expect(statusMessage(reason, "see helm-url")).toContain("from http://mirror/helm/helm.tgz, helm; next: ");
  });
});

describe("a refusal", () => {
  test.each([
    ["", "an exact version", "chart-version is empty; accepted: an exact version"],
    ["latest", "an exact version", "chart-version: latest; accepted: an exact version"],
    ["v".repeat(90), "an exact version", `chart-version: ${"v".repeat(54)}...; accepted: an exact version`],
    ["v".repeat(90), "w".repeat(90), `chart-version: ${"v".repeat(13)}...; accepted: ${"w".repeat(54)}...`],
  ])("of %j, where %j is accepted, cuts the value first", (value, accepted, message) => {
    expect(refusalMessage("chart-version", value, accepted)).toBe(message);
    expect(message.length).toBeLessThanOrEqual(100);
  });
});
