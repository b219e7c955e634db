import type { Proxies } from "./proxy.ts";

/** A path's kind, permissions, owner and times, not following a symlink. */
export interface FileStat {
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** Permission bits as four octal digits, `0644`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Last change of content or metadata (ctime), milliseconds since the epoch, with a fraction. */
  readonly changedAt: number;
}

/** Who owns a file that is written, and its permission bits (`0644`). */
export interface Ownership {
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The files of a machine. Reading something that is not there gives `undefined`; every other error of the
 * system is thrown as a `HostFault`. Writes are atomic: another process sees the old bytes or the new ones,
 * and never a file that is more widely readable than asked.
 */
export interface HostFs {
  read(path: string): Promise<Uint8Array | undefined>;
  /** The permission bits, owner and times of the path itself, or `undefined` when there is none. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a directory, sorted; `undefined` when it is not there. */
  list(path: string): Promise<readonly string[] | undefined>;
  readLink(path: string): Promise<string | undefined>;
  /** sha256 of a file's bytes, as hex; `undefined` when there is none. */
  digest(path: string): Promise<string | undefined>;
  write(path: string, content: string | Uint8Array, ownership: Ownership): Promise<void>;
  /** Copies a file, atomically at its destination. */
  copy(from: string, to: string, ownership: Ownership): Promise<void>;
  /** Moves a file, atomically where both paths are on one filesystem; what stood at `to` is replaced. */
  move(from: string, to: string): Promise<void>;
  /** Makes a symbolic link, atomically in the place of what was there. */
  link(path: string, target: string): Promise<void>;
  /** Makes a directory and the missing ones above it; one that is there keeps its permissions. */
  makeDirectory(path: string, ownership: Ownership): Promise<void>;
  setOwnership(path: string, ownership: Ownership): Promise<void>;
  /** Removes a file, a symlink or an empty directory; nothing happens when it is not there. */
  remove(path: string): Promise<void>;
  /** Removes a directory and all in it. */
  removeTree(path: string): Promise<void>;
}

/** How a command is run. The environment is only what is given here plus a plain PATH, HOME and locale. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
  /** Milliseconds until the command and its children are killed; 60 000 unless given. */
  readonly timeoutMs?: number;
}

/** What a command did. Running never throws because of an exit code. */
export interface CommandResult {
  readonly ok: boolean;
  /** Exit code; 127 when the program is not there, -1 when it was killed. */
  readonly code: number;
  readonly stdout: string;
  /** What it said, or, where it took too long, that alone: `no answer within 30 s`. */
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** What a download gave, or why it gave nothing. */
export type DownloadResult =
  | { readonly ok: true; readonly sha256: string; readonly bytes: number }
  | {
      readonly ok: false;
      readonly reason: string;
      /** The proxy that it went through, without a login; absent where it went directly. */
      readonly proxy?: string;
    };

/** How much a download may take, and its way. */
export interface DownloadLimits {
  readonly maxBytes: number;
  /** Milliseconds for all of it, redirects and proxy included. */
  readonly timeoutMs: number;
  /** Proxies to go through; without them it goes directly. */
  readonly proxies?: Proxies;
}

/** A server to be asked over HTTPS, and what it takes to trust it and to be known by it. */
export interface HttpsServer {
  /** Its origin, `https://10.0.0.5:6443`; a path of it stands before the path of every request. */
  readonly url: URL;
  /** Certificates of the authorities that vouch for it, in PEM; without any, the machine's own and the public ones. */
  readonly ca?: string;
  /** What the client shows of itself, in PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** Proxies to go through; without them it is reached directly. */
  readonly proxies?: Proxies;
}

/** One request of it. */
export interface HttpsRequest {
  readonly method: "GET" | "POST";
  /** Path and query, `/version`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for all of it, connection included. */
  readonly timeoutMs: number;
  /** The most of an answer, in bytes. */
  readonly maxBytes: number;
}

/**
 * What is wrong between a server and TLS: no authority that is trusted vouches for its certificate; that is for another
 * name; it is not valid now; it speaks something else than TLS; it ends the connection; or it refuses the client's
 * certificate, or its absence.
 */
export type TlsFault = "untrusted" | "name" | "expired" | "no TLS" | "closed" | "client";

/**
 * What became of a request: an answer, whatever its status; or how far it came. `name`: the server's name has no
 * address; `tcp`: nobody takes the connection; `proxy`: the proxy refuses; `tls`: no agreement, or no trust; `http`:
 * what follows is no HTTP, ends early, takes too long or is too much.
 */
export type HttpsResult =
  | {
      readonly ok: true;
      readonly status: number;
      /** Names in lower case. */
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | {
      readonly ok: false;
      readonly phase: "name" | "tcp" | "proxy" | "tls" | "http";
      /** Short, in plain words, without anything secret. */
      readonly reason: string;
      /** Whether time ran out in that phase. */
      readonly timedOut: boolean;
      /** In the phase `tls`, what is wrong, where that is known. */
      readonly tls?: TlsFault;
    };

/** Connections to one server, kept open between requests; at most four at once. */
export interface HttpsClient {
  request(request: HttpsRequest): Promise<HttpsResult>;
  /** Bytes of all answers' bodies so far, as they came over the wire. */
  bytesRead(): number;
  close(): void;
}

/** Gives a lock back. */
export type Release = () => void;

/** How much time a run has for its work on a machine. */
export interface RunTime {
  /** Milliseconds; with 0 or less, every wait ends in `over()`. */
  left(): number;
  /** That no time is left, with what took most of it. */
  over(): HostFault;
  /** The same machine, with the time that is kept for taking back what was begun. */
  readonly more: Host;
}

/** A machine: its files, commands, network and clock. `local-host.ts` is the real one. */
export interface Host {
  readonly fs: HostFs;
  /** Not there where a run may take as long as its steps do. */
  readonly time?: RunTime;
  run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Streams a URL into a new file (0600, root); at most `maxBytes`, in at most `timeoutMs`. */
  download(url: string, to: string, limits: DownloadLimits): Promise<DownloadResult>;
  /** Opens nothing yet; every request has its own limits. To be closed when it is no longer needed. */
  https(server: HttpsServer): HttpsClient;
  /** Takes a lock that ends with this process at the latest; `undefined` when it is not free within `waitMs`. */
  lock(path: string, waitMs: number): Promise<Release | undefined>;
  now(): Date;
  sleep(ms: number): Promise<void>;
}

/** Who has to act for a thing to go on: an operator, time (or another party), or nobody: it is only noted. */
export type Cure = "operator" | "time" | "note";

/** A fault of the machine or of the world, not of this program: it becomes data in the report. */
export class HostFault extends Error {
  readonly cure: Cure;
  readonly remedy: string;
  constructor(reason: string, options: { cure?: Cure; remedy?: string; cause?: unknown } = {}) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "HostFault";
    this.cure = options.cure ?? "operator";
    this.remedy = options.remedy ?? "";
  }
}

/** Reads a text file; `undefined` when it is not there. */
export async function readText(fs: HostFs, path: string): Promise<string | undefined> {
  const bytes = await fs.read(path);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
}

/**
 * Reads a JSON file; `undefined` when it is not there. Throws a `HostFault` that names the file where it holds none: the
 * engine's own error would quote from it.
 */
export async function readJson<T>(fs: HostFs, path: string): Promise<T | undefined> {
  const text = await readText(fs, path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new HostFault(`${path} is damaged: it can't be read`, { remedy: "move it away" });
  }
}
