import { createPrivateKey, X509Certificate } from "node:crypto";
import type { ClientRequest, IncomingMessage } from "node:http";
import https from "node:https";
import { isIP } from "node:net";
import { type Duplex, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { createGunzip } from "node:zlib";
import type { HttpsClient, HttpsRequest, HttpsResult, HttpsServer } from "./host.ts";
import { faultOf, type Progress } from "./https-fault.ts";
import { proxyFor, showProxy } from "./proxy.ts";
import { slots } from "./slots.ts";
import { trustSystemCertificates } from "./trust.ts";
import { tunnelAgent } from "./tunnel.ts";

/** The longest that name, TCP, proxy and TLS may take together, in milliseconds. */
const connectMs = 5_000;
const mostAtOnce = 4;

/** A server, and what all requests to it share. */
interface Line {
  readonly url: URL;
  readonly host: string;
  readonly agent: https.Agent;
  readonly proxy?: string;
  /** Counts what came over the wire. */
  count(bytes: number): void;
}

/** One try of a request. Node's agent hands it on to whoever opens its connection. */
interface Attempt extends Progress {
  socket?: Duplex;
}

function fits({ cert, key }: { readonly cert: string; readonly key: string }): boolean {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

/** What OpenSSL makes of the certificates; where it can't read them, what all requests end in. */
function contextOf({ ca, certificate }: HttpsServer): SecureContext | HttpsResult {
  if (ca === undefined) trustSystemCertificates();
  try {
    if (certificate === undefined || fits(certificate))
      return createSecureContext({ ...(ca === undefined ? {} : { ca }), ...certificate });
  } catch {
    // It can't be read.
  }
  const reason = "the client's certificate or key can't be used";
  return { ok: false, phase: "tls", reason, timedOut: false, tls: "client" };
}

/** Follows a connection on its way; of one through a proxy, that to the proxy is all that is seen. */
function follow(attempt: Attempt, socket: Duplex): void {
  attempt.socket = socket;
  if (attempt.phase === "proxy") return;
  socket.on("lookup", (error: Error | null) => {
    if (error === null) attempt.phase = "tcp";
  });
  socket.on("connect", () => {
    attempt.phase = "tls";
  });
}

/** Whether TLS is not agreed on yet. */
function isAgreeing(socket: Duplex): boolean {
  return socket instanceof TLSSocket && "secureConnecting" in socket && socket.secureConnecting === true;
}

/** Whether the proxy has answered, so that what follows is between us and the server. */
function isTunnel(socket: Duplex | undefined): boolean {
  if (socket === undefined || !("bytesRead" in socket)) return false;
  return Number(socket.bytesRead) > 0 && !isAgreeing(socket);
}

function where(attempt: Attempt, error: unknown): Progress {
  const isRefusal = error instanceof Error && "code" in error && error.code === "ERR_PROXY_TUNNEL";
  if (attempt.phase !== "proxy" || isRefusal || !isTunnel(attempt.socket)) return attempt;
  return { ...attempt, phase: "tls" };
}

/** Lets no more than so many bytes through. */
function limited(maxBytes: number, count: (bytes: number) => void): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.length;
      count(chunk.length);
      done(bytes > maxBytes ? new Error(`more than ${maxBytes} bytes`) : null, chunk);
    },
  });
}

/** The text of an answer. What comes packed may be far longer than what is read, so both are limited. */
async function bodyOf(answer: IncomingMessage, maxBytes: number, line: Line): Promise<string> {
  const encoding = answer.headers["content-encoding"] ?? "identity";
  if (!/^(identity|(x-)?gzip)$/i.test(encoding)) throw new Error("it packs what it says in an unknown way");
  const parts: Uint8Array[] = [];
  const collect = async (source: AsyncIterable<Uint8Array>) => {
    for await (const part of source) parts.push(part);
  };
  const wire = limited(maxBytes, line.count);
  if (encoding.toLowerCase() === "identity") await pipeline(answer, wire, collect);
  else
    await pipeline(
      answer,
      wire,
      createGunzip(),
      limited(maxBytes, () => {}),
      collect,
    );
  if (!answer.complete) throw new Error("the connection ended early");
  return Buffer.concat(parts).toString("utf8");
}

function headersOf({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).map(([name, value]) => [name, [value].flat().join(", ")]);
  return Object.fromEntries(entries);
}

/** A kept connection that the server closed in the very moment when it was used again says nothing of the server. */
type Outcome = HttpsResult | "stale";

function openRequest({ url, host, agent }: Line, request: HttpsRequest, attempt: Attempt) {
  return https.request({
    method: request.method,
    host,
    port: url.port === "" ? 443 : url.port,
    path: `${url.pathname.replace(/\/$/, "")}${request.path}`,
    headers: { ...request.headers, "accept-encoding": "gzip" },
    agent,
    ...{ attempt },
  });
}

async function answerOf(answer: IncomingMessage, maxBytes: number, line: Line): Promise<HttpsResult> {
  const body = await bodyOf(answer, maxBytes, line);
  return { ok: true, status: answer.statusCode ?? 0, headers: headersOf(answer), body };
}

function firstPhase(host: string, proxy: string | undefined): Progress["phase"] {
  if (proxy !== undefined) return "proxy";
  return isIP(host) === 0 ? "name" : "tcp";
}

/** Calls back once the connection stands on which a request is made. */
function whenStanding(asked: ClientRequest, stands: () => void): void {
  asked.on("socket", (socket) => {
    if (isAgreeing(socket)) socket.once("secureConnect", stands);
    else stands();
  });
}

async function tryOnce(line: Line, request: HttpsRequest, timeoutMs: number): Promise<Outcome> {
  const shown = line.proxy === undefined ? {} : { proxy: showProxy(line.proxy) };
  const attempt: Attempt = { phase: firstPhase(line.host, line.proxy), ...shown };
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const asked = openRequest(line, request, attempt);
  const giveUpAfter = (ms: number) =>
    setTimeout(() => {
      resolve(faultOf(undefined, { ...where(attempt, undefined), lateAfter: Math.ceil(ms / 1_000) }));
      if (attempt.phase !== "http") attempt.socket?.destroy();
      asked.destroy();
    }, ms);
  const timers = [giveUpAfter(timeoutMs), giveUpAfter(Math.min(connectMs, timeoutMs))] as const;
  whenStanding(asked, () => {
    attempt.phase = "http";
    clearTimeout(timers[1]);
  });
  let hasAnswered = false;
  const fail = (error: unknown) =>
    resolve(asked.reusedSocket && !hasAnswered ? "stale" : faultOf(error, where(attempt, error)));
  asked.on("error", fail);
  asked.on("response", (answer) => {
    hasAnswered = true;
    answerOf(answer, request.maxBytes, line).then(resolve, fail);
  });
  asked.end(request.body);
  return await promise.finally(() => timers.forEach(clearTimeout));
}

/** Connections to one server, as `Host.https` says. */
export function httpsClient(server: HttpsServer): HttpsClient {
  const context = contextOf(server);
  let bytes = 0;
  if ("ok" in context) return { request: async () => context, bytesRead: () => bytes, close: () => {} };
  const proxy = proxyFor(server.url, server.proxies);
  const agent = tunnelAgent(
    proxy,
    (socket, options) => {
      const { attempt: it } = options as { readonly attempt?: Attempt };
      if (it !== undefined) follow(it, socket);
    },
    { keepAlive: true, maxSockets: mostAtOnce, secureContext: context },
  );
  const line: Line = {
    url: server.url,
    host: server.url.hostname.replace(/^\[|\]$/g, ""),
    agent,
    ...(proxy === undefined ? {} : { proxy }),
    count: (more) => {
      bytes += more;
    },
  };
  const turn = slots(mostAtOnce);
  return {
    request: async (request) => {
      const began = performance.now();
      const left = () => Math.max(1, request.timeoutMs - (performance.now() - began));
      return await turn(async () => {
        for (;;) {
          const outcome = await tryOnce(line, request, left());
          if (outcome !== "stale") return outcome;
        }
      });
    },
    bytesRead: () => bytes,
    close: () => agent.destroy(),
  };
}
