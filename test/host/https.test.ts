import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import { createServer as createTcpServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { HttpsRequest, HttpsServer } from "../../src/host/host.ts";
import { localHost } from "../../src/host/local-host.ts";
import { authority } from "../support/certificates.ts";
import { forwardProxy } from "../support/forward-proxy.ts";
import { blackHole, closedPort, listening, strictServer } from "../support/listening.ts";

vi.setConfig({ testTimeout: 60_000 });

const ours = authority("our authority");
const other = authority("another authority");
const identity = ours.issue({ names: ["IP:127.0.0.1", "DNS:api.test", "DNS:localhost"] });

function clientOf(port: number, more: Partial<HttpsServer> = {}) {
  const client = localHost().https({ url: new URL(`https://127.0.0.1:${port}`), ca: ours.cert, ...more });
  onTestFinished(() => client.close());
  return client;
}

const plain: HttpsRequest = {
  method: "GET",
  path: "/version",
  headers: { accept: "application/json" },
  timeoutMs: 5_000,
  maxBytes: 1_000,
};

async function asked(port: number, more: Partial<HttpsServer> = {}, request: Partial<HttpsRequest> = {}) {
  return await clientOf(port, more).request({ ...plain, ...request });
}

function origin(listener: RequestListener, options: TlsOptions = {}): Promise<number> {
  return listening(createServer({ ...identity, ...options }, listener));
}

/** A TLS server that answers with these bytes, whatever it is asked. */
function saying(say: (socket: Socket) => void, options: TlsOptions = {}): Promise<number> {
  return listening(
    createTlsServer({ ...identity, ...options }, (socket) => {
      socket.on("error", () => {}).once("data", () => say(socket));
    }),
  );
}

const hello: RequestListener = (_, response) => response.end("hello");

describe("a request over HTTPS", () => {
  test("gives the status, the headers and the body, whatever they are", async () => {
    const port = await origin((_, response) => {
      response.writeHead(302, { Location: "/elsewhere", Warning: ["299 - a", "299 - b"] }).end("gone ✓");
    });
    expect(await asked(port)).toMatchObject({
      ok: true,
      status: 302,
      headers: { location: "/elsewhere", warning: "299 - a, 299 - b" },
      body: "gone ✓",
    });
  });

  test("sends what it is given, below the path of the server", async () => {
    const port = await origin((message, response) => {
      const { method, url, headers } = message;
      let body = "";
      message.on("data", (part) => {
        body += part;
      });
      const { authorization, accept, host } = headers;
      message.on("end", () =>
        response.end(JSON.stringify({ method, url, authorization, accept, host, body })),
      );
    });
    const url = new URL(`https://127.0.0.1:${port}/k8s/clusters/c-1/`);
    const headers = { ...plain.headers, authorization: "Bearer abc" };
    const result = await asked(port, { url }, { method: "POST", path: "/apis?a=b", headers, body: "{}" });
    expect(JSON.parse("body" in result ? result.body : "")).toEqual({
      method: "POST",
      url: "/k8s/clusters/c-1/apis?a=b",
      authorization: "Bearer abc",
      accept: "application/json",
      host: `127.0.0.1:${port}`,
      body: "{}",
    });
  });

  test("shows the client's certificate", async () => {
    const port = await origin(
      (message, response) => {
        const socket = message.socket as unknown as { getPeerCertificate(): { subject?: { CN: string } } };
        response.end(socket.getPeerCertificate().subject?.CN);
      },
      { ca: ours.cert, requestCert: true, rejectUnauthorized: true },
    );
    const certificate = ours.issue({ subject: "/CN=magnum" });
    expect(await asked(port, { certificate })).toMatchObject({ ok: true, body: "magnum" });
  });

  test("keeps at most four connections, and uses them again", async () => {
    const seen = new Set<Socket>();
    let busy = 0;
    let most = 0;
    const port = await origin((message, response) => {
      seen.add(message.socket);
      busy += 1;
      most = Math.max(most, busy);
      setTimeout(() => {
        busy -= 1;
        response.end("x");
      }, 20);
    });
    const client = clientOf(port);
    const results = await Promise.all(Array.from({ length: 20 }, () => client.request(plain)));
    expect(results.filter(({ ok }) => ok)).toHaveLength(20);
    expect([seen.size, most, client.bytesRead()]).toEqual([4, 4, 20]);
  });

  test("is made again where a kept connection turns out to be closed", async () => {
    const sockets: Socket[] = [];
    const port = await origin((message, response) => {
      sockets.push(message.socket);
      response.end("x");
    });
    const client = clientOf(port);
    await client.request(plain);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const again = client.request(plain);
    sockets[0]?.destroy();
    expect(await again).toMatchObject({ ok: true });
  });

  test("is answered packed, and counted as it came", async () => {
    const packed = gzipSync("a".repeat(900));
    const port = await origin((message, response) => {
      expect(message.headers["accept-encoding"]).toBe("gzip");
      response.setHeader("content-encoding", "gzip").end(packed);
    });
    const client = clientOf(port);
    expect(await client.request(plain)).toMatchObject({ ok: true, body: "a".repeat(900) });
    expect(client.bytesRead()).toBe(packed.length);
  });
});

describe("a request that gets no answer says how far it came:", () => {
  const failed = (phase: string, reason: string | RegExp, more: object = {}) => ({
    ok: false,
    phase,
    reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
    timedOut: false,
    ...more,
  });
  const late = { timedOut: true };
  const short = { timeoutMs: 400 };

  test("a name without an address", async () => {
    const url = new URL("https://no-such-name.invalid:6443");
    expect(await asked(0, { url })).toEqual(
      failed("name", /^its name (has no address|can't be looked up now)$/),
    );
  });

  test("a refused connection", async () => {
    expect(await asked(await closedPort())).toEqual(failed("tcp", "refused"));
  });

  test("a black hole, within the limit", async () => {
    const port = await blackHole();
    const began = performance.now();
    expect(await asked(port, {}, short)).toEqual(failed("tcp", "no answer within 1 s", late));
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  test("a black hole, long before the limit of the whole request", async () => {
    const result = await asked(await blackHole(), {}, { timeoutMs: 30_000 });
    expect(result).toEqual(failed("tcp", "no answer within 5 s", late));
  });

  test("a server that speaks no TLS", async () => {
    const port = await listening(
      createTcpServer((socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))),
    );
    expect(await asked(port)).toEqual(failed("tls", "it speaks no TLS", { tls: "no TLS" }));
  });

  test("a server that says nothing", async () => {
    const port = await listening(createTcpServer((socket) => socket.resume()));
    expect(await asked(port, {}, short)).toEqual(
      failed("tls", "no answer within 1 s to the TLS handshake", late),
    );
  });

  test("a server that hangs up in the handshake", async () => {
    const port = await listening(
      createTcpServer((socket) => socket.once("data", () => socket.resetAndDestroy())),
    );
    expect(await asked(port)).toEqual(
      failed("tls", "it ends the connection in the TLS handshake", { tls: "closed" }),
    );
  });

  test("a server that shares no version of TLS with us", async () => {
    const ciphers = "DEFAULT@SECLEVEL=0";
    const port = await origin(hello, { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers });
    expect(await asked(port)).toEqual(
      failed("tls", /^no agreement on TLS \(TLSV1_ALERT_PROTOCOL_VERSION\)$/),
    );
  });

  test("an authority that does not vouch for the server", async () => {
    const port = await origin(hello);
    expect(await asked(port, { ca: other.cert })).toEqual(
      failed("tls", "no authority that is trusted vouches for it", { tls: "untrusted" }),
    );
  });

  test("a server that only we would know, where no authority is given", async () => {
    const client = localHost().https({ url: new URL(`https://127.0.0.1:${await origin(hello)}`) });
    expect(await client.request(plain)).toMatchObject({ phase: "tls", tls: "untrusted" });
    client.close();
  });

  test("a certificate for other names", async () => {
    const port = await origin(hello, ours.issue({ names: ["DNS:elsewhere.test", "IP:192.0.2.1"] }));
    expect(await asked(port)).toEqual(failed("tls", "its certificate is for other names", { tls: "name" }));
  });

  test("a certificate that has expired", async () => {
    const port = await origin(hello, ours.issue({ names: ["IP:127.0.0.1"], until: new Date("2021-01-01") }));
    expect(await asked(port)).toEqual(failed("tls", "its certificate has expired", { tls: "expired" }));
  });

  test.each([
    ["-tls1_2", "a strange one"],
    ["-tls1_3", "a strange one"],
    ["-tls1_3", "none"],
  ])("a server that wants another certificate of the client, in %s: %s", async (version, shown) => {
    const port = await strictServer({ ...identity, ca: other.cert }, version);
    const more = shown === "none" ? {} : { certificate: ours.issue({ subject: "/CN=magnum" }) };
    expect(await asked(port, more)).toEqual(
      failed("tls", "it refuses the client's certificate", { tls: "client" }),
    );
  });

  test("a server that says no in the handshake", async () => {
    const port = await strictServer({ ...identity, ca: other.cert }, "-tls1_2");
    expect(await asked(port)).toEqual(failed("tls", /^no agreement on TLS \(\w+_ALERT_HANDSHAKE_FAILURE\)$/));
  });

  test("a certificate of the client that can't be read, or does not fit its key", async () => {
    const port = await origin(hello);
    const mixed = { cert: identity.cert, key: other.key };
    for (const certificate of [mixed, { cert: "none", key: "none" }, { cert: identity.cert, key: "" }])
      expect(await asked(port, { certificate })).toEqual(
        failed("tls", "the client's certificate or key can't be used", { tls: "client" }),
      );
  });

  test("what is no HTTP", async () => {
    const port = await saying((socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n"));
    expect(await asked(port)).toEqual(failed("http", "it speaks no HTTP"));
  });

  test("headers without an end", async () => {
    const port = await saying((socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}`));
    expect(await asked(port)).toEqual(failed("http", "its headers are too long"));
  });

  test.each([
    ["before any answer", ""],
    ["in the middle of the headers", "HTTP/1.1 200 OK\r\nContent-"],
    ["in the middle of the body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"],
    ["in the middle of a piece", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"],
  ])("a reset %s", async (_, text) => {
    const port = await saying((socket) => socket.write(text, () => setTimeout(() => socket.destroy(), 50)));
    expect(await asked(port)).toEqual(failed("http", "the connection ended early"));
  });

  test("an answer that does not begin", async () => {
    expect(await asked(await origin(() => {}), {}, short)).toEqual(
      failed("http", "no answer within 1 s", late),
    );
  });

  test("a body that drips", async () => {
    const port = await origin((_, response) => {
      const drip = setInterval(() => response.write("x"), 50);
      response.on("close", () => clearInterval(drip));
    });
    const client = clientOf(port);
    const began = performance.now();
    expect(await client.request({ ...plain, ...short })).toEqual(
      failed("http", "no answer within 1 s", late),
    );
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  test("too much, of which hardly more is read", async () => {
    const port = await origin((_, response) => response.end("x".repeat(10_000_000)));
    const client = clientOf(port);
    expect(await client.request(plain)).toEqual(failed("http", "more than 1000 bytes"));
    expect(client.bytesRead()).toBeLessThan(1_000_000);
  });

  test("little that unpacks to too much", async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const port = await origin((_, response) => response.setHeader("content-encoding", "gzip").end(bomb));
    const maxBytes = 1_000_000;
    expect(await asked(port, {}, { maxBytes })).toEqual(failed("http", `more than ${maxBytes} bytes`));
  });

  test.each([
    ["damaged", "gzip", gzipSync("a".repeat(500)).subarray(5), "its gzip is damaged"],
    ["cut off", "gzip", gzipSync("a".repeat(500)).subarray(0, 15), "its gzip is damaged"],
    ["nobody asked for", "br", Buffer.from("x"), "it packs what it says in an unknown way"],
  ])("packed in a way that is %s", async (_, encoding, bytes, reason) => {
    const port = await origin((_message, response) =>
      response.setHeader("content-encoding", encoding).end(bytes),
    );
    expect(await asked(port)).toEqual(failed("http", reason));
  });

  test("and nothing is left open", async () => {
    const open = new Set<Socket>();
    const server = createTcpServer((socket) => {
      open.add(socket.resume().on("close", () => open.delete(socket)));
    });
    expect(await asked(await listening(server), {}, short)).toMatchObject(late);
    await vi.waitFor(() => expect(open.size).toBe(0));
  });
});

describe("through a proxy", () => {
  const via = (proxy: string) => ({ proxies: { https: proxy, direct: [] } });

  test("a request goes through a tunnel, which is used again", async () => {
    const port = await origin(hello);
    const proxy = await forwardProxy({ login: "me:p%40ss" });
    const client = clientOf(port, via(proxy.url));
    for (let count = 0; count < 3; count += 1)
      expect(await client.request(plain)).toMatchObject({ ok: true, body: "hello" });
    expect(proxy.asked).toEqual([`CONNECT 127.0.0.1:${port}`]);
    client.close();
    await vi.waitFor(() => expect(proxy.connections()).toBe(0));
  });

  test("it needs none where the server is to be reached directly", async () => {
    const proxy = await forwardProxy();
    const proxies = { https: proxy.url, direct: ["127.0.0.0/8"] };
    expect(await asked(await origin(hello), { proxies })).toMatchObject({ ok: true });
    expect(proxy.asked).toEqual([]);
  });

  test.each([403, 407, 502])("a refusal with %i is the proxy's, named without its login", async (code) => {
    const proxy = await forwardProxy({ refuses: code, login: "me:secret" });
    expect(await asked(await origin(hello), via(proxy.url))).toEqual({
      ok: false,
      phase: "proxy",
      reason: `the proxy ${proxy.shown}: it answers HTTP ${code}`,
      timedOut: false,
    });
  });

  test("one that is not there, and one that has no address", async () => {
    const gone = `http://127.0.0.1:${await closedPort()}`;
    const nameless = "http://proxy.invalid:3128";
    const [first, second] = [await asked(1, via(gone)), await asked(1, via(nameless))];
    expect(first).toMatchObject({ phase: "proxy", reason: `the proxy ${gone}: refused` });
    expect(second).toMatchObject({
      phase: "proxy",
      reason: expect.stringMatching(/^the proxy \S+: its name /),
    });
  });

  test("one that takes the connection and says nothing ends at the limit, and is left", async () => {
    const proxy = await forwardProxy({ silent: true });
    expect(await asked(1, via(proxy.url), { timeoutMs: 400 })).toEqual({
      ok: false,
      phase: "proxy",
      reason: `the proxy ${proxy.shown}: no answer within 1 s`,
      timedOut: true,
    });
    await vi.waitFor(() => expect(proxy.connections()).toBe(0));
  });

  test("one that hangs up is told as the proxy", async () => {
    const port = await listening(createTcpServer((socket) => socket.once("data", () => socket.end())));
    const result = await asked(1, via(`http://127.0.0.1:${port}`));
    expect(result).toMatchObject({
      phase: "proxy",
      reason: expect.stringContaining("it ends the connection"),
    });
  });

  test("TLS is between us and the server: its faults are not the proxy's", async () => {
    const proxy = await forwardProxy();
    const port = await origin(hello);
    const wrong = await asked(port, { ...via(proxy.url), ca: other.cert });
    expect(wrong).toMatchObject({ phase: "tls", tls: "untrusted" });
    const silent = await listening(createTcpServer((socket) => socket.resume()));
    const late = await asked(silent, via(proxy.url), { timeoutMs: 400 });
    expect(late).toMatchObject({ phase: "tls", timedOut: true });
    await vi.waitFor(() => expect(proxy.connections()).toBe(0));
  });

  test("an answer that ends early is not the proxy's fault either", async () => {
    const proxy = await forwardProxy();
    const port = await saying((socket) => socket.destroy());
    expect(await asked(port, via(proxy.url))).toMatchObject({ phase: "http" });
  });
});
