import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { rigCache } from "../cache.ts";
import { withLock } from "../lock.ts";
import { type Progress, progressOf } from "../progress.ts";

/** Release of Kubernetes whose API server the rig runs. */
const kubernetesVersion = "v1.33.4";

/** Release of Cluster API whose core controller the rig runs. */
const controllerVersion = "v1.11.3";

const source = join(import.meta.dirname, "go");

/** What Go builds, by the name of the program: its package, and the variables that tell its version. */
const programs = {
  "kube-apiserver": {
    package: "./kube-apiserver",
    variables: {
      "k8s.io/component-base/version.gitVersion": kubernetesVersion,
      "k8s.io/component-base/version.gitMajor": "1",
      "k8s.io/component-base/version.gitMinor": "33",
    },
  },
  "capi-core-controller": {
    package: "sigs.k8s.io/cluster-api",
    variables: { "sigs.k8s.io/cluster-api/version.gitVersion": controllerVersion },
  },
} as const;

/** Paths of the programs of a management cluster. */
export type Binaries = Readonly<Record<keyof typeof programs, string>>;

/**
 * The programs of a management cluster, built by Go if they aren't in the cache (some minutes). Safe to call side by
 * side and to kill. Throws with the end of Go's output when it can't build them.
 */
export async function provisionBinaries(): Promise<Binaries> {
  const folder = join(binariesFolder(), binariesKey());
  if (existsSync(folder)) return binariesIn(folder);
  const progress = progressOf("provision management");
  return await withLock(
    join(binariesFolder(), "lock"),
    async () => {
      sweep();
      if (!existsSync(folder)) await build(folder, progress);
      return binariesIn(folder);
    },
    { progress },
  );
}

function binariesFolder(): string {
  return join(rigCache(), "management");
}

function binariesIn(folder: string): Binaries {
  return {
    "kube-apiserver": join(folder, "kube-apiserver"),
    "capi-core-controller": join(folder, "capi-core-controller"),
  };
}

/** Changes with what determines the programs; the number, with how this file makes them. */
function binariesKey(): string {
  const hash = createHash("sha256").update(JSON.stringify([1, process.arch, programs]));
  for (const file of ["go.mod", "go.sum", "kube-apiserver/main.go"])
    hash.update(readFileSync(join(source, file)));
  return hash.digest("hex").slice(0, 16);
}

/** Takes away what was built from another state of the sources and doesn't run, and what a killed build left. */
function sweep(): void {
  const running = new Set(globSync("/proc/[0-9]*/exe").map((link) => dirname(targetOf(link))));
  for (const entry of readdirSync(binariesFolder())) {
    const folder = join(binariesFolder(), entry);
    if (entry === "lock" || entry === binariesKey() || running.has(folder)) continue;
    rmSync(folder, { recursive: true, force: true });
  }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return ""; // the process ended meanwhile
  }
}

async function build(folder: string, progress: Progress): Promise<void> {
  const work = `${folder}.partial`;
  const module = join(work, "module");
  mkdirSync(work, { recursive: true });
  // Go writes nothing there: the module must be whole, or the build fails.
  cpSync(source, module, { recursive: true });
  for (const [name, { package: path, variables }] of Object.entries(programs)) {
    progress(`building ${name} with Go (minutes the first time)`);
    const told = Object.entries(variables).map(([variable, value]) => `-X ${variable}=${value}`);
    const ldflags = ["-s -w", ...told].join(" ");
    await go(
      ["build", "-mod=readonly", "-trimpath", "-ldflags", ldflags, "-o", join(work, name), path],
      module,
    );
  }
  rmSync(module, { recursive: true });
  renameSync(work, folder);
  progress("done");
}

/**
 * Runs Go in a folder to its end and returns what it printed. The checksum database lacks some modules of Kubernetes;
 * go.sum has them all.
 */
export async function go(argv: readonly string[], cwd: string): Promise<string> {
  const child = execa("go", argv, {
    env: { CGO_ENABLED: "0", GONOSUMDB: "k8s.io/*", GOWORK: "off" },
    stdin: "ignore",
    reject: false,
    timeout: 30 * 60_000,
    cwd,
  });
  const { failed, stdout, stderr, shortMessage } = await child;
  if (failed) throw new Error(`${shortMessage}\n${stderr.split("\n").slice(-15).join("\n")}`);
  return stdout;
}
