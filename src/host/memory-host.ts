import { createHash } from "node:crypto";
import { join } from "node:path";
import { memfs } from "memfs";
import { type FsPromises, hostFs } from "./files.ts";
import type {
  CommandResult,
  DownloadResult,
  Host,
  HttpsRequest,
  HttpsResult,
  HttpsServer,
  RunOptions,
} from "./host.ts";

/** Answers a command of a memory host; `undefined` means that the program is not there. */
export type Reply = (argv: readonly string[], options: RunOptions) => Partial<CommandResult> | undefined;

/** Answers a request of a memory host. */
export type HttpsReply = (server: HttpsServer, request: HttpsRequest) => HttpsResult | Promise<HttpsResult>;

const nobodyThere: HttpsResult = { ok: false, phase: "tcp", reason: "ECONNREFUSED", timedOut: false };

/** A machine in memory, for tests of other charms too: files in memfs, commands answered by the given function. */
export interface MemoryHost extends Host {
  /** Every command that was run, in order. */
  readonly commands: readonly (readonly string[])[];
  /** Answers downloads: URL to bytes. */
  readonly web: Map<string, Uint8Array>;
}

interface Attributes {
  readonly uid: number;
  readonly gid: number;
  readonly mode?: number;
}

const ownerMayAll = 0o700;

/**
 * memfs knows no root user: with another owner, or bits that are off, it refuses what root may do. So owners and bits
 * live in a map of our own. It also lets a file replace a directory, and renames what a link leads to instead of the link: no system does.
 */
function asRoot(real: FsPromises): FsPromises {
  const known = new Map<string, Attributes>();
  const of = (path: unknown): Attributes => known.get(String(path)) ?? { uid: 0, gid: 0 };
  const forget = async (path: unknown, work: Promise<void>) => {
    await work;
    known.delete(String(path));
  };
  return {
    ...bound(real),
    chown: async (path, uid, gid) => {
      await real.lstat(path);
      known.set(String(path), { ...of(path), uid, gid });
    },
    chmod: async (path, mode) => {
      await real.chmod(path, Number(mode) | ownerMayAll);
      known.set(String(path), { ...of(path), mode: Number(mode) });
    },
    rename: async (from, to) => {
      await refuseToReplaceDirectory(real, String(to));
      await moveItself(real, String(from), String(to));
      known.set(String(to), of(from));
      known.delete(String(from));
    },
    unlink: (path) => forget(path, real.unlink(path)),
    rmdir: (path) => forget(path, real.rmdir(path)),
    rm: async (path, options) => {
      await real.rm(path, options);
      for (const name of known.keys()) if (`${name}/`.startsWith(`${path}/`)) known.delete(name);
    },
    lstat: (async (path: string) => {
      const stat = await real.lstat(path);
      const { mode, ...owner } = of(path);
      const bits = mode === undefined ? stat.mode : (stat.mode & ~0o7777) | mode;
      return Object.assign(stat, owner, { mode: bits });
    }) as FsPromises["lstat"],
  };
}

async function moveItself(real: FsPromises, from: string, to: string): Promise<void> {
  const isLink = (await real.lstat(from)).isSymbolicLink();
  // memfs counts a file twice that a rename replaces, and would keep its directory; its rm leaves a link that leads nowhere.
  await real.unlink(to).catch(() => {});
  if (!isLink) return await real.rename(from, to);
  await real.symlink(await real.readlink(from), to);
  await real.unlink(from);
}

async function refuseToReplaceDirectory(real: FsPromises, path: string): Promise<void> {
  const stat = await real.lstat(path).catch(() => undefined);
  if (stat?.isDirectory()) throw Object.assign(new Error(`EISDIR: ${path}`), { code: "EISDIR" });
}

function bound(real: FsPromises): FsPromises {
  const names = ["chmod", "chown", "lstat", "mkdir", "open", "readFile", "readdir", "readlink"] as const;
  const more = ["rename", "rm", "rmdir", "symlink", "unlink"] as const;
  const entries = [...names, ...more].map((name) => [name, (real[name] as () => unknown).bind(real)]);
  return Object.fromEntries(entries) as FsPromises;
}

/** Makes a machine in memory. `files` maps paths to contents (0644, root). */
export function memoryHost(
  options: { files?: Record<string, string>; reply?: Reply; https?: HttpsReply } = {},
): MemoryHost {
  const { vol } = memfs({}, "/");
  for (const [path, content] of Object.entries(options.files ?? {})) {
    vol.mkdirSync(join(path, ".."), { recursive: true });
    vol.writeFileSync(path, content, { mode: 0o644 });
  }
  const commands: (readonly string[])[] = [];
  const web = new Map<string, Uint8Array>();
  let clock = Date.now();
  return {
    fs: hostFs(asRoot(vol.promises as unknown as FsPromises)),
    commands,
    web,
    run: async (argv, runOptions = {}) => {
      commands.push(argv);
      const reply = options.reply?.(argv, runOptions) ?? { code: 127, stderr: `${argv[0]}: not found` };
      const code = reply.code ?? 0;
      return { ok: code === 0, code, stdout: "", stderr: "", timedOut: false, ...reply };
    },
    download: async (url, to, { maxBytes }): Promise<DownloadResult> => {
      const bytes = web.get(url);
      if (bytes === undefined) return { ok: false, reason: "HTTP 404" };
      if (bytes.length > maxBytes) return { ok: false, reason: `more than ${maxBytes} bytes` };
      if (vol.existsSync(to)) return { ok: false, reason: "EEXIST" };
      await vol.promises.writeFile(to, bytes, { mode: 0o600 });
      return { ok: true, sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
    },
    https: (server) => {
      let bytes = 0;
      return {
        request: async (request) => {
          const result = (await options.https?.(server, request)) ?? nobodyThere;
          if (result.ok) bytes += Buffer.byteLength(result.body);
          return result;
        },
        bytesRead: () => bytes,
        close: () => {},
      };
    },
    lock: async () => () => {},
    now: () => new Date(clock),
    sleep: async (ms) => {
      clock += ms;
    },
  };
}
