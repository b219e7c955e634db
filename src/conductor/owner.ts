import { type Host, HostFault, readText } from "../host/host.ts";
import { ownership, root } from "../resources/owner.ts";
import { paths } from "./paths.ts";

/**
 * The number of the state directory's layout that this release reads and writes. It goes up when an older release would
 * misread what is written, never for an entry that one may ignore.
 */
export const layout = 1;

/** Who keeps the graft of a unit: the charm's unit, or nobody where only the command was ever used. */
export interface Owner {
  /** The unit's name at Juju. */
  readonly unitName?: string;
  /** Folder of its unpacked charm, which Juju deletes with the unit. */
  readonly charmDirectory?: string;
}

interface OwnerRecord extends Owner {
  readonly layout: number;
}

async function readRecord(host: Host): Promise<OwnerRecord | undefined> {
  const text = await readText(host.fs, paths.owner);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as OwnerRecord;
  } catch {
    return undefined;
  }
}

/** Throws a `HostFault` where a newer release wrote the state directory: nothing in it is to be read or written. */
export async function requireReadable(host: Host): Promise<void> {
  const { layout: found = 0 } = (await readRecord(host)) ?? {};
  if (found <= layout) return;
  throw new HostFault(`the records here are of a newer charm: layout ${found}, this one reads ${layout}`, {
    remedy: "juju refresh to that charm",
  });
}

/** Who keeps the graft here; `undefined` where nobody is on record, as an earlier release left it. */
export async function readOwner(host: Host): Promise<Owner | undefined> {
  const record = await readRecord(host);
  if (record === undefined) return undefined;
  const { unitName, charmDirectory } = record;
  return {
    ...(unitName === undefined ? {} : { unitName }),
    ...(charmDirectory === undefined ? {} : { charmDirectory }),
  };
}

/**
 * The other unit that keeps the graft here and lives; `undefined` where it is `me`, nobody, or one of which only records
 * are left. A unit lives as long as its charm's folder has something in it: Juju deletes that with the unit.
 */
export async function otherOwner(host: Host, me: Owner): Promise<string | undefined> {
  const { unitName, charmDirectory } = (await readOwner(host)) ?? {};
  if (unitName === undefined || unitName === "" || charmDirectory === undefined) return undefined;
  if (charmDirectory === me.charmDirectory) return undefined;
  return ((await host.fs.list(charmDirectory)) ?? []).length > 0 ? unitName : undefined;
}

/** Throws a `HostFault` where what is on this machine is not for `me` to touch: another unit's, or a newer charm's. */
export async function requireOwn(host: Host, me: Owner): Promise<void> {
  await requireReadable(host);
  const other = await otherOwner(host, me);
  if (other === undefined) return;
  throw new HostFault(`another unit keeps the graft: ${other}`, {
    remedy: "remove one of the two applications",
  });
}

/** Puts on record who keeps the graft, and the layout. Writes nothing where that is on record already. */
export async function claim(host: Host, { unitName, charmDirectory }: Owner): Promise<void> {
  const before = await readRecord(host);
  const me: Owner =
    charmDirectory === undefined
      ? ((await readOwner(host)) ?? {})
      : { charmDirectory, ...(unitName === undefined ? {} : { unitName }) };
  const record: OwnerRecord = { layout, ...me };
  const isSame =
    before?.layout === layout &&
    before.unitName === record.unitName &&
    before.charmDirectory === record.charmDirectory;
  if (isSame) return;
  await host.fs.makeDirectory(paths.state, ownership(root, "0700"));
  await host.fs.write(paths.owner, `${JSON.stringify(record)}\n`, ownership(root, "0600"));
}
