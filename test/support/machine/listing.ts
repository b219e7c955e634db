import type { Host } from "../../../src/host/host.ts";

/**
 * Every file and directory below some directories: what it is, whose, and its digest; with the
 * times of files where asked.
 */
export async function listing(
  host: Host,
  directories: readonly string[],
  options: { readonly times?: boolean } = {},
): Promise<Readonly<Record<string, string>>> {
  const entries: [string, string][] = [];
  const visit = async (path: string): Promise<void> => {
    const stat = await host.fs.stat(path);
    if (stat === undefined) return;
    const digest = stat.kind === "file" ? await host.fs.digest(path) : "";
    const time = options.times && stat.kind === "file" ? ` ${stat.changedAt}` : "";
    entries.push([path, `${stat.kind} ${stat.mode} ${stat.uid}:${stat.gid} ${digest}${time}`]);
    if (stat.kind !== "directory") return;
    for (const name of (await host.fs.list(path)) ?? []) await visit(`${path}/${name}`);
  };
  for (const directory of directories) await visit(directory);
  return Object.fromEntries(entries);
}
