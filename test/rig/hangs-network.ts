import { afterAll, beforeAll, expect, it } from "vitest";
import type { Conductor, RecipeName } from "./conductor.ts";
import { describeRig } from "./describe-rig.ts";
import { hurry, limits } from "./hurry.ts";
import { inventory, sh } from "./look.ts";
import { makeSite, mirrorOptions, type Site } from "./site.ts";

const silent = "http://127.0.0.1:9001";
const trickling = "http://127.0.0.1:9002";

/** Accepts on two ports: at one it says nothing, at the other one byte every two seconds, for ever. */
const server = `
import socket, threading, time
def trickle(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/html\\r\\nContent-Length: 100000\\r\\n\\r\\n")
    while True:
        connection.sendall(b" ")
        time.sleep(2)
def serve(port, work):
    kept = []
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            kept.append(connection)
            threading.Thread(target=work, args=[connection], daemon=True).start()
threading.Thread(target=serve, args=[9001, lambda connection: None], daemon=True).start()
serve(9002, trickle)
`;

async function startServer(conductor: Conductor): Promise<void> {
  await sh(
    conductor,
    `cat >/root/hang.py <<'PYTHON'\n${server}\nPYTHON
    systemd-run --quiet --unit=rig-hang python3 /root/hang.py
    for i in $(seq 100); do bash -c ': </dev/tcp/127.0.0.1/9002' 2>/dev/null && break; sleep 0.1; done`,
  );
}

/** Servers that accept and then hang, while a unit is being deployed: each hook ends, and says which it was. */
export function hangingNetworkTests(recipe: RecipeName): void {
  describeRig(`servers that hang on ${recipe}`, () => {
    let site: Site;
    let before: string;
    beforeAll(async () => {
      site = await makeSite(recipe);
      await startServer(site.conductor);
      await site.unit.deploy();
      hurry(site, [
        [limits.download, "maxBytes, timeoutMs: 2e4"],
        [limits.pipDownload, "timeoutMs: 5e4\n"],
      ]);
      before = await inventory(site.conductor);
    });
    afterAll(() => site?.down());

    /** The status, and what was logged, after a hook with these sources. */
    async function afterHook(index: string, helm: string) {
      const lines = (await site.unit.log()).length;
      const { code } = await site.unit.configure({
        kubeconfig: site.secret,
        "driver-index-url": `${index}/simple/`,
        "helm-url": `${helm}/helm.tar.gz`,
      });
      expect(code).toBe(0);
      expect(await inventory(site.conductor)).toBe(before);
      const log = (await site.unit.log()).slice(lines).map(({ message }) => message);
      return { ...(await site.unit.status()), log: log.join("\n") };
    }

    it("an index and a mirror that accept and say nothing are named, and nothing is written", async () => {
      const { status, message, log } = await afterHook(silent, silent);
      expect(status).toBe("waiting");
      expect(message).toMatch(/magnum-capi-helm.*; next: is the index (reachable|slow)\?$/);
      expect(log).toContain(`${silent}/simple/`);
      expect(log).toContain(`helm can't be fetched: ${silent}/helm.tar.gz: timed out`);
    });

    it("an index and a mirror that send a byte every two seconds are named", async () => {
      const { status, message, log } = await afterHook(trickling, trickling);
      expect([status, message]).toEqual([
        "waiting",
        expect.stringContaining("fetching magnum-capi-helm took over 180 s; next: is the index slow?"),
      ]);
      expect(log).toContain(`took over 180 s: ${trickling}/simple/`);
      expect(log).toContain(`helm can't be fetched: ${trickling}/helm.tar.gz: timed out`);
    });

    it("a proxy that accepts and says nothing is named", async () => {
      await site.unit.modelConfig({ "juju-http-proxy": silent, "juju-https-proxy": silent });
      const { status, message, log } = await afterHook("http://mirror.test", "https://mirror.test");
      expect([status, message]).toEqual([
        "waiting",
        expect.stringContaining("does the model's proxy let pip through?"),
      ]);
      expect(log).toContain(`, through the proxy ${silent}`);
      expect(log).toContain(`https://mirror.test/helm.tar.gz: timed out, through the proxy ${silent}`);
    });

    it("once they are cured the unit is active, and nothing of them is left", async () => {
      await site.unit.modelConfig({});
      await site.unit.configure(mirrorOptions());
      expect(await site.unit.status()).toEqual({ status: "active", message: "Unit is ready" });
      expect(await sh(site.conductor, "pgrep -f '[p]ip download' || echo none")).toBe("none\n");
    });
  });
}
