import { afterAll, beforeAll, expect, it } from "vitest";
import type { Api } from "../../src/management/api.ts";
import { clusterTotal, countOwned } from "../../src/management/live-objects.ts";
import { clustersApi } from "../support/management/clusters-api.ts";
import type { RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { type Report, sh } from "./look.ts";
import { interfaceTo } from "./management/link.ts";
import { startManagement } from "./management/management.ts";
import { makeNamespace } from "./management/objects.ts";
import type { OwnManagement } from "./management/server.ts";
import { makeSite, type Site } from "./site.ts";

const address = "192.0.2.41";

/** How many clusters the larger of the two management clusters has. */
const many = 5_000;

interface Cost {
  /** By path without names: `POST selfsubjectaccessreviews`. */
  readonly requests: Readonly<Record<string, number>>;
  /** Received by the conductor from the management cluster, TLS and all. */
  readonly bytes: number;
  readonly seconds: number;
}

/** What one verify costs the management cluster, and that the number of clusters has no part in it. */
export function managementCostTests(recipe: RecipeName): void {
  describeRig(`the cost of a verify on ${recipe}`, () => {
    let site: Site;
    let management: OwnManagement;
    beforeAll(async () => {
      [site, management] = await Promise.all([makeSite(recipe), startManagement({ address })]);
      await management.link(site.conductor);
      const secret = await site.unit.addSecret({ kubeconfig: management.kubeconfig() });
      await site.unit.grantSecret(secret);
      await site.unit.deploy();
      await site.unit.configure({ kubeconfig: secret });
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
    });
    afterAll(async () => {
      await site?.down();
      await management?.down();
    });

    /** How many requests the API server has answered so far, by verb, resource and group. */
    const answered = async () => {
      const { text } = await management.request("GET", "/metrics");
      const counted = new Map<string, number>();
      for (const [, labels = "", value] of text.matchAll(/^apiserver_request_total\{(.*)\} (\S+)$/gm)) {
        const label = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? "";
        // Its own controllers watch, and list what they watch.
        if (["WATCH", "PUT", "PATCH"].includes(label("verb")) || label("subresource") === "/metrics")
          continue;
        const key = [label("verb"), label("resource"), label("group")].filter((it) => it !== "").join(" ");
        counted.set(key, (counted.get(key) ?? 0) + Number(value));
      }
      return counted;
    };
    const received = async () => {
      const path = `/sys/class/net/${interfaceTo(address)}/statistics/rx_bytes`;
      return Number(await sh(site.conductor, `cat ${path}`));
    };

    const verify = async (): Promise<Cost> => {
      const [before, bytes, began] = [await answered(), await received(), performance.now()];
      const { stdout } = await site.conductor.exec(["/usr/local/bin/capi-graft", "verify", "--json"]);
      const seconds = (performance.now() - began) / 1_000;
      const { gates } = JSON.parse(stdout) as Report;
      expect(gates.filter(({ state, cure }) => state === "closed" && cure !== "note")).toEqual([]);
      const after = await answered();
      const requests = [...after].map(([key, count]) => [key, count - (before.get(key) ?? 0)] as const);
      return {
        requests: Object.fromEntries(requests.filter(([, count]) => count > 0)),
        bytes: (await received()) - bytes,
        seconds,
      };
    };

    const fill = async () => {
      await makeNamespace(management, "magnum-p1");
      const path = "/apis/cluster.x-k8s.io/v1beta1/namespaces/magnum-p1/clusters";
      const names = Array.from({ length: many }, (_, index) => `cluster-${index}`);
      const cluster = (name: string) => ({
        apiVersion: "cluster.x-k8s.io/v1beta1",
        kind: "Cluster",
        metadata: { name },
        spec: {
          infrastructureRef: {
            apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
            kind: "OpenStackCluster",
            name,
          },
        },
      });
      const rest = names.values();
      const post = async () => {
        for (const name of rest) await management.demand("POST", path, cluster(name));
      };
      await Promise.all(Array.from({ length: 24 }, post));
    };

    /** The API server as our own code asks it, with what it asked. */
    const counting = () => {
      const asked: string[] = [];
      const api: Api = {
        get: async (path, options = {}) => {
          asked.push(path);
          const { status, headers, body } = await management.request("GET", path, undefined, options);
          return { status, contentType: String(headers["content-type"]), body };
        },
        post: () => Promise.reject(new Error("nothing is posted")),
      };
      return { api, asked };
    };

    const total = ({ requests }: Cost) => Object.values(requests).reduce((sum, count) => sum + count, 0);
    const shown = (cost: Cost) =>
      `${total(cost)} requests, ${Math.round(cost.bytes / 1024)} KiB, ${cost.seconds.toFixed(1)} s`;

    it(`is the same with ${many} clusters as with none`, { timeout: 600_000 }, async () => {
      await verify();
      const none = await verify();
      await fill();
      const full = await verify();
      console.log(`verify, no cluster: ${shown(none)}\nverify, ${many} clusters: ${shown(full)}`);
      console.log(none.requests);
      expect(full.requests).toEqual(none.requests);
      expect(total(none)).toBeLessThan(250);
      expect(full.bytes).toBeLessThan(none.bytes * 1.1 + 16_384);
    });

    it("counts them in pages, and all of them with one object, as in memory", async () => {
      const { api, asked } = counting();
      const memory = clustersApi({ namespaces: Array.from({ length: many }, () => "magnum-p1") });
      expect(await clusterTotal(api)).toBe(await clusterTotal(memory));
      expect(asked).toEqual(memory.asked);
      expect(await countOwned(api, "magnum")).toEqual(await countOwned(memory, "magnum"));
      // A real server's marks of a page tell nothing.
      const unmarked = (paths: readonly string[]) => paths.map((it) => it.replace(/continue=.*/, "continue"));
      expect(unmarked(asked)).toEqual(unmarked(memory.asked));
      expect(await countOwned(api, "other")).toEqual({ count: 0, namespaces: {}, more: false });
    });
  });
}
