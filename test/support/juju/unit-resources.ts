import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import type { FileResource } from "./agent-state.ts";
import type { AgentStore } from "./agent-store.ts";
import type { UnitPaths } from "./unit-paths.ts";

/** The folder of the files that the controller has, in the folder of the state. */
export const controllerFiles = "resources";

/**
 * Gives the controller a file of a resource; the unit has it once it asks. Throws where there is no such resource, or
 * where the name of the operator's file does not end as the declared one.
 */
export function attachResource(
  store: AgentStore,
  paths: UnitPaths,
  attached: {
    readonly name: string;
    readonly content: string | Uint8Array;
    readonly file: string | undefined;
  },
): void {
  const { name, content, file } = attached;
  const declared = store.read().resources[name];
  if (declared === undefined) throw new Error(`resource "${name}" not found`);
  const [given, expected] = [posix.extname(file ?? declared.path), posix.extname(declared.path)];
  if (given !== expected)
    throw new Error(`incorrect extension on resource upload "${file}", expected "${expected}"`);
  const path = join(paths.onHost(paths.fake), controllerFiles, name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, content, { mode: 0o600 });
  store.change(({ resources }) => ({ resources: { ...resources, [name]: { ...declared, uploaded: true } } }));
}

/** The resources of another revision of the charm: what was attached under a name that stays is kept. */
export function refreshedResources(
  before: Readonly<Record<string, FileResource>>,
  declared: Readonly<Record<string, FileResource>>,
): Readonly<Record<string, FileResource>> {
  return Object.fromEntries(
    Object.entries(declared).map(([name, resource]) => [
      name,
      { ...resource, uploaded: before[name]?.uploaded ?? false },
    ]),
  );
}
