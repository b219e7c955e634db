import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { rigCache } from "./cache.ts";
import { chartsDigest, packCharts } from "./charts.ts";
import { lowerFoldersInUse } from "./clones.ts";
import { withLock } from "./lock.ts";
import { type Progress, progressOf } from "./progress.ts";
import type { Wheel } from "./recipe.ts";
import { downloadWheel } from "./wheels.ts";

/** What the rig calls this machine's processor, as in the names of helm's tarballs. */
const architecture = process.arch === "x64" ? "amd64" : process.arch;

/** The first is what the charm installs by default, the second another one to come from or go to. */
const helmVersions = ["3.17.3", "3.17.2"] as const;

export type HelmVersion = (typeof helmVersions)[number];

const drivers: readonly Wheel[] = [
  {
    project: "magnum-capi-helm",
    version: "1.4.0",
    sha256: "1e0878ea39dbe6ea3d40674c0c443ee5a0494835bdfbcc4f8052bc1178f508b9",
  },
  {
    project: "magnum-capi-helm",
    version: "1.3.0",
    sha256: "0e1a8b3416afd4c1e173d72cd2840bda34766b3ea3eeea8f373e4919cc120dbf",
  },
];

/** Name of a tarball of helm on the mirror. */
export function helmTarballName(version: HelmVersion): string {
  return `helm-v${version}-linux-${architecture}.tar.gz`;
}

/** What tests download instead of the real thing, and the folder that a container's root gets it from. */
export interface Artifacts {
  /** A lower folder for the overlay of a container; `srv/mirror` in it is what the mirror serves. */
  readonly layer: string;
  readonly helmTarball: string;
}

/** The artifacts in the cache. Throws when they were not provisioned. */
function artifacts(): Artifacts {
  const folder = join(artifactsFolder(), artifactsKey());
  if (!existsSync(folder)) throw new Error("the rig's artifacts are not there: npm run rig -- provision");
  const layer = join(folder, "layer");
  return { layer, helmTarball: join(layer, "srv/mirror/helm", helmTarballName(helmVersions[0])) };
}

/** sha256, in lower-case hex, of a tarball of helm. Throws when the artifacts were not provisioned. */
export function helmSha256(version: HelmVersion): string {
  const { layer } = artifacts();
  return readFileSync(join(layer, "..", `${helmTarballName(version)}.sha256`), "utf8").trim();
}

/**
 * Fills the cache, if it isn't filled, with the driver's wheels, helm built by Go and wrapped as its official tarball
 * is, and the chart. Safe to call side by side and to kill.
 */
export async function provisionArtifacts(): Promise<Artifacts> {
  const key = artifactsKey();
  const folder = join(artifactsFolder(), key);
  if (existsSync(folder)) return artifacts();
  const progress = progressOf("provision artifacts");
  return await withLock(
    join(artifactsFolder(), "lock"),
    async () => {
      sweep(key);
      if (!existsSync(folder)) await build(folder, progress);
      return artifacts();
    },
    { progress },
  );
}

function artifactsFolder(): string {
  return join(rigCache(), "artifacts");
}

/** Changes with what determines the artifacts; the number, with how this file makes them. */
function artifactsKey(): string {
  const hash = createHash("sha256").update(
    JSON.stringify([2, helmVersions, architecture, drivers, chartsDigest()]),
  );
  return hash.digest("hex").slice(0, 16);
}

function sweep(key: string): void {
  const busy = lowerFoldersInUse();
  for (const entry of readdirSync(artifactsFolder())) {
    if (entry === key || entry === "lock" || busy.has(join(artifactsFolder(), entry, "layer"))) continue;
    rmSync(join(artifactsFolder(), entry), { recursive: true, force: true });
  }
}

async function build(folder: string, progress: Progress): Promise<void> {
  const work = `${folder}.partial`;
  const served = join(work, "layer/srv/mirror");
  await indexOfWheels(join(served, "simple"), progress);
  mkdirSync(join(served, "helm"), { recursive: true });
  for (const version of helmVersions) {
    const tarball = join(served, "helm", helmTarballName(version));
    await buildHelm(version, join(work, "build"), tarball, progress);
    writeFileSync(join(work, `${helmTarballName(version)}.sha256`), `${sha256Of(tarball)}\n`);
  }
  await packCharts(join(served, "charts"), join(work, "build"));
  renameSync(work, folder);
  progress("done");
}

/** A static folder that pip accepts as an index. */
async function indexOfWheels(simple: string, progress: Progress): Promise<void> {
  for (const wheel of drivers) {
    progress(`downloading ${wheel.project} ${wheel.version}`);
    const folder = join(simple, wheel.project);
    mkdirSync(folder, { recursive: true });
    await downloadWheel(wheel, folder, "3.11");
    const links = readdirSync(folder)
      .filter((file) => file.endsWith(".whl"))
      .map((file) => `<a href="${file}#sha256=${sha256Of(join(folder, file))}">${file}</a><br>\n`);
    writeFileSync(
      join(folder, "index.html"),
      `<!DOCTYPE html>\n<title>${wheel.project}</title>\n${links.join("")}`,
    );
  }
  const projects = [...new Set(drivers.map(({ project }) => `<a href="${project}/">${project}</a>\n`))];
  writeFileSync(join(simple, "index.html"), `<!DOCTYPE html>\n<title>index</title>\n${projects.join("")}`);
}

function sha256Of(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** Builds helm and packs it in the layout of the official tarball; the same Go makes the same bytes. */
async function buildHelm(
  version: HelmVersion,
  work: string,
  tarball: string,
  progress: Progress,
): Promise<void> {
  const module = "helm.sh/helm/v3";
  const tag = `v${version}`;
  const content = join(work, `linux-${architecture}`);
  mkdirSync(content, { recursive: true });
  progress(`building helm ${tag} with Go (minutes the first time)`);
  const ldflags = `-s -w -X ${module}/internal/version.version=${tag}`;
  await run("go", ["install", "-trimpath", "-ldflags", ldflags, `${module}/cmd/helm@${tag}`], {
    CGO_ENABLED: "0",
    GOBIN: content,
  });
  const { Dir: source } = JSON.parse(await run("go", ["mod", "download", "-json", `${module}@${tag}`]));
  for (const file of ["LICENSE", "README.md"]) copyFileSync(join(source, file), join(content, file));
  await run("tar", [
    ...["--create", "--sort=name", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner"],
    ...["--mode=u=rwX,go=rX", "--mtime=@0", "--use-compress-program=gzip -n", "--file", tarball],
    ...["--directory", work, `linux-${architecture}`],
  ]);
  rmSync(work, { recursive: true });
}

async function run(
  program: string,
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const child = execa(program, argv, { env, stdin: "ignore", reject: false, timeout: 30 * 60_000, cwd: "/" });
  const { failed, stdout, stderr, shortMessage } = await child;
  if (failed) throw new Error(`${shortMessage}\n${stderr.split("\n").slice(-15).join("\n")}`);
  return stdout;
}
