import { paths } from "../../src/conductor/paths.ts";
import type { Conductor } from "../rig/conductor.ts";
import { sh } from "../rig/look.ts";
import type { Site } from "../rig/site.ts";
import { benchFolder } from "./cheap-commands.ts";
import { type Figure, figure } from "./figures.ts";
import { putFirst } from "./put-first.ts";
import { answerOf, startPython } from "./python.ts";
import { pairwise, spread } from "./statistics.ts";

/** The service that repairs. */
export const watchService = "magnum-capi-helm-watch";

const cases = {
  "heal-drop-in": { path: paths.dropIn, edit: ["append", "# edited\n"] },
  "heal-kubeconfig": { path: paths.kubeconfig, edit: ["truncate"] },
  "heal-block": {
    path: paths.conductorDefaults,
    edit: ["cut", ["# BEGIN magnum-capi-helm", "# END magnum-capi-helm"]],
  },
  "heal-helm": { path: paths.helm, edit: ["copy", "/bin/true"] },
} as const;

type Healed = keyof typeof cases;

/** The repairs of the watch. */
export interface Heal {
  readonly figures: readonly Figure[];
  /** A path unit that starts `cp` and puts a file back so: ms; and how many times that a repair of the drop-in takes. */
  readonly trivial: { readonly ms: number; readonly ratio: number };
}

/** A path unit that puts a file back with `cp`: the least that any repair by systemd costs. Its case. */
async function placeTrivial(conductor: Conductor): Promise<object> {
  const [path, good] = [`${benchFolder}/trivial`, `${benchFolder}/trivial.good`];
  const units = "/run/systemd/system/bench-trivial";
  await sh(
    conductor,
    `mkdir -p ${benchFolder} && echo good | tee ${good} >${path}
     printf '[Path]\\nPathChanged=${path}\\n' >${units}.path
     printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh -c "cmp -s ${good} ${path} || cp ${good} ${path}"\\n' >${units}.service
     systemctl daemon-reload && systemctl start bench-trivial.path`,
  );
  return { name: "trivial", path, edit: ["append", "# edited\n"], graft: false };
}

/** Seconds from the end of a reinstallation of the principal's package until the watch has found its new process in line. */
async function timePackage(conductor: Conductor): Promise<number> {
  const script = `
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --reinstall /srv/debs/magnum-conductor_*.deb >/dev/null
    began=$(date +%s%3N)
    pid=$(systemctl show --property MainPID --value magnum-conductor)
    until grep '"inLine":true' ${paths.signature} | grep -q "\\"$pid\\":\\""; do
      [ $(date +%s%3N) -lt $((began + 120000)) ] || exit 1
      sleep 0.05
    done
    echo $(($(date +%s%3N) - began))`;
  return Number(await sh(conductor, script)) / 1000;
}

/** Damages what belongs to the graft, on a unit with its watch on, and times the repairs. */
export async function measureHeal(
  { conductor }: Site,
  rounds: { readonly files: number; readonly packages: number },
): Promise<Heal> {
  const trivial = await placeTrivial(conductor);
  await putFirst(conductor, [watchService, "bench-trivial", "magnum-conductor", "magnum-api"]);
  const healed = Object.entries(cases).map(([name, each]) => ({ name, ...each, graft: true }));
  const request = {
    ...{ rounds: rounds.files, limit: 120, poll: 0.01, state: paths.state },
    ...{ watch: `${watchService}.service`, cases: [trivial, ...healed] },
  };
  const times = await answerOf<Record<Healed | "trivial", readonly number[]>>(
    startPython(conductor, "heal.py", request),
  );
  const packages: number[] = [];
  while (packages.length < rounds.packages) packages.push(await timePackage(conductor));
  const details: Record<Healed, string> = {
    "heal-drop-in": "a line more",
    "heal-kubeconfig": "truncated",
    "heal-block": "taken out",
    "heal-helm": "overwritten with /bin/true",
  };
  return {
    figures: [
      ...Object.entries(details).map(([id, detail]) => figure(id as Healed, times[id as Healed], detail)),
      figure("heal-package", packages, "apt-get install --reinstall magnum-conductor"),
    ],
    trivial: {
      ms: spread(times.trivial).median,
      ratio: spread(pairwise(times["heal-drop-in"], times.trivial)).median,
    },
  };
}
