import type { HttpsResult, TlsFault } from "./host.ts";

type Fault = Extract<HttpsResult, { ok: false }>;
type Phase = Fault["phase"];

/** How far a request has come, and its way. */
export interface Progress {
  phase: Phase;
  /** Seconds of the limit that ran out, where one did. */
  lateAfter?: number;
  /** The proxy as it may be shown; absent where there is none. */
  readonly proxy?: string;
}

/** Alerts of TLS that say what a server thinks of the client's certificate, or of there being none. */
const clientAlert =
  /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|CERTIFICATE_(EXPIRED|REVOKED|UNKNOWN)|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|NO_CERTIFICATE)/;

const untrusted = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "INVALID_CA",
  "INVALID_PURPOSE",
]);

const notTls =
  /^(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE|UNEXPECTED_MESSAGE|BAD_RECORD_TYPE)$/;

const hungUp = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** The code of an error; of one of OpenSSL's, which Node tells in two ways, what OpenSSL itself calls it. */
function opensslCode(error: unknown): string {
  const [, words] = /:SSL routines:[^:]*:([^:]+):/.exec(error instanceof Error ? error.message : "") ?? [];
  if (words === undefined) return codeOf(error).replace(/^ERR_SSL_/, "");
  return words.trim().toUpperCase().replaceAll(/\W+/g, "_");
}

/** What TLS says: in which way no trust, or no agreement, was reached. */
function tlsFault(code: string): readonly [reason: string, fault?: TlsFault] {
  if (untrusted.has(code)) return ["no authority that is trusted vouches for it", "untrusted"];
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return ["its certificate is for other names", "name"];
  if (code === "CERT_HAS_EXPIRED") return ["its certificate has expired", "expired"];
  if (code === "CERT_NOT_YET_VALID") return ["its certificate is not valid yet", "expired"];
  if (clientAlert.test(code)) return ["it refuses the client's certificate", "client"];
  if (notTls.test(code)) return ["it speaks no TLS", "no TLS"];
  if (hungUp.has(code)) return ["it ends the connection in the TLS handshake", "closed"];
  return [`no agreement on TLS (${code})`];
}

const tcpReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused",
  EHOSTUNREACH: "no route",
  ENETUNREACH: "no route",
  ETIMEDOUT: "no answer",
  ECONNRESET: "reset",
};

function nameReason(code: string): string {
  return code === "EAI_AGAIN" ? "its name can't be looked up now" : "its name has no address";
}

function proxyReason(error: unknown): string {
  if (error instanceof Error && "statusCode" in error) return `it answers HTTP ${error.statusCode}`;
  const code = codeOf(error);
  if (code === "ERR_PROXY_TUNNEL") return "it ends the connection";
  return tcpReasons[code] ?? (/^(ENOTFOUND|EAI_)/.test(code) ? nameReason(code) : code);
}

function httpReason(error: unknown): string {
  const code = codeOf(error);
  if (code.startsWith("HPE_HEADER_OVERFLOW")) return "its headers are too long";
  if (code.startsWith("HPE_")) return "it speaks no HTTP";
  if (/^Z_|ERR_.*ZLIB/.test(code)) return "its gzip is damaged";
  if (hungUp.has(code) || code === "ERR_STREAM_PREMATURE_CLOSE") return "the connection ended early";
  return error instanceof Error && code === "" ? error.message : code;
}

/**
 * Says what became of a request that got no answer. Nothing of the request or of the server's bytes is in it; what Node
 * says of a tunnel that a proxy refuses has the proxy's URL in it, login and all, so of that only the code is told.
 */
export function faultOf(error: unknown, progress: Progress): Fault {
  const { proxy, lateAfter } = progress;
  const code = opensslCode(error);
  const phase = clientAlert.test(code) ? "tls" : progress.phase;
  const late = lateAfter === undefined ? undefined : `no answer within ${lateAfter} s`;
  const end = { ok: false, phase, timedOut: late !== undefined } as const;
  if (phase === "proxy") return { ...end, reason: `the proxy ${proxy}: ${late ?? proxyReason(error)}` };
  if (late !== undefined) return { ...end, reason: phase === "tls" ? `${late} to the TLS handshake` : late };
  if (phase === "name") return { ...end, reason: nameReason(code) };
  if (phase === "tcp") return { ...end, reason: tcpReasons[code] ?? code };
  if (phase === "http") return { ...end, reason: httpReason(error) };
  const [reason, fault] = tlsFault(code);
  return { ...end, reason, ...(fault === undefined ? {} : { tls: fault }) };
}
