import { createHash } from "node:crypto";
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";

/** Our own chart with the kinds, names and policies of the real one; its version is a placeholder. */
const source = join(import.meta.dirname, "../fixtures/chart/openstack-cluster");

const chart = "openstack-cluster";

/** What the mirror has of it: the default, those that tests go to, the driver's own default, the newest and an older one. */
export const chartVersions = ["0.27.0", "0.25.1", "0.24.1", "0.24.0", "0.16.0", "0.10.1"] as const;

/** Of all that the packed charts come of. */
export function chartsDigest(): string {
  const hash = createHash("sha256").update(JSON.stringify([1, chartVersions]));
  for (const file of globSync(join(source, "**/*.*")).toSorted())
    hash.update(relative(source, file)).update(readFileSync(file));
  return hash.digest("hex");
}

/** Packs the chart in each version into a folder, with the index of a helm repository. `work` is made and taken away. */
export async function packCharts(folder: string, work: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const entries: unknown[] = [];
  for (const version of chartVersions) {
    const file = `${chart}-${version}.tgz`;
    await pack(version, join(folder, file), work);
    const digest = createHash("sha256")
      .update(readFileSync(join(folder, file)))
      .digest("hex");
    entries.push({ apiVersion: "v2", name: chart, version, urls: [file], digest });
  }
  writeFileSync(join(folder, "index.yaml"), stringify({ apiVersion: "v1", entries: { [chart]: entries } }));
}

async function pack(version: string, to: string, work: string): Promise<void> {
  const copy = join(work, chart);
  cpSync(source, copy, { recursive: true });
  const manifest = readFileSync(join(source, "Chart.yaml"), "utf8");
  writeFileSync(join(copy, "Chart.yaml"), manifest.replace("version: 0.0.0", `version: ${version}`));
  await execa("tar", [
    ...["--create", "--sort=name", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner"],
    ...["--mode=u=rwX,go=rX", "--mtime=@0", "--use-compress-program=gzip -n", "--file", to],
    ...["--directory", work, chart],
  ]);
  rmSync(work, { recursive: true });
}
