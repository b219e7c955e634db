import type { Host } from "../host/host.ts";
import type { State } from "../reconcile/resource.ts";

/** Debian's and Ubuntu's Python looks here for what pip installed. */
const library = "/usr/local/lib";

/** What names a package for the interpreter that it was installed for. */
interface Package {
  readonly name: string;
  readonly python: string;
}

/** Whether there is no interpreter any more that could be asked for its packages. */
export async function isOrphaned(host: Host, { python }: Package): Promise<boolean> {
  return (await host.run([python, "-c", ""], { timeoutMs: 30_000 })).code === 127;
}

async function foldersOf(host: Host, { name }: Package): Promise<readonly string[]> {
  const own = new RegExp(`^${name.replaceAll("-", "_")}(-[^/]*\\.dist-info)?$`);
  const pythons = ((await host.fs.list(library)) ?? []).filter((it) => /^python3(\.\d+)?$/.test(it));
  const found = pythons.map(async (it) => {
    const packages = `${library}/${it}/dist-packages`;
    return ((await host.fs.list(packages)) ?? [])
      .filter((entry) => own.test(entry))
      .map((entry) => `${packages}/${entry}`);
  });
  return (await Promise.all(found)).flat();
}

/** What is left of a package whose interpreter is gone. */
export async function observeOrphan(host: Host, it: Package): Promise<State | "absent"> {
  const folders = await foldersOf(host, it);
  return folders.length === 0 ? "absent" : { leftovers: folders.join(", ") };
}

/** Takes that away; pip, which would, is gone with the interpreter. */
export async function removeOrphan(host: Host, it: Package): Promise<void> {
  for (const folder of await foldersOf(host, it)) await host.fs.removeTree(folder);
}
