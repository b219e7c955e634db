import { createHash } from "node:crypto";
import { join } from "node:path";
import { memfs } from "memfs";
import { type FsPromises, hostFs } from "./files.ts";
import type { CommandResult, DownloadResult, Host, RunOptions } from "./host.ts";

/** Answers a command of a memory host; `undefined` means that the program is not there. */
export type Reply = (argv: readonly string[], options: RunOptions) => Partial<CommandResult> | undefined;

/** A machine in memory, for tests of other charms too: files in memfs, commands answered by the given function. */
export interface MemoryHost extends Host {
  /** Every command that was run, in order. */
  readonly commands: readonly (readonly string[])[];
  /** Answers downloads: URL to bytes. */
  readonly web: Map<string, Uint8Array>;
}

/**
 * memfs knows no root user: with another owner it refuses what root may do. So owners live in a map of our own, and
 * permission bits are enforced for nobody, as for root.
 */
function asRoot(real: FsPromises): FsPromises {
  const owners = new Map<string, { uid: number; gid: number }>();
  return {
    ...bound(real),
    chown: async (path, uid, gid) => {
      await real.lstat(path);
      owners.set(String(path), { uid, gid });
    },
    rename: async (from, to) => {
      await real.rename(from, to);
      const owner = owners.get(String(from));
      owners.delete(String(from));
      if (owner) owners.set(String(to), owner);
      else owners.delete(String(to));
    },
    lstat: (async (path: string) => {
      const stat = await real.lstat(path);
      return Object.assign(stat, owners.get(String(path)) ?? { uid: 0, gid: 0 });
    }) as FsPromises["lstat"],
  };
}

function bound(real: FsPromises): FsPromises {
  const names = [
    "chmod",
    "chown",
    "copyFile",
    "lstat",
    "mkdir",
    "open",
    "readFile",
    "readdir",
    "readlink",
  ] as const;
  const more = ["rename", "rm", "rmdir", "unlink"] as const;
  const entries = [...names, ...more].map((name) => [name, (real[name] as () => unknown).bind(real)]);
  return Object.fromEntries(entries) as FsPromises;
}

/** Makes a machine in memory. `files` maps paths to contents (0644, root). */
export function memoryHost(options: { files?: Record<string, string>; reply?: Reply } = {}): MemoryHost {
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
    download: async (url, to): Promise<DownloadResult> => {
      const bytes = web.get(url);
      if (bytes === undefined) return { ok: false, reason: "HTTP 404" };
      await vol.promises.writeFile(to, bytes, { mode: 0o600 });
      return { ok: true, sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
    },
    lock: async () => () => {},
    now: () => new Date(clock),
    sleep: async (ms) => {
      clock += ms;
    },
  };
}
