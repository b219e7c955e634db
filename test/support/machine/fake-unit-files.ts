import type { Host } from "../../../src/host/host.ts";
import { readText } from "../../../src/host/host.ts";
import type { Program } from "./scripted-host.ts";

const directory = "/etc/systemd/system";

/** Units that stand in files of /etc/systemd/system, as systemd sees them. Tests change its fields. */
export interface FakeUnitFiles {
  /** What was loaded of each file, by the unit's name. */
  readonly loaded: Map<string, string>;
  readonly active: Set<string>;
  /** The verb that fails, if any. */
  failing: string;
  readonly program: Program;
}

async function wants(host: Host, name: string): Promise<string | undefined> {
  const target = /^WantedBy=(\S+)$/m.exec((await readText(host.fs, `${directory}/${name}`)) ?? "")?.[1];
  return target === undefined ? undefined : `${directory}/${target}.wants`;
}

async function enablement(host: Host, name: string): Promise<string> {
  const folder = await wants(host, name);
  if (folder === undefined) return "static";
  return (await host.fs.stat(`${folder}/${name}`)) === undefined ? "disabled" : "enabled";
}

async function show(host: Host, { loaded, active }: FakeUnitFiles, name: string): Promise<string> {
  const text = await readText(host.fs, `${directory}/${name}`);
  const known = loaded.get(name);
  return [
    `FragmentPath=${known === undefined ? "" : `${directory}/${name}`}`,
    `UnitFileState=${text === undefined ? "" : await enablement(host, name)}`,
    `ActiveState=${active.has(name) ? "active" : "inactive"}`,
    `NeedDaemonReload=${known === undefined || known === text ? "no" : "yes"}`,
    "",
  ].join("\n");
}

async function reload(host: Host, { loaded }: FakeUnitFiles): Promise<void> {
  loaded.clear();
  for (const name of (await host.fs.list(directory)) ?? []) {
    const stat = await host.fs.stat(`${directory}/${name}`);
    if (stat?.kind === "file") loaded.set(name, (await readText(host.fs, `${directory}/${name}`)) ?? "");
  }
}

async function enable(host: Host, name: string): Promise<void> {
  const folder = await wants(host, name);
  if (folder === undefined) return;
  await host.fs.makeDirectory(folder, { mode: "0755", uid: 0, gid: 0 });
  await host.fs.link(`${folder}/${name}`, `${directory}/${name}`);
}

/** What a verb does to a unit. */
async function act(host: Host, units: FakeUnitFiles, verb: string, name: string): Promise<void> {
  if (verb === "daemon-reload") await reload(host, units);
  if (verb === "enable") await enable(host, name);
  if (verb === "restart") units.active.add(name);
  if (verb === "stop") units.active.delete(name);
}

/** `systemctl` for names with a type; the others are left to the next program. */
export function fakeUnitFiles(): FakeUnitFiles {
  const units: FakeUnitFiles = {
    loaded: new Map(),
    active: new Set(),
    failing: "",
    program: async ([program, verb = "", ...words], _options, host) => {
      const name = words.find((word) => /\.(path|timer|service)$/.test(word)) ?? "";
      if (program !== "systemctl" || (name === "" && verb !== "daemon-reload")) return undefined;
      if (verb === units.failing) return { code: 1, stderr: `Failed to ${verb} ${name}: no reason.\n` };
      if (verb === "show") return { stdout: await show(host, units, name) };
      await act(host, units, verb, name);
      return {};
    },
  };
  return units;
}
