import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { execa } from "execa";

/** How apt of this machine reaches its packages. */
export interface AptSettings {
  /** Base address of the Debian archive that apt of this machine uses; undefined: the tools' default. */
  readonly archive?: string;
  /** An apt configuration file for use inside a new root, and the folder of the files that it names. */
  readonly folder: string;
}

/** Where a new root sees the folder of `AptSettings`. */
export const aptSettingsInside = "/run/rig-apt";

const kept =
  /^Acquire::(https?|Retries|Check-Date|Check-Valid-Until|Max-FutureTime|ForceIPv[46]|Proxy.*)(::|$)/;

const hostBundle = "/etc/ssl/certs/ca-certificates.crt";

/** Reads what apt of this machine is configured with (proxies, trust, archive) and writes it into `folder` for a new root. */
export async function readAptSettings(folder: string): Promise<AptSettings> {
  mkdirSync(folder, { recursive: true });
  const dump = await ask(["apt-config", "dump", "Acquire"]);
  const trust = existsSync(hostBundle) ? [`Acquire::https::CAInfo "${hostBundle}";`] : [];
  const lines = [...trust, ...dump.split("\n")].map((line, index) => forNewRoot(line, `${index}`, folder));
  writeFileSync(join(folder, "apt.conf"), lines.join(""));
  const archive = await archiveOfThisMachine();
  return archive === undefined ? { folder } : { folder, archive };
}

/** A line of `apt-config dump` as a new root needs it, with the file that it names copied; empty when it does not. */
function forNewRoot(line: string, prefix: string, folder: string): string {
  const [, key, value] = /^(\S+) "(.*)";$/.exec(line) ?? [];
  if (key === undefined || value === undefined || value === "" || !kept.test(key)) return "";
  if (!value.startsWith("/") || !existsSync(value)) return `${key} "${value}";\n`;
  const name = `${prefix}-${basename(value)}`;
  copyFileSync(value, join(folder, name));
  return `${key} "${aptSettingsInside}/${name}";\n`;
}

async function archiveOfThisMachine(): Promise<string | undefined> {
  const targets = await ask(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"]);
  const uris = targets.split("\n").filter((line) => line.startsWith("Debian|Debian|"));
  return uris[0]?.slice("Debian|Debian|".length).replace(/\/$/, "");
}

async function ask(argv: readonly [string, ...string[]]): Promise<string> {
  const { failed, stdout } = await execa(argv[0], argv.slice(1), { reject: false, timeout: 60_000 });
  return failed ? "" : stdout;
}
