import { createServer, type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { onTestFinished } from "vitest";

/** A forward proxy of this machine: it tunnels https and forwards http, every name to 127.0.0.1. */
interface ForwardProxy {
  /** Its URL, with the login that it asks for. */
  readonly url: string;
  /** Its URL as it may be shown. */
  readonly shown: string;
  /** What it was asked: `CONNECT origin.test:443`, `GET http://origin.test/`. */
  readonly asked: readonly string[];
  /** How many connections it has open. */
  connections(): number;
}

interface ForwardProxyOptions {
  /** `user:password` that is asked for, as it stands in a URL. */
  readonly login?: string;
  /** Refuses everything with this code. */
  readonly refuses?: number;
  /** Accepts connections, and says nothing. */
  readonly silent?: boolean;
}

function isLoggedIn({ headers }: IncomingMessage, login: string | undefined): boolean {
  if (login === undefined) return true;
  const expected = Buffer.from(decodeURIComponent(login)).toString("base64");
  return headers["proxy-authorization"] === `Basic ${expected}`;
}

function tunnel(target: string, client: Duplex, head: Buffer): void {
  const server: Socket = connect(Number(target.split(":").at(-1)), "127.0.0.1", () => {
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    server.write(head);
    server.pipe(client).pipe(server);
  });
  for (const end of [client, server]) end.on("error", () => end.destroy());
}

/** Starts one; it ends with the test. */
export async function forwardProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const { login, refuses, silent = false } = options;
  const asked: string[] = [];
  const codeFor = (message: IncomingMessage) => refuses ?? (isLoggedIn(message, login) ? 200 : 407);
  const server = createServer((message, response) => {
    asked.push(`${message.method} ${message.url}`);
    if (silent) return;
    const code = codeFor(message);
    if (code !== 200) return void response.writeHead(code).end();
    const { port, pathname } = new URL(message.url ?? "");
    const onward = request({ host: "127.0.0.1", port, path: pathname }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy()).end();
  });
  server.on("connect", (message, client, head) => {
    asked.push(`CONNECT ${message.url}`);
    if (silent) return void client.resume().on("end", () => client.destroy());
    const code = codeFor(message);
    if (code === 200) tunnel(message.url ?? "", client, head);
    else client.end(`HTTP/1.1 ${code} No\r\nContent-Length: 0\r\n\r\n`);
  });
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${login === undefined ? "" : `${login}@`}${address}`,
    shown: `http://${address}`,
    asked,
    connections: () => open.size,
  };
}
