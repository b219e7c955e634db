import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { scratchFolder } from "../bundle/scratch.ts";

/** Lets a server listen on 127.0.0.1 until the test ends, with all that is connected to it: the port. */
export async function listening(server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket.on("close", () => open.delete(socket)).on("error", () => socket.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whatever a program writes first that has a port in it; it is killed when the test ends. */
async function portOf(child: ChildProcess, pattern: RegExp): Promise<number> {
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  for await (const part of child.stdout ?? []) {
    text += part;
    const port = pattern.exec(text)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`no port: ${text}`);
}

/** OpenSSL's own server, which demands a certificate that `ca` vouches for: the port. Node's does not say why it closes. */
export async function strictServer(
  { cert, key, ca }: { readonly cert: string; readonly key: string; readonly ca: string },
  version: string,
): Promise<number> {
  const folder = await scratchFolder();
  await writeFile(join(folder, "own"), `${cert}\n${key}`);
  await writeFile(join(folder, "ca"), ca);
  const words = ["-accept", "127.0.0.1:0", "-cert", "own", "-key", "own", "-CAfile", "ca", "-Verify", "1"];
  const more = ["-verify_return_error", "-www", version];
  const child = spawn("openssl", ["s_server", ...words, ...more], {
    cwd: folder,
    stdio: ["pipe", "pipe", "ignore"],
  });
  return await portOf(child, /ACCEPT \S+:(\d+)/);
}

/** Keeps its queue of connections full, so that the kernel drops whoever knocks. */
const full = `
import socket, sys
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(0)
port = server.getsockname()[1]
held = []
for _ in range(4):
    it = socket.socket()
    it.setblocking(False)
    it.connect_ex(("127.0.0.1", port))
    held.append(it)
print(port, flush=True)
sys.stdin.read()
`;

/** A port on which nobody ever answers, not even the kernel. */
export async function blackHole(): Promise<number> {
  const child = spawn("python3", ["-c", full], { stdio: ["pipe", "pipe", "inherit"] });
  return await portOf(child, /^(\d+)\n/);
}
