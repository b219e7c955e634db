import type { Host } from "../host/host.ts";

/** What a machine's policy for its services is asked with (Debian's README.policy-rc.d); Juju's charms may put one there. */
export const policyProgram = "/usr/sbin/policy-rc.d";
/** Where the program that OpenStack's charms put there keeps its rules (charmhelpers, policy_rcd.py). */
export const policyRules = "/etc/policy-rc.d";

/** What the policy says to a start or restart: yes, no, or nothing that can be understood. */
export type PolicyAnswer =
  | { readonly answer: "allowed" | "denied" }
  | { readonly answer: "unclear"; readonly reason: string };

const limitMs = 10_000;
/** 1 and 105: there is no rule, which invoke-rc.d takes for yes, as it does 104. 127: no such program. */
const yes = new Set([0, 1, 104, 105, 127]);
/** 101: forbidden. 106: something else is to be done instead. 100: it does not know the service. */
const no = new Set([100, 101, 106]);

/** Run by a shell, as invoke-rc.d does: a policy may lack its first line, and one that may not be run is none. */
const script = 'test -x "$0" || exit 0; exec "$0" "$@"';

/**
 * Asks the machine's policy as invoke-rc.d and deb-systemd-invoke would before they start or restart a service; these
 * two call a service by different names, so it is asked for both. Takes 10 s at most for each.
 */
export async function askPolicy(
  host: Host,
  service: string,
  action: "start" | "restart",
): Promise<PolicyAnswer> {
  if ((await host.fs.stat(policyProgram)) === undefined) return { answer: "allowed" };
  for (const name of [service, `${service}.service`]) {
    const argv = ["/bin/sh", "-c", script, policyProgram, name, action];
    const { code, timedOut } = await host.run(argv, { timeoutMs: limitMs });
    if (no.has(code)) return { answer: "denied" };
    if (yes.has(code)) continue;
    const what = timedOut ? "gives no answer within 10 s" : `ends with ${code}`;
    return { answer: "unclear", reason: `policy-rc.d ${what}: ${name} ${action}` };
  }
  return { answer: "allowed" };
}
