import { setTimeout as sleep } from "node:timers/promises";
import type { Unit } from "../support/juju/unit.ts";
import type { Conductor } from "./conductor.ts";

/** Runs a shell script in a conductor. Throws with its output when it fails. */
export async function sh(conductor: Conductor, script: string): Promise<string> {
  const { code, stdout, stderr } = await conductor.exec(["sh", "-c", script]);
  if (code !== 0) throw new Error(`${script}\nended with ${code}\n${stdout}${stderr}`);
  return stdout;
}

const touched = "/etc /usr/local /var/lib/magnum-capi-helm";
const everything = `${touched} /usr/lib/python3/dist-packages`;
const ownRecords = ["signature.json", "processes", "heal.log", "repairs.json", "probation.json"]
  .map((name) => `-path /var/lib/magnum-capi-helm/${name}`)
  .join(" -o ");
const noise = `\\( -path /etc/ssl/certs -o -name __pycache__ -o ${ownRecords} \\) -prune -o`;

/**
 * Kind, mode, owner, link target and digest of all that a graft could touch, and the states of the units. `deep`
 * takes the distribution's own Python packages in, which costs seconds.
 */
export async function inventory(conductor: Conductor, depth: "usual" | "deep" = "usual"): Promise<string> {
  return await sh(
    conductor,
    `cd / && for tree in ${depth === "deep" ? everything : touched}; do
       [ -e "$tree" ] || continue
       find "$tree" ${noise} -printf '%p %y %m %u:%g %l\\n'
       find "$tree" ${noise} -type f -print0 | xargs -0 -r sha256sum
     done | sort
     systemctl list-unit-files --no-legend --no-pager
     systemctl is-active magnum-conductor magnum-api || true`,
  );
}

/**
 * Inode, change and modification time of everything that a hook with nothing to do must leave alone; on request but for
 * our own note that the unit is in line, which a hook that refuses its options takes away.
 */
export async function stamps(
  conductor: Conductor,
  ownNote: "with our note" | "without it" = "with our note",
): Promise<string> {
  const except =
    ownNote === "without it"
      ? "! -name signature.json ! -name probation.json ! -path /var/lib/magnum-capi-helm"
      : "";
  const found = `! -name '*.pyc' ${except} -printf '%p %i %C@ %T@\\n'`;
  return await sh(conductor, `find /etc /usr/local /var/lib/magnum-capi-helm ${found} | sort`);
}

/** Forgets the repairs so far: a test of one repair is not one of the fuse. */
export async function forgetRepairs(conductor: Conductor): Promise<void> {
  await sh(conductor, "rm -f /var/lib/magnum-capi-helm/repairs.json");
}

/** Waits until the daemons have polled after a change, and the second look at it was made by the next hook. */
export async function pastProbation({
  conductor,
  unit,
}: {
  conductor: Conductor;
  unit: Unit;
}): Promise<void> {
  const probation = "/var/lib/magnum-capi-helm/probation.json";
  const due = await sh(
    conductor,
    `sed -n 's/.*"dueAt":\\([0-9]*\\).*/\\1/p' ${probation} 2>/dev/null || true`,
  );
  if (due.trim() === "") return;
  await sleep(Math.max(0, Number(due) - Date.now()) + 100);
  await unit.runHook("update-status");
}

/** Has the next hook look at a change as if the daemons had polled by now: for tests of something else. */
export async function endProbationNow({
  conductor,
  unit,
}: {
  conductor: Conductor;
  unit: Unit;
}): Promise<void> {
  await sh(
    conductor,
    `cd /var/lib/magnum-capi-helm && rm -f signature.json && sed -i 's/"dueAt":[0-9]*/"dueAt":1/' probation.json`,
  );
  await unit.runHook("update-status");
}

/** The main processes of the two services. */
export async function mainPids(conductor: Conductor): Promise<{ conductor: number; api: number }> {
  const pid = async (unit: string) =>
    Number(await sh(conductor, `systemctl show --property MainPID --value ${unit}`));
  return { conductor: await pid("magnum-conductor"), api: await pid("magnum-api") };
}

/** How often each service was started since the conductor booted, by the journal of its systemd. */
export async function starts(conductor: Conductor): Promise<{ conductor: number; api: number }> {
  const count = async (unit: string) =>
    Number(await sh(conductor, `journalctl --unit ${unit} --output cat | grep -c '^Started' || true`));
  return { conductor: await count("magnum-conductor.service"), api: await count("magnum-api.service") };
}

/** The arguments of the running conductor's main process. */
export async function commandLine(conductor: Conductor): Promise<readonly string[]> {
  const { conductor: pid } = await mainPids(conductor);
  return (await sh(conductor, `tr '\\0' '\\n' < /proc/${pid}/cmdline`)).trim().split("\n");
}

/** The PATH of the running conductor's main process. */
export async function livePath(conductor: Conductor): Promise<string> {
  const { conductor: pid } = await mainPids(conductor);
  return (await sh(conductor, `tr '\\0' '\\n' < /proc/${pid}/environ | sed -n 's/^PATH=//p'`)).trim();
}

/** A value as Magnum's own oslo.config resolves it for the conductor's arguments. */
export async function resolved(conductor: Conductor, group: string, name: string): Promise<string> {
  const code = `
import magnum.conf, magnum_capi_helm.conf
magnum.conf.CONF(["--config-file=/etc/magnum/magnum.conf", "--config-dir", "/etc/magnum/magnum.conf.d"], project="magnum")
print(magnum.conf.CONF[${JSON.stringify(group)}][${JSON.stringify(name)}])`;
  const result = await conductor.exec(["runuser", "-u", "magnum", "--", "python3", "-c", code], { cwd: "/" });
  if (result.code !== 0) throw new Error(result.stderr);
  return result.stdout.trim();
}

/** What a program's `--json` printed, with its exit code. */
export async function graftJson(
  conductor: Conductor,
  ...args: readonly string[]
): Promise<{ code: number; document: Report }> {
  const { code, stdout, stderr } = await conductor.exec(["/usr/local/bin/capi-graft", ...args, "--json"]);
  try {
    return { code, document: JSON.parse(stdout) as Report };
  } catch {
    throw new Error(`capi-graft ${args.join(" ")} printed no JSON: ${stdout}${stderr}`);
  }
}

/** The part of a report that tests look at. */
export interface Report {
  readonly "in-line": boolean;
  readonly outcomes: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly change?: { readonly drift: readonly { key: string; observed?: unknown; desired?: unknown }[] };
  }[];
  readonly gates: readonly { id: string; state: string; reason?: string; cure?: string }[];
}

/** `key: old -> new` of everything that a report says differs, by resource. */
export function driftOf(report: Report): Record<string, readonly string[]> {
  const differing = report.outcomes.filter(({ change }) => change !== undefined);
  return Object.fromEntries(
    differing.map(({ id, change }) => [
      id,
      (change?.drift ?? []).map(({ key, observed, desired }) => `${key}: ${observed} -> ${desired}`),
    ]),
  );
}
