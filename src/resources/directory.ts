import type { Ownership } from "../host/host.ts";
import type { Resource } from "../reconcile/resource.ts";
import type { Originals } from "./originals.ts";
import { type Owner, ownerName, ownership, root } from "./owner.ts";

/** A directory with this owner and mode; what is in it is left alone. */
export function directory(options: {
  readonly path: string;
  readonly owner: Owner;
  readonly mode: string;
  readonly originals: Originals;
}): Resource {
  const { path, owner, mode } = options;
  return {
    id: `directory:${path}`,
    desired: { kind: "directory", mode, owner: `${owner.user}:${owner.group}` },
    quick: true,
    observe: async (host) => {
      const stat = await host.fs.stat(path);
      if (stat === undefined) return "absent";
      return { kind: stat.kind, mode: stat.mode, owner: ownerName(stat, [root, owner]) };
    },
    apply: async (host, change) => {
      await options.originals.keep(host, path);
      if (change.action === "create") await host.fs.makeDirectory(path, ownership(owner, mode));
      else await host.fs.setOwnership(path, ownership(owner, mode));
    },
  };
}

/** A directory as it was before this project first touched it: gone if it was made here and nobody else uses it. */
export function directoryAsBefore(path: string, originals: Originals): Resource {
  return {
    id: `directory:${path}`,
    desired: { before: true },
    observe: async (host) => {
      const original = await originals.of(host, path);
      if (original === undefined) return { before: true };
      const stat = await host.fs.stat(path);
      if (original.existed) return { before: stat === undefined || samePermissions(stat, original) };
      return { before: stat === undefined || ((await host.fs.list(path)) ?? []).length > 0 };
    },
    apply: async (host) => {
      const original = await originals.of(host, path);
      if (original?.existed) await host.fs.setOwnership(path, original);
      else await host.fs.remove(path);
    },
  };
}

function samePermissions(a: Ownership, b: Ownership): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}
