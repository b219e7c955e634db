import { describe, expect, test } from "vitest";
import { chartNotes, judgeChart } from "../../src/management/chart-contract.ts";
import { servedOf } from "../../src/management/discovery.ts";
import { chartKinds } from "../../src/management/kinds.ts";

const chart = (chartVersion: string, chartName = "openstack-cluster") => ({
  chartName,
  chartVersion,
  driverVersion: "1.4.0",
  apiResources: "auto" as const,
});

describe("what a chart writes", () => {
  test.each(["0.10.1", "0.11.0", "0.27.0"])("%s works where all of it is served", (version) => {
    expect(judgeChart(servedOf(chartKinds(version)), chart(version)).state).toBe("ready");
  });

  test.each(chartKinds("0.25.1"))("$kind is missed", ({ kind, group, plural }) => {
    const served = servedOf(chartKinds("0.25.1").filter((it) => it.kind !== kind));
    const { state, reason } = judgeChart(served, chart("0.25.1"));
    expect(state).toBe("broken");
    expect(reason).toMatch(served.hasGroup(group) ? `${plural}.${group} is not served` : `${group} is not`);
  });

  test.each(chartKinds("0.25.1"))("$kind at another version is missed", ({ kind, version }) => {
    const served = servedOf(
      chartKinds("0.25.1").map((it) => (it.kind === kind ? { ...it, version: "v9" } : it)),
    );
    expect(judgeChart(served, chart("0.25.1"))).toMatchObject({
      state: "broken",
      reason: `chart 0.25.1 writes ${kind} ${version}, which is not served`,
    });
  });

  test("the driver's own default, 0.10.1, is not taken for one that works with a newer provider", () => {
    expect(judgeChart(servedOf(chartKinds("0.25.1")), chart("0.10.1"))).toMatchObject({
      state: "broken",
      remedy: "chart-version 0.11.0 or newer",
    });
  });

  test("of another chart nothing is known", () => {
    expect(judgeChart(servedOf([]), chart("0.25.1", "mine")).state).toBe("ready");
  });
});

describe("api_master_lb_allowed_cidrs", () => {
  const option = { allowedCidrs: "10.0.0.0/8" };

  test.each(["0.11.0", "0.23.0", "0.24.0", "0.25.1", "0.27.0"])("is ignored by chart %s", (version) => {
    const notes = chartNotes(chart(version), option);
    expect(notes).toEqual([`chart ${version} ignores api_master_lb_allowed_cidrs: the API is open to all`]);
  });

  test("may be ignored by one that came later", () => {
    expect(chartNotes(chart("0.28.0"), option)).toEqual([
      "chart 0.28.0 may ignore api_master_lb_allowed_cidrs, as 0.27.0 does",
    ]);
  });

  test.each<[string, ReturnType<typeof chart>, string]>([
    ["with a chart that reads it", chart("0.10.1"), "10.0.0.0/8"],
    ["where it is not used", chart("0.25.1"), ""],
    ["with a chart that is not known", chart("0.25.1", "mine"), "10.0.0.0/8"],
  ])("is no matter %s", (_, it, allowedCidrs) => {
    expect(chartNotes(it, { allowedCidrs })).toEqual([]);
  });
});
