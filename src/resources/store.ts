import { type Host, readText } from "../host/host.ts";
import { ownership, root } from "./owner.ts";

/**
 * Files that were fetched and proved once (0600, root), kept so that a repair needs no network. Beside each stands its
 * sha256, written after it: a file that a crash cut off is not found again.
 */
export interface Store {
  /** The path of the first file whose name begins so and whose bytes are those that were kept. */
  find(host: Host, prefix: string): Promise<string | undefined>;
  /** Moves a file into the store under a name, and gives its path there. */
  keep(host: Host, name: string, from: string): Promise<string>;
  /** Removes what begins with none of these. */
  prune(host: Host, prefixes: readonly string[]): Promise<void>;
}

const sidecar = ".sha256";

async function isWhole(host: Host, path: string): Promise<boolean> {
  const kept = (await readText(host.fs, `${path}${sidecar}`))?.trim();
  return kept !== undefined && kept === (await host.fs.digest(path));
}

/** A store in `directory`, which is made when first needed (0700, root). */
export function store(directory: string): Store {
  const names = async (host: Host) => (await host.fs.list(directory)) ?? [];
  return {
    find: async (host, prefix) => {
      for (const name of await names(host)) {
        if (!name.startsWith(prefix) || name.endsWith(sidecar)) continue;
        if (await isWhole(host, `${directory}/${name}`)) return `${directory}/${name}`;
      }
      return undefined;
    },
    keep: async (host, name, from) => {
      const path = `${directory}/${name}`;
      await host.fs.makeDirectory(directory, ownership(root, "0700"));
      await host.fs.remove(`${path}${sidecar}`);
      await host.fs.move(from, path);
      const digest = await host.fs.digest(path);
      await host.fs.write(`${path}${sidecar}`, `${digest}\n`, ownership(root, "0600"));
      return path;
    },
    prune: async (host, prefixes) => {
      for (const name of await names(host)) {
        if (!prefixes.some((prefix) => name.startsWith(prefix))) await host.fs.remove(`${directory}/${name}`);
      }
    },
  };
}
