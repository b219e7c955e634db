import { Agent, request as httpsRequest } from "node:https";
import type { Pair } from "./certificates.ts";
import { type Namespace, pathInside, startIn } from "./namespace.ts";

/** What the API server answered, whatever its status. */
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The JSON of the body; `undefined` where it is none. */
  readonly body: unknown;
  readonly text: string;
}

/** How a request is made. */
interface RequestOptions {
  /** Default: the admin's certificate. */
  readonly as?: { readonly token: string } | Pair;
  /** Of the body; default `application/json`. */
  readonly contentType?: string;
  readonly accept?: string;
  /** Default 30 s. */
  readonly timeoutMs?: number;
}

/** The API server as tests reach it from outside, by default as an admin who may do everything. */
export interface Client {
  /** `body`: a text as it is, another value as JSON. Throws where no answer comes within the limit. */
  request(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<Answer>;
  /** The same, for what must succeed. Returns the JSON of the answer. Throws with the answer where its status is no 2xx. */
  demand(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<unknown>;
}

/** A name of the API server in its certificate, since an address can't be asked for by TLS's server name. */
export const serverName = "management.test";

const socket = "api.sock";

/** From a socket in the namespaces' folder to the API server: this machine's network has no way there. */
const relay = `
const net = require("node:net");
const [, path, host] = process.argv;
net.createServer({ allowHalfOpen: true }, (near) => {
  const far = net.connect({ port: 6443, host, allowHalfOpen: true });
  for (const [one, other] of [[near, far], [far, near]]) one.on("error", () => other.destroy()).pipe(other);
}).listen(path);
`;

const agent = new Agent({ keepAlive: true, maxSockets: 32 });

/** Starts what a client needs in the namespaces. */
export function startRelay(namespace: Namespace, address: string): void {
  startIn(namespace, "relay", [process.execPath, "--eval", relay, pathInside(socket), address]);
}

/** A client of the API server in the namespaces. */
export function clientOf(namespace: Namespace, ca: string, admin: Pair): Client {
  const request: Client["request"] = (method, path, body, options = {}) =>
    send(`${namespace.folder}/${socket}`, ca, { as: admin, ...options }, { method, path, body });
  const demand: Client["demand"] = async (method, path, body, options) => {
    const { status, body: answer, text } = await request(method, path, body, options);
    if (status < 200 || status > 299)
      throw new Error(`${method} ${path} was answered with ${status}: ${text}`);
    return answer;
  };
  return { request, demand };
}

async function send(
  socketPath: string,
  ca: string,
  { as, contentType = "application/json", accept = "application/json", timeoutMs = 30_000 }: RequestOptions,
  { method, path, body }: { method: string; path: string; body: unknown },
): Promise<Answer> {
  const content = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const login = as !== undefined && "key" in as ? { cert: as.certificate, key: as.key } : {};
  const headers = {
    accept,
    ...(content === undefined ? {} : { "content-type": contentType }),
    ...(as !== undefined && "token" in as ? { authorization: `Bearer ${as.token}` } : {}),
  };
  return await new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const options = {
      socketPath,
      ca,
      servername: serverName,
      ...login,
      method,
      path,
      headers,
      signal,
      agent,
    };
    const asked = httpsRequest(options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: jsonOf(text), text });
      });
    });
    asked.on("error", reject);
    asked.end(content);
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
