import { basename, dirname } from "node:path";
import { temporarySuffix } from "../../../src/host/files.ts";
import { type Host, HostFault, type HostFs } from "../../../src/host/host.ts";

/** A machine whose program is killed before its n-th write. */
interface DyingHost extends Host {
  /** Writes so far: changes of files, downloads, and commands that change something. */
  readonly writes: number;
  readonly isDead: boolean;
}

const changing = [
  "write",
  "copy",
  "move",
  "link",
  "makeDirectory",
  "setOwnership",
  "remove",
  "removeTree",
] as const;

function changesMachine(argv: readonly string[]): boolean {
  const words = argv.join(" ");
  return /^(systemctl (restart|enable|stop|daemon-reload)|(prlimit .* )?tar )| -m (pip|zipfile) /.test(words);
}

/** The path that a change of files is about. */
function pathOf(name: (typeof changing)[number], args: readonly unknown[]): string {
  return String(name === "copy" || name === "move" ? args[1] : args[0]);
}

/** Whether the change would change nothing, so that a kill before it is one before the next. */
async function isIdle(fs: HostFs, name: (typeof changing)[number], path: string): Promise<boolean> {
  if (name === "remove" || name === "removeTree") return (await fs.stat(path)) === undefined;
  return name === "makeDirectory" && (await fs.stat(path)) !== undefined;
}

/** What a kill in the middle of a change leaves behind. */
async function leaveHalf(fs: HostFs, name: (typeof changing)[number], path: string): Promise<void> {
  const owner = { uid: 0, gid: 0 };
  if (["write", "copy", "link"].includes(name)) {
    const isThere = (await fs.stat(dirname(path)))?.kind === "directory";
    const temporary = `${dirname(path)}/.${basename(path)}${temporarySuffix}`;
    if (isThere) await fs.write(temporary, "half", { mode: "0600", ...owner });
  }
  if (name !== "removeTree") return;
  const names = (await fs.list(path)) ?? [];
  for (const each of names.slice(0, Math.ceil(names.length / 2))) await fs.removeTree(`${path}/${each}`);
}

/**
 * The machine, for a program that is killed in the middle of its `at`-th write: what is not atomic is left half done,
 * and nothing that the program does from then on, not even to clean up, reaches the machine.
 */
export function dyingHost(host: Host, at: number): DyingHost {
  let writes = 0;
  let isDead = false;
  const alive = () => {
    if (isDead) throw new Error("killed");
  };
  const count = async (half: () => Promise<void>) => {
    alive();
    writes += 1;
    if (writes !== at) return;
    isDead = true;
    await half();
    throw new Error("killed");
  };
  const fs = Object.fromEntries(
    Object.entries(host.fs).map(([name, work]: [string, (...args: never[]) => unknown]) => [
      name,
      async (...args: never[]) => {
        alive();
        const change = changing.find((it) => it === name);
        const path = change === undefined ? "" : pathOf(change, args);
        if (change !== undefined && !(await isIdle(host.fs, change, path)))
          await count(() => leaveHalf(host.fs, change, path));
        return await work(...args);
      },
    ]),
  ) as unknown as HostFs;
  return {
    ...host,
    fs,
    get writes() {
      return writes;
    },
    get isDead() {
      return isDead;
    },
    run: async (argv, options) => {
      alive();
      if (changesMachine(argv)) await count(async () => {});
      return await host.run(argv, options);
    },
    download: async (...args) => {
      await count(async () => {});
      return await host.download(...args);
    },
    sleep: async (ms) => {
      alive();
      await host.sleep(ms);
    },
  };
}

/** The machine with a filesystem that is full for some paths, as long as `isFull` says so. */
export function fullHost(host: Host, isFull: (path: string) => boolean): Host {
  const refuse = (path: string) => {
    if (isFull(path))
      throw new HostFault(`failed to write ${path}: ENOSPC`, { remedy: "free space on that filesystem" });
  };
  const { write, copy, move } = host.fs;
  const fs: HostFs = {
    ...host.fs,
    write: async (path, ...rest) => {
      refuse(path);
      await write(path, ...rest);
    },
    copy: async (from, to, ...rest) => {
      refuse(to);
      await copy(from, to, ...rest);
    },
    move: async (from, to) => {
      refuse(to);
      await move(from, to);
    },
  };
  return { ...host, fs };
}
