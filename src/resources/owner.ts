import type { FileStat, Ownership } from "../host/host.ts";

/** A user and group by name and number. */
export interface Owner {
  readonly user: string;
  readonly group: string;
  readonly uid: number;
  readonly gid: number;
}

/** The superuser. */
export const root: Owner = { user: "root", group: "root", uid: 0, gid: 0 };

/** The owner and mode as the host's files take them. */
export function ownership(owner: Owner, mode: string): Ownership {
  return { mode, uid: owner.uid, gid: owner.gid };
}

/** `magnum:magnum` where the numbers are those of a known owner, `111:112` where they are not. */
export function ownerName(stat: Pick<FileStat, "uid" | "gid">, known: readonly Owner[]): string {
  const user = known.find(({ uid }) => uid === stat.uid)?.user ?? String(stat.uid);
  const group = known.find(({ gid }) => gid === stat.gid)?.group ?? String(stat.gid);
  return `${user}:${group}`;
}
