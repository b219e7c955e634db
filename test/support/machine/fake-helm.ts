import { readText } from "../../../src/host/host.ts";
import { sha256 } from "../../../src/resources/file.ts";
import { type Program, withoutUser } from "./scripted-host.ts";

/** An archive of helm for the fake `tar`: what matters of it is the folder's name and the version that it prints. */
export function helmArchive(version: string, architecture = "amd64"): Uint8Array {
  return Buffer.from(`archive of linux-${architecture}/helm ${version}`);
}

/** The digest of such an archive. */
export function helmDigest(version: string, architecture = "amd64"): string {
  return sha256(helmArchive(version, architecture));
}

/** `tar` that unpacks such an archive. */
export const fakeTar: Program = async (argv, _options, host) => {
  const words = argv[0] === "prlimit" ? argv.slice(argv.indexOf("tar")) : argv;
  if (words[0] !== "tar") return undefined;
  const [archive = "", into = "", member = ""] = [words[2], words[4], words.at(-1)];
  const text = (await readText(host.fs, archive)) ?? "";
  const found = /^archive of (\S+) (\S+)$/.exec(text);
  if (found === null)
    return { code: 2, stderr: "tar: This does not look like a tar archive\ntar: Exiting\n" };
  if (found[1] !== member) return { code: 2, stderr: `tar: ${member}: Not found in archive\ntar: Exiting\n` };
  await host.fs.makeDirectory(`${into}/${member}`.replace(/\/[^/]*$/, ""), { mode: "0755", uid: 0, gid: 0 });
  await host.fs.write(`${into}/${member}`, `helm ${found[2]}`, { mode: "0755", uid: 0, gid: 0 });
  return {};
};

/** Any file that came out of such an archive, run as helm. */
export const fakeHelm: Program = async (argv, _options, host) => {
  const [program = "", verb] = withoutUser(argv);
  if (!program.endsWith("/helm") || !["version", "list"].includes(verb ?? "")) return undefined;
  const version = /^helm (\S+)$/.exec((await readText(host.fs, program)) ?? "")?.[1];
  if (version === undefined)
    return { code: 126, stderr: `${program}: cannot execute binary file: Exec format error` };
  return { stdout: verb === "list" ? "[]\n" : `v${version}` };
};

/** A helm that finds every chart that it is asked for. */
export const fakeCharts: Program = (argv) => {
  const [shell, flag, script = "", , name = "", ...options] = withoutUser(argv);
  if (shell !== "sh" || flag !== "-c" || !script.includes("show chart")) return undefined;
  const version = options[options.indexOf("--version") + 1];
  return { stdout: `name: ${name.split("/").at(-1)}\nversion: ${version}\n` };
};
