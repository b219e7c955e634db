import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { addAbortSignal, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { DownloadLimits, DownloadResult } from "./host.ts";
import { type Proxies, proxyFor, showProxy } from "./proxy.ts";
import { trustSystemCertificates } from "./trust.ts";
import { tunnelAgent } from "./tunnel.ts";

const maxRedirects = 5;

/** Where a download stands: the proxy that its last request goes through. */
interface Route {
  readonly proxies: Proxies | undefined;
  readonly signal: AbortSignal;
  proxy: string | undefined;
}

/** The agent of a URL that goes through a proxy: it tunnels https and forwards http. */
function agentFor({ protocol }: URL, { proxy, signal }: Route): { agent?: http.Agent } {
  if (proxy === undefined) return {};
  if (protocol === "https:") return { agent: tunnelAgent(proxy, (socket) => addAbortSignal(signal, socket)) };
  return { agent: new http.Agent({ proxyEnv: { http_proxy: proxy } }) };
}

/** Opens a URL, redirects followed. Node's fetch dies of an assertion with servers that close early, so not that. */
function openUrl(url: URL, route: Route, redirects = maxRedirects): Promise<IncomingMessage> {
  route.proxy = proxyFor(url, route.proxies);
  return new Promise((settle, fail) => {
    const get = url.protocol === "https:" ? https.get : http.get;
    get(url, { signal: route.signal, ...agentFor(url, route) }, (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode === 200) return settle(response);
      response.resume();
      const target = URL.parse(headers.location ?? "", url.href);
      const follow = statusCode >= 300 && statusCode < 400 && redirects > 0 && target !== null;
      if (!follow || !/^https?:$/.test(target.protocol)) return fail(new Error(`HTTP ${statusCode}`));
      openUrl(target, route, redirects - 1).then(settle, fail);
    }).on("error", fail);
  });
}

/** What Node says of a tunnel that a proxy refuses has the proxy's URL in it, so of that error only the code is told. */
function failure(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "timed out";
  if (!(error instanceof Error)) return String(error);
  if ("statusCode" in error) return `HTTP ${error.statusCode}`;
  return "code" in error ? String(error.code) : error.message;
}

function failed(error: unknown, { signal, proxy }: Route): DownloadResult {
  const reason = failure(error, signal);
  if (proxy === undefined) return { ok: false, reason };
  const shown = showProxy(proxy);
  return { ok: false, reason: `${reason}, through the proxy ${shown}`, proxy: shown };
}

/** Streams a URL into a new file, as `Host.download` says. */
export async function download(url: string, to: string, limits: DownloadLimits): Promise<DownloadResult> {
  trustSystemCertificates();
  const route: Route = {
    proxies: limits.proxies,
    signal: AbortSignal.timeout(limits.timeoutMs),
    proxy: undefined,
  };
  const hash = createHash("sha256");
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(bytes > limits.maxBytes ? new Error(`more than ${limits.maxBytes} bytes`) : null, chunk);
    },
  });
  try {
    const response = await openUrl(new URL(url), route);
    const file = createWriteStream(to, { flags: "wx", mode: 0o600 });
    await pipeline(response, measure, file, { signal: route.signal });
    if (!response.complete) return failed(new Error("the connection ended early"), route);
    return { ok: true, sha256: hash.digest("hex"), bytes };
  } catch (error) {
    return failed(error, route);
  }
}
