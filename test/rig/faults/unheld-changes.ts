import type { Scalar } from "../../support/juju/charm.ts";
import type { Conductor } from "../conductor.ts";
import { sh } from "../look.ts";
import { mirror } from "../mirror.ts";
import { fillDisk, freeDisk, noOverride, overrideConductor, serveHelm, serveWheel } from "./bad-parts.ts";

type Options = Readonly<Record<string, Scalar>>;

/** A change of the configuration that can't hold, and what has to become of the unit. */
export interface UnheldChange {
  readonly title: string;
  /** Breaks something, and returns the change that meets it. */
  change(conductor: Conductor): Promise<Options>;
  /** What the status has to name: an id of a gate or a resource, or words that only its message has. */
  readonly names: RegExp;
  /**
   * `kept`: a look beforehand tells, so nothing is restarted. `restarted`: they run again as before. `lost`: what is
   * broken is not of the change, so that they can't run as before until it is cured.
   */
  readonly processes: "kept" | "restarted" | "lost";
  /** The part of the distribution that decides how it ends: such a change is tried on every recipe, others on one. */
  readonly dependsOn?: "Python" | "pip" | "systemd" | "oslo.config" | "magnum-api";
  /** Repairs what was broken; the option is then put right as well. */
  cure?(conductor: Conductor): Promise<unknown>;
}

const chart: Options = { "chart-version": "0.24.1" };
const foreign = "/etc/magnum/magnum.conf.d/99-operator.conf";

async function foreignDropIn(conductor: Conductor, text: string): Promise<Options> {
  await sh(conductor, `printf '${text}' >${foreign}`);
  return chart;
}

const removeForeign = (conductor: Conductor) => sh(conductor, `rm ${foreign}`);

function fullDisk(
  folder: string,
  names: RegExp,
  change: () => Options,
  processes: UnheldChange["processes"] = "kept",
): UnheldChange {
  return {
    title: `a full disk under ${folder}`,
    change: async (conductor) => {
      await fillDisk(conductor, await real(conductor, folder));
      return change();
    },
    names,
    processes,
    cure: async (conductor) => freeDisk(conductor, await real(conductor, folder)),
  };
}

async function real(conductor: Conductor, folder: string): Promise<string> {
  return (await sh(conductor, `echo ${folder}`)).trim();
}

/** Asked for late: without the rig's parts there is no digest. */
function otherHelm(): Options {
  const { version, url, sha256 } = mirror.otherHelm;
  return { "helm-version": version, "helm-url": url, "helm-sha256": sha256 };
}

/** All of them. */
export const unheldChanges: readonly UnheldChange[] = [
  {
    title: "a driver whose import fails",
    change: (conductor) => serveWheel(conductor, "import-fails"),
    names: /driver-enumerated|can't load its drivers/,
    processes: "kept",
    dependsOn: "Python",
  },
  {
    title: "a driver that kills the conductor at its start",
    change: (conductor) => serveWheel(conductor, "kills-the-conductor"),
    names: /reverted, ((service:)?magnum-conductor|magnum-conductor-stable): /,
    processes: "restarted",
    dependsOn: "systemd",
  },
  {
    title: "a driver that kills the conductor 8 s after its start",
    change: (conductor) => serveWheel(conductor, "kills-the-conductor-later"),
    names: /reverted, ((service:)?magnum-conductor|magnum-conductor-stable): /,
    processes: "restarted",
  },
  {
    title: "a driver that breaks only magnum-api",
    change: (conductor) => serveWheel(conductor, "kills-the-api"),
    names: /reverted, ((service:)?magnum-api|magnum-api-stable|magnum-api-answers): /,
    processes: "restarted",
    dependsOn: "magnum-api",
  },
  {
    title: "a helm that segfaults",
    change: (conductor) => serveHelm(conductor, "segfaults"),
    names: /helm-fetched|helm does not run/,
    processes: "kept",
  },
  {
    title: "a helm that segfaults for the daemons' user only",
    change: (conductor) => serveHelm(conductor, "segfaults-for-magnum"),
    names: /helm-on-path|helm that does not run/,
    processes: "kept",
  },
  {
    title: "an option of somebody else that oslo.config refuses",
    change: (conductor) => foreignDropIn(conductor, "[conductor]\\nworkers = many\\n"),
    names: /^not changed, magnum-conductor-options: \[conductor\] workers in 99-operator/,
    processes: "kept",
    dependsOn: "oslo.config",
    cure: removeForeign,
  },
  {
    title: "a later drop-in that breaks parsing",
    change: (conductor) => foreignDropIn(conductor, "[capi_helm\\nno assignment\\n"),
    names: /^not changed, magnum-conductor-options: Failed to parse 99-operator/,
    processes: "kept",
    dependsOn: "oslo.config",
    cure: removeForeign,
  },
  fullDisk("/etc/magnum", /\/etc\/magnum\/magnum.conf.d|free space/, () => chart),
  fullDisk("/var/lib/magnum-capi-helm", /\/var\/lib\/magnum-capi-helm|free space/, () => chart),
  fullDisk("/usr/local/bin", /\/usr\/local\/bin|free space/, otherHelm),
  // pip takes the old driver away before it finds no room for the new one, and puts it back.
  {
    ...fullDisk(
      "/usr/local/lib/python3.*/dist-packages",
      /(reverted|not changed), (pip-package:)?magnum-capi-helm: /,
      () => ({ "driver-version": "1.3.0" }),
      "restarted",
    ),
    dependsOn: "pip",
  },
  {
    title: "a restart that hangs once",
    change: async (conductor) => {
      const hang = "if [ ! -e /run/magnum-hung ]; then touch /run/magnum-hung; sleep infinity; fi";
      const start = `ExecStartPre=+/bin/sh -c "${hang}"\nTimeoutStartSec=infinity`;
      await overrideConductor(conductor, `[Service]\n${start}\n`);
      return chart;
    },
    names: /reverted, (service:)?magnum-conductor: /,
    processes: "restarted",
    dependsOn: "systemd",
    cure: noOverride,
  },
  {
    title: "a service that comes up with the old command line",
    change: async (conductor) => {
      const start = "/usr/bin/magnum-conductor --config-file=/etc/magnum/magnum.conf";
      await overrideConductor(conductor, `[Service]\nExecStart=\nExecStart=${start}\n`);
      return chart;
    },
    names: /magnum-conductor-live|runs without --config-dir|ExecStart/,
    processes: "lost",
    // The override was there before the restart that took it up, and so it takes one to be rid of it.
    cure: async (conductor) => {
      await noOverride(conductor);
      await sh(conductor, "systemctl restart magnum-conductor");
    },
  },
];
