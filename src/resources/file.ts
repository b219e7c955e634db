import { createHash } from "node:crypto";
import type { Host } from "../host/host.ts";
import type { Resource, State } from "../reconcile/resource.ts";
import type { Originals } from "./originals.ts";
import { type Owner, ownerName, ownership, root } from "./owner.ts";

/** sha256 of some text or bytes, as hex. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Shows more of a file's content in its state than the digest, key by key, so that a plan can name what differs. */
type Describe = (content: string) => State;

interface FileOptions {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly owner: Owner;
  readonly mode: string;
  readonly originals: Originals;
  readonly describe?: Describe;
  readonly preflight?: Resource["preflight"];
}

/**
 * A file with exactly these bytes, owner and mode, written atomically. Its state holds the digest, never the bytes,
 * so that the content of a secret one can't reach a report.
 */
export function file(options: FileOptions): Resource {
  const { path, content, owner, mode, describe } = options;
  const text = () => Buffer.from(content).toString("utf8");
  return {
    id: `file:${path}`,
    desired: {
      kind: "file",
      ...describe?.(text()),
      sha256: sha256(content),
      mode,
      owner: `${owner.user}:${owner.group}`,
    },
    quick: true,
    ...(options.preflight === undefined ? {} : { preflight: options.preflight }),
    observe: (host) => observeFile(host, path, [root, owner], describe),
    apply: async (host, change) => {
      await options.originals.keep(host, path);
      const onlyOwnership = change.drift.every(({ key }) => key === "mode" || key === "owner");
      if (onlyOwnership) await host.fs.setOwnership(path, ownership(owner, mode));
      else await host.fs.write(path, content, ownership(owner, mode));
    },
  };
}

async function observeFile(
  host: Host,
  path: string,
  known: readonly Owner[],
  describe?: Describe,
): Promise<State | "absent"> {
  const stat = await host.fs.stat(path);
  if (stat === undefined) return "absent";
  const common = { kind: stat.kind, mode: stat.mode, owner: ownerName(stat, known) };
  if (stat.kind !== "file") return common;
  const bytes = (await host.fs.read(path)) ?? new Uint8Array();
  return { ...common, ...describe?.(Buffer.from(bytes).toString("utf8")), sha256: sha256(bytes) };
}

/** No file at this path. */
export function noFile(path: string): Resource {
  return {
    id: `file:${path}`,
    desired: "absent",
    observe: async (host) => {
      const stat = await host.fs.stat(path);
      return stat === undefined ? "absent" : { kind: stat.kind };
    },
    apply: (host) => host.fs.remove(path),
  };
}

/** No file at this path, which is ours to use; what stood there is kept. */
export function unusedFile(path: string, kept: Originals): Resource {
  const none = noFile(path);
  return {
    ...none,
    quick: true,
    apply: async (host, change) => {
      await kept.keep(host, path);
      await none.apply(host, change);
    },
  };
}

/** A file as it was before this project first touched it; nothing to do for one that it never touched. */
export async function fileAsBefore(host: Host, path: string, kept: Originals): Promise<readonly Resource[]> {
  const original = await kept.of(host, path);
  if (original === undefined) return [];
  if (original.existed && original.link !== undefined) return [linkTo(path, original.link)];
  if (!original.existed || original.copy === undefined) return [noFile(path)];
  const { copy, mode, uid, gid } = original;
  const desired = { sha256: (await host.fs.digest(copy)) ?? "", mode, owner: `${uid}:${gid}` };
  return [
    {
      id: `file:${path}`,
      desired,
      observe: (target) => observeFile(target, path, []),
      apply: (target) => target.fs.copy(copy, path, { mode, uid, gid }),
    },
  ];
}

function linkTo(path: string, target: string): Resource {
  return {
    id: `file:${path}`,
    desired: { link: target },
    observe: async (host) => {
      const stat = await host.fs.stat(path);
      if (stat === undefined) return "absent";
      return { link: stat.kind === "symlink" ? ((await host.fs.readLink(path)) ?? "none") : "none" };
    },
    apply: (host) => host.fs.link(path, target),
  };
}
