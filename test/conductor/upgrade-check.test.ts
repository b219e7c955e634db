import { describe, expect, test, vi } from "vitest";
import { apply } from "../../src/conductor/graft.ts";
import { checkUpgrade, checkUpgradeOfLast } from "../../src/conductor/upgrade-check.ts";
import type { Host, HttpsServer } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";
import { logins, secrets } from "../support/kubeconfigs.ts";
import { conductorMachine, wish } from "../support/machine/conductor-machine.ts";
import { listing } from "../support/machine/listing.ts";
import { type MemoryApi, memoryApi } from "../support/management/memory-api.ts";
import type { MemoryWorld } from "../support/management/memory-world.ts";

// Room for a machine that is busy with the tests of the rig.
vi.setConfig({ testTimeout: 60_000 });

const users = { [logins.token.token]: { name: "magnum", groups: [] } };

/** A host that reaches a management cluster, and what it asked of whom. */
function reaching(
  host: Host,
  world: Partial<MemoryWorld> = {},
): MemoryApi & { host: Host; servers: HttpsServer[] } {
  const api = memoryApi({ users, version: "v1.32.4", ...world });
  const servers: HttpsServer[] = [];
  const { https } = memoryHost({ https: api.https });
  return {
    ...api,
    servers,
    host: {
      ...host,
      https: (server) => {
        servers.push(server);
        return https(server);
      },
    },
  };
}

async function checked(...args: Parameters<typeof checkUpgrade>) {
  const end = await checkUpgrade(...args);
  if (end.end !== "checked") throw new Error(`refused: ${JSON.stringify(end.refusals)}`);
  return end;
}

describe("a plan for a unit", () => {
  test("is judged by what its management cluster serves now", async () => {
    const { host, requests } = reaching(memoryHost());
    const { check, notAsked } = await checked(host, wish(), { capi: "1.16.0" });
    expect(notAsked).toBeUndefined();
    expect(check).toMatchObject({ isLive: true, breaks: true, capi: "1.16.0", driver: "1.4.0" });
    expect(requests.slice(0, 2)).toEqual(["GET /version", "GET /apis"]);
    expect((await checked(host, wish(), {})).check).toMatchObject({ breaks: false, consequences: [] });
  });

  test("starts from the options of that unit", async () => {
    const { host } = reaching(memoryHost());
    const options = {
      "driver-version": "1.3.0",
      "chart-version": "0.27.0",
      "capi-helm-options": "{api_master_lb_allowed_cidrs: 10.0.0.0/8}",
    };
    const { check } = await checked(host, wish(options), {});
    expect(check).toMatchObject({ driver: "1.3.0", chart: "0.27.0" });
    const reasons = check.consequences.map(({ reason }) => reason);
    expect(reasons).toContainEqual(expect.stringContaining("ignores api_master_lb_allowed_cidrs"));
    expect(reasons).toContainEqual(expect.stringContaining("v1alpha6 is not served"));
  });

  test("takes api-resources as they are told", async () => {
    const { host } = reaching(memoryHost());
    const told = (map: string) => checked(host, wish({ "api-resources": map }), {});
    const { check } = await told('{"Machine": {"api_version": "cluster.x-k8s.io/v1alpha4"}}');
    expect(check.consequences).toMatchObject([{ effect: "degrades", of: "Machine", isToday: true }]);
    expect((await told("auto")).check.breaks).toBe(false);
  });

  test("goes through the model's proxies, as the driver does", async () => {
    const { host, servers } = reaching(memoryHost());
    const proxies = { http: "", https: "http://10.0.0.9:3128", no: "" };
    await checked(host, { ...wish({ "management-no-proxy": false }), proxies }, {});
    expect(servers).toMatchObject([{ proxies: { https: "http://10.0.0.9:3128" } }]);
  });

  test("is judged by tables where the cluster can't be reached, and says so", async () => {
    const { check, notAsked } = await checked(memoryHost(), wish(), { capi: "1.16.0" });
    expect(check).toMatchObject({ isLive: false, breaks: true });
    expect(notAsked).toMatch(/./);
    for (const secret of secrets) expect(notAsked).not.toContain(secret);
  });

  test("the same where the login is refused", async () => {
    const { host } = reaching(memoryHost(), { users: {} });
    const { check, notAsked } = await checked(host, wish(), {});
    expect(check.isLive).toBe(false);
    expect(notAsked).toBe("the API server refuses the kubeconfig's login");
  });

  test("is refused where the options are", async () => {
    const end = await checkUpgrade(memoryHost(), wish({ "chart-version": "latest" }), {});
    expect(end).toMatchObject({ end: "refused", refusals: [{ option: "chart-version" }] });
  });
});

test("where nothing is wanted, the options' defaults count, by tables", async () => {
  const { check, notAsked } = await checked(memoryHost(), undefined, { driver: "1.3.0" });
  expect(check).toMatchObject({ isLive: false, driver: "1.3.0", chart: "0.25.1", breaks: true });
  expect(notAsked).toBe("nothing was applied here, so the options' defaults count");
});

test("a grafted unit is asked for what was last wanted of it, and nothing is written", async () => {
  const machine = await conductorMachine();
  await apply(machine.host, wish({ "chart-version": "0.27.0" }));
  const before = await listing(machine.host, ["/"], { times: true });
  const { host } = reaching(machine.host);
  const { check } = await checkUpgradeOfLast(host, { driver: "1.3.0" });
  expect(check).toMatchObject({ isLive: true, driver: "1.3.0", chart: "0.27.0" });
  expect(await listing(machine.host, ["/"], { times: true })).toEqual(before);
});
