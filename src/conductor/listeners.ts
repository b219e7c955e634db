import { type Host, readText } from "../host/host.ts";
import { childrenOf } from "./processes.ts";

/** Where a process listens on TCP, as a client on the same machine reaches it. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const listening = "0A";

/** __SO_ACCEPTCON of the kernel. */
const acceptsConnections = 0x10000;

async function socketsOf(host: Host, pid: number): Promise<readonly string[]> {
  const names = (await host.fs.list(`/proc/${pid}/fd`)) ?? [];
  const targets = await Promise.all(names.map((name) => host.fs.readLink(`/proc/${pid}/fd/${name}`)));
  return targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target ?? "")?.[1] ?? []);
}

/** The bytes of a kernel's hexadecimal address, which prints each group of four in the machine's own order. */
function bytesOf(hex: string): readonly number[] {
  const groups = hex.match(/.{8}/g) ?? [];
  return groups.flatMap((group) => [...Buffer.from(group, "hex")].toReversed());
}

function readableHost(bytes: readonly number[]): string {
  const any = bytes.every((byte) => byte === 0);
  if (bytes.length === 4) return any ? "127.0.0.1" : bytes.join(".");
  const pair = (at: number) => (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16);
  return any ? "::1" : [0, 2, 4, 6, 8, 10, 12, 14].map(pair).join(":");
}

/** One line of /proc/PID/net/tcp: local address, state and inode are its second, fourth and tenth field. */
function addressOf(line: string, sockets: ReadonlySet<string>): readonly Address[] {
  const fields = line.trim().split(/\s+/);
  const [where = "", state, inode = ""] = [fields[1], fields[3], fields[9]];
  if (state !== listening || !sockets.has(inode)) return [];
  const [address = "", port = ""] = where.split(":");
  return [{ host: readableHost(bytesOf(address)), port: Number.parseInt(port, 16) }];
}

/** Where a main process and its children listen. */
interface Listeners {
  readonly tcp: readonly Address[];
  /** Names of its sockets in the file system. */
  readonly unix: readonly string[];
}

/** A line of /proc/PID/net/unix: flags, inode and name are its fourth, seventh and eighth field. */
function unixName(line: string, sockets: ReadonlySet<string>): readonly string[] {
  const fields = line.trim().split(/\s+/);
  const [flags = "", inode = "", name = ""] = [fields[3], fields[6], fields[7]];
  const accepts = (Number.parseInt(flags, 16) & acceptsConnections) !== 0;
  return accepts && sockets.has(inode) ? [name] : [];
}

/** The sockets on which a main process or its children listen, each once. */
export async function listenersOf(host: Host, mainPid: number): Promise<Listeners> {
  const pids = [mainPid, ...(await childrenOf(host, mainPid))];
  const sockets = new Set((await Promise.all(pids.map((pid) => socketsOf(host, pid)))).flat());
  const linesOf = async (table: string) =>
    ((await readText(host.fs, `/proc/${mainPid}/net/${table}`)) ?? "").split("\n");
  const [tcp4, tcp6, unix] = await Promise.all([linesOf("tcp"), linesOf("tcp6"), linesOf("unix")]);
  return {
    tcp: [...tcp4, ...tcp6].flatMap((line) => addressOf(line, sockets)),
    unix: unix.flatMap((line) => unixName(line, sockets)),
  };
}
