import type { Host, HttpsRequest, HttpsResult } from "../host/host.ts";
import type { Proxies } from "../host/proxy.ts";
import { slots } from "../host/slots.ts";
import type { Api, ApiAnswer, ApiFault } from "./api.ts";
import { faultOf, placeOf } from "./connection-fault.ts";
import type { Management } from "./kubeconfig.ts";

/** The API of a management cluster, over connections that are kept. To be closed when it is no longer needed. */
export interface Connection extends Api {
  /** What it cost so far: requests, those that were made again among them, and bytes of bodies over the wire. */
  spent(): { readonly requests: number; readonly bytes: number };
  close(): void;
}

/** Milliseconds for one request; `host/https.ts` gives the connection 5 000 of them. */
const requestMs = 10_000;

/** Milliseconds from the first answer that asks for patience until no such wish is followed any more. */
const patienceMs = 20_000;

/** Of one answer. All of a large cluster's discovery has some 10 MB. */
const mostBytes = 16 * 1024 * 1024;
const atOnce = 4;

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** The text of the first warning that a server sends along (RFC 7234, 5.5, as Kubernetes uses it). */
function warningOf(header: string | undefined): { readonly warning?: string } {
  const text = /\b299 \S+ "((?:[^"\\]|\\.)*)"/.exec(header ?? "")?.[1];
  return text === undefined ? {} : { warning: text.replaceAll(/\\(.)/g, "$1") };
}

function answerOf({ status, headers, body }: Extract<HttpsResult, { ok: true }>): ApiAnswer {
  return {
    status,
    contentType: headers["content-type"] ?? "",
    ...warningOf(headers["warning"]),
    body: parsed(body),
  };
}

/** How long an answer asks us to wait, in milliseconds; `undefined` for one that is final. */
function waitOf(result: HttpsResult, now: Date): number | undefined {
  if (!result.ok || (result.status !== 429 && result.status !== 503)) return undefined;
  const after = result.headers["retry-after"];
  if (after === undefined) return undefined;
  if (/^\d{1,6}$/.test(after)) return Math.max(1_000, Number(after) * 1_000);
  const until = after.endsWith(" GMT") ? Date.parse(after) : Number.NaN;
  return Number.isNaN(until) ? undefined : Math.max(1_000, until - now.getTime());
}

/** What the driver shows of itself: its certificate, in the TLS handshake, or else its token. */
function headersOf({ certificate, token }: Management): Readonly<Record<string, string>> {
  const login = certificate === undefined && token !== undefined ? { authorization: `Bearer ${token}` } : {};
  return { ...login, "user-agent": "magnum-capi-helm" };
}

/**
 * Connects to a management cluster as the driver would, through these proxies. Opens nothing yet. Requests that are
 * told to come back later (429 or 503 with Retry-After) do so for 20 s in all.
 */
export function connect(host: Host, management: Management, proxies?: Proxies): Connection {
  const { server, ca, certificate } = management;
  const client = host.https({
    url: server,
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(proxies === undefined ? {} : { proxies }),
  });
  const turn = slots(atOnce);
  const common = headersOf(management);
  let requests = 0;
  let patientUntil: number | undefined;
  const once = (request: HttpsRequest) =>
    turn(() => {
      requests += 1;
      return client.request(request);
    });
  const patiently = async (request: HttpsRequest): Promise<HttpsResult> => {
    for (;;) {
      const result = await once(request);
      const now = host.now();
      const waitMs = waitOf(result, now);
      if (waitMs === undefined) return result;
      patientUntil ??= now.getTime() + patienceMs;
      if (now.getTime() + waitMs > patientUntil) return result;
      await host.sleep(waitMs);
    }
  };
  const ask = async (request: Pick<HttpsRequest, "method" | "path" | "headers" | "body">) => {
    const headers = { ...common, ...request.headers };
    const result = await patiently({ ...request, headers, timeoutMs: requestMs, maxBytes: mostBytes });
    if (!result.ok) return faultOf(result, management);
    return result.status >= 300 && result.status < 400
      ? redirected(result.status, management)
      : answerOf(result);
  };
  return {
    get: (path, { accept = "application/json" } = {}) => ask({ method: "GET", path, headers: { accept } }),
    post: (path, body) =>
      ask({
        method: "POST",
        path,
        headers: { accept: "application/json", "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    spent: () => ({ requests, bytes: client.bytesRead() }),
    close: () => client.close(),
  };
}

function redirected(status: number, { server }: Management): ApiFault {
  const reason = `${placeOf(server)} sends us elsewhere (${status})`;
  return { fault: "http", cure: "operator", reason, remedy: "look at the kubeconfig's server" };
}
