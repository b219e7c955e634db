import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import type { Wheel } from "./recipe.ts";

/**
 * Downloads a pure-Python wheel into `folder` with pip of this machine, and so from the index and with the
 * trust that it is configured with. `python` is the `major.minor` that the wheel is for. Throws when the
 * index does not have it or its sha256 is another one.
 */
export async function downloadWheel(wheel: Wheel, folder: string, python: string): Promise<void> {
  const requirements = `${wheel.project}==${wheel.version} --hash=sha256:${wheel.sha256}\n`;
  const file = join(folder, "requirements.txt");
  writeFileSync(file, requirements);
  const { failed, all } = await execa(
    "python3",
    [
      ...["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"],
      ...["--only-binary=:all:", "--python-version", python, "--dest", folder, "--requirement", file],
    ],
    { all: true, reject: false, stdin: "ignore", timeout: 600_000 },
  );
  rmSync(file);
  if (failed) throw new Error(`pip could not download ${wheel.project} ${wheel.version}:\n${all}`);
}
