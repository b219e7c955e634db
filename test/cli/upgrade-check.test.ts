import { describe, expect, test } from "vitest";
import { memoryHost } from "../../src/host/memory-host.ts";
import { runLine } from "../support/command.ts";
import { kubeconfigText, logins } from "../support/kubeconfigs.ts";
import { memoryApi } from "../support/management/memory-api.ts";
import {
  clusterApiKinds,
  type MemoryKind,
  openstackKinds,
  readyKinds,
} from "../support/management/memory-cluster.ts";

const files = {
  "/root/capi.yaml": "kubeconfig: management.kubeconfig\n",
  "/root/management.kubeconfig": kubeconfigText(),
};

/** What the command says on a machine with a file of options, with a management cluster of these kinds, or none. */
async function call(line: string, kinds?: readonly MemoryKind[]) {
  const users = { [logins.token.token]: { name: "magnum", groups: [] } };
  const api = memoryApi({ users, version: "v1.32.4", ...(kinds === undefined ? {} : { kinds }) });
  const host = memoryHost({ files, ...(kinds === undefined ? {} : { https: api.https }) });
  const said = await runLine(host, line);
  expect(host.commands).toEqual([]);
  return said;
}

describe("capi-graft upgrade-check", () => {
  test("ends with 0 where nothing breaks", async () => {
    expect(await call("upgrade-check --config /root/capi.yaml --capi 1.13.2", readyKinds())).toEqual({
      code: 0,
      out: "driver 1.4.0, chart 0.25.1, Cluster API 1.13.2, judged by what the management cluster serves now\nnothing breaks\n",
      err: "",
    });
  });

  test("ends with 2 where something does, and says what to do", async () => {
    const { code, out } = await call("upgrade-check --config /root/capi.yaml --driver 1.3.0", readyKinds());
    expect(code).toBe(2);
    expect(out.split("\n")).toEqual([
      "driver 1.3.0, chart 0.25.1, judged by what the management cluster serves now",
      "degrades OpenstackCluster: OpenstackCluster v1alpha6 is not served: no cluster gets HEALTHY; next: use driver 1.4.0",
      "note driver: driver 1.3.0 reads no api_resources and no [capi_helm_cluster_labels]",
      "",
    ]);
  });

  test("tells what is so already from what is planned", async () => {
    const kinds = [...clusterApiKinds(), ...openstackKinds()];
    const { out } = await call("upgrade-check --config /root/capi.yaml --chart 0.10.1", kinds);
    expect(out).toContain("breaks already HelmRelease: addons.stackhpc.com is not served; next: install");
    expect(out).toContain("breaks chart: chart 0.10.1 writes OpenStackCluster v1alpha7, which is not served");
  });

  test("goes on by tables alone, without anything to ask, and says so", async () => {
    const { code, out } = await call("upgrade-check --capi 1.16.0");
    expect(code).toBe(2);
    expect(out).toMatch(/judged by tables alone: nothing was applied here, so the options' defaults count\n/);
  });

  test("gives one JSON document", async () => {
    const asked = await call("upgrade-check --config /root/capi.yaml --driver 1.3.0 --json", readyKinds());
    expect(JSON.parse(asked.out)).toMatchObject({
      breaks: true,
      live: true,
      driver: "1.3.0",
      chart: "0.25.1",
      consequences: [
        { effect: "degrades", of: "OpenstackCluster", remedy: "use driver 1.4.0", "is-today": false },
        { effect: "note", of: "driver", remedy: "" },
      ],
    });
    const alone = JSON.parse((await call("upgrade-check --capi 1.15.0 --json")).out);
    expect(alone).toMatchObject({ breaks: false, live: false, capi: "1.15.0" });
    expect(alone["not-asked"]).toMatch(/^nothing was applied here/);
  });
});
