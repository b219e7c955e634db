import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Entry, modes } from "./zip.ts";

/** Writes entries as a folder, with their modes and links. The folder must be empty or absent. */
export async function unpackEntries(entries: readonly Entry[], folder: string): Promise<void> {
  for (const { name, mode, content } of entries) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    if (mode === modes.link) {
      await symlink(content.toString(), path);
      continue;
    }
    await writeFile(path, content, { flag: "wx" });
    await chmod(path, mode & 0o777);
  }
}
