import { type Host, readText } from "../host/host.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { type Markers, splitAtBlock } from "../resources/line-block.ts";
import { asDaemon, type Conductor } from "./conductor.ts";
import { paths, services } from "./paths.ts";

/** What an earlier graft by hand left, and what to do with it. */
interface Leftover {
  readonly what: string;
  readonly remedy: string;
}

function note(found: readonly Leftover[]): GateState {
  const [first] = found;
  if (first === undefined) return open();
  return closed("note", found.map(({ what }) => what).join("; "), first.remedy);
}

function leftover(id: string, title: string, look: (host: Host) => Promise<readonly Leftover[]>): Gate {
  return { id: `leftover-${id}`, title, check: async (host) => note(await look(host)) };
}

async function linesOf(host: Host, path: string): Promise<readonly string[]> {
  return ((await readText(host.fs, path)) ?? "").split("\n");
}

function unitsOf(unit: Conductor): readonly string[] {
  return unit.hasApi ? [services.conductor, services.api] : [services.conductor];
}

/** Drop-ins of systemd that set the command: they pass the init script by, and what it reads in /etc/default. */
async function execStarts(host: Host, unit: Conductor): Promise<readonly Leftover[]> {
  const found = await Promise.all(
    unitsOf(unit).map(async (service) => {
      const argv = ["systemctl", "show", service, "--property=DropInPaths", "--value"];
      const { stdout } = await host.run(argv, { timeoutMs: 5_000 });
      const files = stdout.split(/\s+/).filter((word) => word.startsWith("/"));
      const setting = await Promise.all(
        files.map(async (path) => (await linesOf(host, path)).some((line) => /^\s*ExecStart\s*=/.test(line))),
      );
      return files
        .filter((_, index) => setting[index])
        .map((path) => ({
          what: `${path} sets ExecStart of ${service}`,
          remedy: `rm ${path}; systemctl daemon-reload; systemctl restart ${service}`,
        }));
    }),
  );
  return found.flat();
}

/** `enabled_drivers` does nothing in Magnum 18 and 20: drivers are enabled unless `disabled_drivers` names them. */
async function enabledDrivers(host: Host): Promise<readonly Leftover[]> {
  const names = ((await host.fs.list(paths.dropInDirectory)) ?? []).filter((it) => it.endsWith(".conf"));
  const files = [paths.magnumConf, ...names.map((name) => `${paths.dropInDirectory}/${name}`)];
  const found = await Promise.all(
    files.map(async (path) => {
      const sets = (await linesOf(host, path)).some((line) => /^\s*enabled_drivers\s*[=:]/.test(line));
      const remedy = `take enabled_drivers out of that file`;
      return sets ? [{ what: `${path} sets enabled_drivers`, remedy }] : [];
    }),
  );
  return found.flat();
}

const debianPackage = "python3-magnum-capi-helm";

/** Other copies of the driver: which one is loaded depends on the order of Python's path. */
async function driverCopies(host: Host, unit: Conductor): Promise<readonly Leftover[]> {
  const { stdout } = await host.run(["dpkg-query", "--status", debianPackage], { timeoutMs: 5_000 });
  const installed = /^Status: \w+ ok installed$/m.test(stdout);
  const version = installed ? /^Version: (\S+)$/m.exec(stdout)?.[1] : undefined;
  const own = `${unit.home}/.local/lib`;
  const pythons = ((await host.fs.list(own)) ?? []).map((name) => `${own}/${name}/site-packages`);
  const copies = await Promise.all(
    pythons.map(async (folder) =>
      (await host.fs.stat(`${folder}/magnum_capi_helm`)) === undefined ? [] : [folder],
    ),
  );
  const ofUser = copies.flat().map((folder) => ({
    what: `a driver in ${folder} comes before the charm's`,
    remedy: `runuser -u ${unit.daemon.user} -- ${unit.python} -m pip uninstall magnum-capi-helm`,
  }));
  const ofDebian = {
    what: `${debianPackage} ${version} is installed too: the charm's driver comes before it`,
    remedy: `apt-get remove ${debianPackage}`,
  };
  return version === undefined ? ofUser : [...ofUser, ofDebian];
}

/** Lines beside our block that name a configuration directory, and what the conductor would get of others. */
async function wirings(host: Host, unit: Conductor, markers: Markers): Promise<readonly Leftover[]> {
  const files = [paths.conductorDefaults, paths.apiDefaults, paths.openstackDefaults];
  const lines = await Promise.all(
    files.map(async (path) => {
      const { before, after } = splitAtBlock((await readText(host.fs, path)) ?? "", markers);
      const line = `${before}\n${after}`.split("\n").find((it) => /^[^#]*--config-dir/.test(it));
      const remedy = `take that line out of ${path}`;
      return line === undefined ? [] : [{ what: `${path} has --config-dir: ${line.trim()}`, remedy }];
    }),
  );
  const found = lines.flat();
  const argv = [...asDaemon(unit), paths.conductorInit, "show-args"];
  const { stdout } = await host.run(argv, { timeoutMs: 5_000 });
  const directories = stdout.split(/\s+/).filter((word) => /^--config-dir(=|$)/.test(word)).length;
  if (found.length > 0 || directories < 2) return found;
  const what = `${services.conductor} would get --config-dir ${directories} times`;
  return [{ what, remedy: `look at ${paths.conductorDefaults}` }];
}

const otherFolders = ["/usr/local/sbin", "/usr/sbin", "/usr/bin", "/snap/bin"];

/** Other files and links of the name helm on the paths of the daemon and of people. */
async function otherHelms(host: Host): Promise<readonly Leftover[]> {
  const found = await Promise.all(
    otherFolders.map(async (folder) => {
      const path = `${folder}/helm`;
      const stat = await host.fs.stat(path);
      if (stat === undefined) return [];
      const target = stat.kind === "symlink" ? ` -> ${await host.fs.readLink(path)}` : "";
      const what = `${path}${target}`;
      return [{ what: `another helm: ${what}`, remedy: `rm ${path}` }];
    }),
  );
  return found.flat();
}

/** Notes on what a graft by hand left on the unit; nothing of it is taken away. Read-only, and quick. */
export function leftoverGates(unit: Conductor, markers: Markers): readonly Gate[] {
  return [
    leftover("exec-start", "no systemd drop-in sets the daemons' command", (host) => execStarts(host, unit)),
    leftover("enabled-drivers", "no file sets enabled_drivers", enabledDrivers),
    leftover("driver-copy", "there is one copy of the driver", (host) => driverCopies(host, unit)),
    leftover("wiring", "only the charm's block names a configuration directory", (host) =>
      wirings(host, unit, markers),
    ),
    leftover("helm", "there is one helm", otherHelms),
  ];
}
