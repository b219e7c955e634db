import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import tls from "node:tls";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { readText } from "../../src/host/host.ts";
import { localHost } from "../../src/host/local-host.ts";
import type { Proxies } from "../../src/host/proxy.ts";
import { scratchFolder } from "../bundle/scratch.ts";
import { forwardProxy } from "../support/forward-proxy.ts";

vi.setConfig({ testTimeout: 60_000 });

/** A key made for these tests, and its certificate for origin.test, mirror.origin.test and 127.0.0.1. */
const pem = readFileSync(new URL("../fixtures/tls/origin.pem", import.meta.url), "utf8");

beforeAll(() => tls.setDefaultCACertificates([...tls.getCACertificates("default"), pem]));

/** Serves on this machine, http or https: the port. Only a proxy knows its names. */
async function origin(scheme: "http" | "https", listener: RequestListener): Promise<number> {
  const server =
    scheme === "http" ? createServer(listener) : createSecureServer({ key: pem, cert: pem }, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const bytes: RequestListener = (_, response) => response.end("bytes");

async function fetchThrough(url: string, proxies: Partial<Proxies>, timeoutMs = 10_000) {
  const to = join(await scratchFolder(), "file");
  const limits = { maxBytes: 1_000, timeoutMs, proxies: { direct: [], ...proxies } };
  const result = await localHost().download(url, to, limits);
  return { result, text: await readText(localHost().fs, to) };
}

describe("a download through a proxy", () => {
  test("of https is a tunnel that the proxy can't look into", async () => {
    const port = await origin("https", bytes);
    const proxy = await forwardProxy();
    const { result, text } = await fetchThrough(`https://origin.test:${port}/`, { https: proxy.url });
    expect([result.ok, text]).toEqual([true, "bytes"]);
    expect(proxy.asked).toEqual([`CONNECT origin.test:${port}`]);
  });

  test("of http asks the proxy for the whole URL", async () => {
    const port = await origin("http", bytes);
    const proxy = await forwardProxy();
    const { result, text } = await fetchThrough(`http://origin.test:${port}/helm`, { http: proxy.url });
    expect([result.ok, text]).toEqual([true, "bytes"]);
    expect(proxy.asked).toEqual([`GET http://origin.test:${port}/helm`]);
  });

  test.each(["http", "https"] as const)("of %s logs in with what the proxy's URL says", async (scheme) => {
    const port = await origin(scheme, bytes);
    const proxy = await forwardProxy({ login: "me:p%40ss%3Aword" });
    const { result } = await fetchThrough(`${scheme}://origin.test:${port}/`, { [scheme]: proxy.url });
    expect(result).toMatchObject({ ok: true });
  });

  test.each([
    ["http", 407],
    ["https", 407],
    ["http", 403],
    ["https", 403],
  ] as const)(
    "of %s that is refused with %i says so, and names the proxy without its login",
    async (scheme, code) => {
      const port = await origin(scheme, bytes);
      const proxy = await forwardProxy({ refuses: code, login: "me:secret" });
      const { result } = await fetchThrough(`${scheme}://origin.test:${port}/`, { [scheme]: proxy.url });
      expect(result).toEqual({
        ok: false,
        reason: `HTTP ${code}, through the proxy ${proxy.shown}`,
        proxy: proxy.shown,
      });
    },
  );

  test.each(["http", "https"] as const)(
    "of %s ends at its time limit where the proxy accepts and says nothing",
    async (scheme) => {
      const proxy = await forwardProxy({ silent: true });
      const { result } = await fetchThrough(`${scheme}://origin.test/`, { [scheme]: proxy.url }, 300);
      expect(result).toMatchObject({ reason: `timed out, through the proxy ${proxy.shown}` });
      await vi.waitFor(() => expect(proxy.connections()).toBe(0));
    },
  );

  test("whose proxy is not there says which", async () => {
    const proxy = "http://127.0.0.1:9";
    const { result } = await fetchThrough("https://origin.test/", { https: proxy });
    expect(result).toMatchObject({ reason: `ECONNREFUSED, through the proxy ${proxy}` });
  });

  test("is not made for a host of no_proxy", async () => {
    const port = await origin("http", bytes);
    const proxy = await forwardProxy({ refuses: 403 });
    const proxies = { http: proxy.url, direct: ["127.0.0.0/8"] };
    expect((await fetchThrough(`http://127.0.0.1:${port}/`, proxies)).text).toBe("bytes");
    expect(proxy.asked).toEqual([]);
  });

  test("chooses anew at each redirect", async () => {
    const there = await origin("https", bytes);
    const here = await origin("http", (_, response) =>
      response.writeHead(302, { location: `https://mirror.origin.test:${there}/` }).end(),
    );
    const proxy = await forwardProxy();
    const proxies = { https: proxy.url, direct: ["127.0.0.1"] };
    expect((await fetchThrough(`http://127.0.0.1:${here}/`, proxies)).text).toBe("bytes");
    expect(proxy.asked).toEqual([`CONNECT mirror.origin.test:${there}`]);
  });
});
