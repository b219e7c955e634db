import { temporarySuffix } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import { paths } from "./paths.ts";

const directories = [
  "/etc/magnum",
  paths.dropInDirectory,
  paths.defaults,
  paths.helmDirectory,
  paths.units,
  paths.state,
  paths.originals,
  paths.processes,
  paths.store,
  paths.transaction,
];

/** Removes what a killed run had staged, and the files that it was about to put in the place of others. */
export async function sweepTemporaryFiles(host: Host): Promise<void> {
  await host.fs.removeTree(paths.staging);
  for (const directory of directories) {
    for (const name of (await host.fs.list(directory)) ?? []) {
      if (name.startsWith(".") && name.endsWith(temporarySuffix))
        await host.fs.remove(`${directory}/${name}`);
    }
  }
}
