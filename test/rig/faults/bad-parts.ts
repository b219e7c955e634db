import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Scalar } from "../../support/juju/charm.ts";
import type { Conductor } from "../conductor.ts";
import { sh } from "../look.ts";
import { mirror } from "../mirror.ts";

type Options = Readonly<Record<string, Scalar>>;

const trap = "magnum_capi_helm_trap";

/** A module that every Python process imports at its start, by a `.pth` file; `body` runs where `holds` says so. */
function atStart(holds: string, body: string): Readonly<Record<string, string>> {
  const code = `import os, signal, sys, threading, time
with open("/proc/self/cmdline", "rb") as file:
    words = file.read().decode().split("\\0")
if ${holds}:
${body.replaceAll(/^/gm, "    ")}
`;
  return { [`${trap}.py`]: code, [`${trap}.pth`]: `import ${trap}\n` };
}

const isConductor = '"/usr/bin/magnum-conductor" in words and "--version" not in words';

const badWheels = {
  "import-fails": {
    "magnum_capi_helm/driver.py": 'raise ImportError("this driver can not be imported")\n',
  },
  "kills-the-conductor": atStart(isConductor, "os._exit(1)"),
  "kills-the-conductor-later": atStart(
    isConductor,
    `def end():
    time.sleep(8)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=end, daemon=True).start()`,
  ),
  "kills-the-api": atStart('"uwsgi" in words[0]', "os._exit(1)"),
} as const;

/** A driver of which something is wrong. */
export type BadWheel = keyof typeof badWheels;

/** Puts such a driver on the conductor's own mirror; returns the options that ask for it. No digest of it is known. */
export async function serveWheel(conductor: Conductor, kind: BadWheel): Promise<Options> {
  const version = `1.4.${101 + Object.keys(badWheels).indexOf(kind)}`;
  const folder = `${mirror.folder}/simple/magnum-capi-helm`;
  const maker = readFileSync(join(import.meta.dirname, "make-wheel.py"), "utf8");
  const argv = ["python3", "-c", maker, `${folder}/magnum_capi_helm-1.4.0-py3-none-any.whl`, folder, version];
  const { code, stderr } = await conductor.exec(argv, { input: JSON.stringify(badWheels[kind]) });
  if (code !== 0) throw new Error(`the wheel could not be made: ${stderr}`);
  return { "driver-version": version };
}

const badHelms = {
  /** Dies of a segmentation fault, whatever it is asked. */
  segfaults: "kill -SEGV $$",
  /** Does so for everybody but root, who looks at it first. */
  "segfaults-for-magnum": "[ $(id -u) = 0 ] || kill -SEGV $$\necho v3.17.1",
} as const;

/** A helm of which something is wrong. */
export type BadHelm = keyof typeof badHelms;

/** Puts such a helm on the conductor's own mirror, in the official layout; returns the options that ask for it. */
export async function serveHelm(conductor: Conductor, kind: BadHelm): Promise<Options> {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const script = `#!/bin/sh\n${badHelms[kind]}\n`;
  const file = `${kind}.tar.gz`;
  const { code, stdout, stderr } = await conductor.exec(
    [
      "sh",
      "-euc",
      `work=$(mktemp -d)
       mkdir "$work/linux-${architecture}"
       cat >"$work/linux-${architecture}/helm"
       chmod 0755 "$work/linux-${architecture}/helm"
       tar -czf ${mirror.folder}/helm/${file} -C "$work" linux-${architecture}
       rm -r "$work"
       sha256sum ${mirror.folder}/helm/${file}`,
    ],
    { input: script },
  );
  if (code !== 0) throw new Error(`the archive could not be made: ${stderr}`);
  return {
    "helm-version": "3.17.1",
    "helm-url": mirror.helmUrl.replace(/[^/]+$/, file),
    "helm-sha256": stdout.split(" ")[0] ?? "",
  };
}

/** Puts a full filesystem in the place of a folder, with what was in it; `freeDisk` makes room on it. */
export async function fillDisk(conductor: Conductor, folder: string): Promise<void> {
  await sh(
    conductor,
    `set -e
     size=$(du --summarize --block-size=1K ${folder} | cut -f1)
     mkdir /run/kept && cp --archive ${folder}/. /run/kept/
     mount -t tmpfs -o size=$((size + 512))k none ${folder}
     cp --archive /run/kept/. ${folder}/
     chown --reference=/run/kept ${folder} && chmod --reference=/run/kept ${folder}
     rm -r /run/kept
     dd if=/dev/zero of=${folder}/filler bs=4k 2>/dev/null || [ -s ${folder}/filler ]`,
  );
}

/** Makes room for everything. */
export async function freeDisk(conductor: Conductor, folder: string): Promise<void> {
  await sh(conductor, `rm ${folder}/filler && mount -o remount,size=90% ${folder}`);
}

/** A drop-in of systemd for the conductor, as somebody else may write one. Takes effect at the next start. */
export async function overrideConductor(conductor: Conductor, lines: string): Promise<void> {
  const folder = "/etc/systemd/system/magnum-conductor.service.d";
  const file = `${folder}/50-operator.conf`;
  const written = await conductor.exec(["sh", "-c", `mkdir -p ${folder} && cat >${file}`], { input: lines });
  if (written.code !== 0) throw new Error(written.stderr);
  await sh(conductor, "systemctl daemon-reload");
}

/** Takes it away again. */
export async function noOverride(conductor: Conductor): Promise<void> {
  await sh(conductor, "rm -r /etc/systemd/system/magnum-conductor.service.d && systemctl daemon-reload");
}
