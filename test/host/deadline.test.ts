import { describe, expect, test } from "vitest";
import { nameOf, withDeadline } from "../../src/host/deadline.ts";
import { type Host, HostFault, type RunOptions } from "../../src/host/host.ts";
import { memoryHost } from "../../src/host/memory-host.ts";

/** A run of 100 s, and 50 s more to take back; each command takes as long as its second word says, or until it is killed. */
function run() {
  const machine = memoryHost();
  const began = machine.now().getTime();
  const elapsed = () => machine.now().getTime() - began;
  const limits: number[] = [];
  const slow: Host = {
    ...machine,
    run: async (argv, { timeoutMs = 60_000 }: RunOptions = {}) => {
      limits.push(timeoutMs);
      const takes = Number(argv[1]) * 1_000;
      await machine.sleep(Math.min(takes, timeoutMs));
      const timedOut = takes > timeoutMs;
      return { ok: !timedOut, code: timedOut ? -1 : 0, stdout: "", stderr: "", timedOut };
    },
    download: async (_url, _to, { timeoutMs }) => {
      limits.push(timeoutMs);
      await machine.sleep(timeoutMs);
      return { ok: false, reason: "timed out" };
    },
    https: (server) => ({
      ...machine.https(server),
      request: async ({ path, timeoutMs }) => {
        limits.push(timeoutMs);
        await machine.sleep(Math.min(Number(path.slice(1)) * 1_000, timeoutMs));
        return { ok: false, phase: "tcp", reason: "no answer", timedOut: true };
      },
    }),
    lock: async (_path, waitMs) => {
      await machine.sleep(waitMs);
      return undefined;
    },
  };
  return { host: withDeadline(slow, { workMs: 100_000, wholeMs: 150_000 }, elapsed), limits, elapsed };
}

const over = (reason: string) => new HostFault(reason, { cure: "time", remedy: "wait: it is tried again" });

describe("a run with a deadline", () => {
  test("gives a command its own limit, or what is left", async () => {
    const { host, limits } = run();
    await host.run(["a", "30"], { timeoutMs: 40_000 });
    await host.run(["b", "30"]);
    await host.run(["c", "1"]);
    expect(limits).toEqual([40_000, 60_000, 40_000]);
  });

  test("leaves a command that reached its own limit to who asked for it", async () => {
    const { host } = run();
    expect(await host.run(["a", "99"], { timeoutMs: 5_000 })).toMatchObject({ timedOut: true });
  });

  test("ends in a fault that names what took longest, though something else waits when it is over", async () => {
    const { host } = run();
    await host.run(["long", "50"]);
    await host.run(["other", "20"]);
    await expect(host.run(["last", "60"])).rejects.toEqual(
      over("long took 50 s: no time is left in this run"),
    );
  });

  test("adds up the waits for one thing", async () => {
    const { host } = run();
    await host.run(["single", "40"]);
    for (let count = 0; count < 3; count += 1) await host.sleep(15_000);
    await expect(host.run(["last", "60"])).rejects.toThrow("the wait for the services or helm took 45 s");
  });

  test("starts nothing once it is over, whatever kind of wait it is", async () => {
    const { host, limits } = run();
    await expect(host.sleep(200_000)).rejects.toThrow("no time is left");
    for (const wait of [
      host.run(["a", "1"]),
      host.download("http://m/", "/f", { maxBytes: 1, timeoutMs: 1_000 }),
      host.lock("/l", 1_000),
      host.sleep(1),
    ])
      await expect(wait).rejects.toThrow("the wait for the services or helm took 100 s");
    expect(limits).toEqual([]);
  });

  test("cuts a download, which says itself where it was from, and the wait for another run", async () => {
    const { host, limits, elapsed } = run();
    await host.sleep(90_000);
    const result = await host.download("http://m/", "/f", { maxBytes: 1, timeoutMs: 300_000 });
    expect([result, limits]).toEqual([{ ok: false, reason: "timed out" }, [10_000]]);
    const { host: other } = run();
    await expect(other.lock("/l", 120_000)).rejects.toThrow("the wait for another run took 100 s");
    expect(elapsed()).toBe(100_000);
  });

  test("holds a request to what is left, and takes one that gave up by itself for an answer", async () => {
    const { host, limits } = run();
    const client = host.https({ url: new URL("https://api:6443") });
    const request = { method: "GET", headers: {}, maxBytes: 1 } as const;
    await host.sleep(85_000);
    expect(await client.request({ ...request, path: "/5", timeoutMs: 20_000 })).toMatchObject({ ok: false });
    await expect(client.request({ ...request, path: "/99", timeoutMs: 20_000 })).rejects.toThrow("no time");
    await expect(client.request({ ...request, path: "/1", timeoutMs: 20_000 })).rejects.toThrow("no time");
    expect(limits).toEqual([15_000, 10_000]);
    expect([client.bytesRead(), client.close()]).toEqual([0, undefined]);
  });

  test("keeps time for taking back, which is over later", async () => {
    const { host } = run();
    expect(host.time?.left()).toBe(100_000);
    await expect(host.sleep(110_000)).rejects.toThrow(HostFault);
    const more = host.time?.more;
    expect([host.time?.left(), more?.time?.left()]).toEqual([0, 50_000]);
    expect(await more?.run(["a", "40"])).toMatchObject({ ok: true });
    await expect(more?.run(["b", "40"])).rejects.toThrow("no time is left");
  });

  test("says nothing of what took no time", async () => {
    const { host } = run();
    await host.run(["a", "0"]);
    expect(host.time?.over().message).toBe("no time is left in this run");
  });
});

test.each([
  [["systemctl", "restart", "magnum-conductor"], "systemctl restart magnum-conductor"],
  [["/usr/bin/python3", "-m", "pip", "install", "--no-index", "/a.whl"], "python3 -m pip install"],
  [["runuser", "-u", "magnum", "--", "env", "-i", "PATH=/bin", "python3", "-", '{"a":1}'], "python3"],
  [["runuser", "-u", "magnum", "--", "/etc/init.d/magnum-api", "show-args"], "magnum-api show-args"],
  [["tar", "--create", "--file", "/f"], "tar"],
])("%j is told as %s", (argv, name) => {
  expect(nameOf(argv)).toBe(name);
});
