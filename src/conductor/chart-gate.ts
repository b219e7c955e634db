import { parse } from "yaml";
import type { CommandResult, Cure, Host } from "../host/host.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { asDaemon, type Conductor } from "./conductor.ts";
import type { Config } from "./config.ts";
import { afterDefaults, liveRoots, type Roots } from "./roots.ts";

/** What chart the driver will ask helm for. */
export type ChartChoice = Pick<Config, "chart-name" | "chart-repository" | "chart-version">;

/** helm's own time, and what the shell around it may take more. */
const helmSeconds = 60;

const exits = { noCache: 97, noHelm: 98, late: 124 } as const;

/**
 * helm as the driver starts it, but for the cache: one of its own, made where helm's would be, so that it is proved to be
 * writable and nothing is left behind. helm looks for a chart's name in the working directory first, which is the
 * daemon's home (Debian's init script).
 */
const showChart = `
cd "$HOME" 2>/dev/null
command -v helm >/dev/null || exit ${exits.noHelm}
place=\${HELM_REPOSITORY_CACHE:-\${HELM_CACHE_HOME:-\${XDG_CACHE_HOME:-$HOME/.cache}/helm}/repository}
while [ ! -e "$place" ] && [ "$place" != / ] && [ "$place" != . ]; do place=$(dirname "$place"); done
own=$(mktemp -d "$place/.capi-graft.XXXXXX") || exit ${exits.noCache}
trap 'rm -rf "$own"' EXIT
unset HELM_REPOSITORY_CACHE
HELM_CACHE_HOME=$own timeout -k 5 ${helmSeconds} helm show chart "$@"
`;

/** How helm 3 words what is wrong, and what that means. The first that fits counts. */
const faults: readonly {
  readonly says: RegExp;
  readonly cure: Cure;
  reason(chart: ChartChoice, said: string): string;
  readonly remedy: string;
}[] = [
  {
    says: /not found in \S+ repository$|: not found$|a version matching|locate any tags|manifest unknown/,
    cure: "operator",
    reason: (it) => `${sourceOf(it)} has no ${nameOf(it)} ${it["chart-version"]}`,
    remedy: "set chart-version",
  },
  {
    says: /^path "[^"]*" not found$|no such file or directory/,
    cure: "operator",
    reason: (it) => `there is no chart at ${sourceOf(it)}`,
    remedy: "set chart-name",
  },
  {
    says: /x509:|certificate|TLS handshake$|HTTP response to HTTPS/,
    cure: "operator",
    reason: (it, said) => `${sourceOf(it)} can't be trusted: ${said}`,
    remedy: "update-ca-certificates",
  },
  {
    says: /\b40[13]\b|unauthorized|denied: |authentication required/i,
    cure: "operator",
    reason: (it) => `${sourceOf(it)} wants a login`,
    remedy: "set chart-repository",
  },
  {
    says: /(: |status code )404\b/,
    cure: "operator",
    reason: (it, said) => `${sourceOf(it)}: ${said}`,
    remedy: "set chart-repository",
  },
  {
    says: /unmarshal|no API version|yaml: /,
    cure: "operator",
    reason: (it) => `${sourceOf(it)} is no chart repository`,
    remedy: "set chart-repository",
  },
  {
    says: /dial tcp|lookup |timeout|deadline exceeded|connection re|EOF|proxyconnect|: (5\d\d|429) |status code (5\d\d|429)/i,
    cure: "time",
    reason: (it, said) => `${sourceOf(it)} can't be reached: ${said}`,
    remedy: "is the egress open?",
  },
];

function isPath({ "chart-name": name }: ChartChoice): boolean {
  return name.startsWith("/");
}

function nameOf({ "chart-name": name }: ChartChoice): string {
  return name.split("/").at(-1) ?? name;
}

function sourceOf({ "chart-name": name, "chart-repository": repository }: ChartChoice): string {
  return repository === "" ? name : repository;
}

/** What introduces the reason in helm's messages, and repeats the URL. */
const introductions =
  /^(Error: |looks like "[^"]*" is not a valid chart repository or cannot be reached: |Get "[^"]*": )+/;

/** The last line of what helm said that is no warning, without what introduces it, and without a login. */
function complaint(stderr: string): string {
  const lines = stderr.split("\n").filter((it) => it.trim() !== "" && !/^(WARNING|level=)/.test(it));
  const last = lines.at(-1)?.trim().replace(introductions, "") ?? "";
  return last.replaceAll(/\/\/[^/\s"]*@/g, "//...@");
}

function judgeFault(chart: ChartChoice, { code, stderr, timedOut }: CommandResult): GateState {
  if (code === exits.noHelm) return { state: "not checked", reason: "helm is not on the conductor's PATH" };
  const said = complaint(stderr);
  if (code === exits.noCache)
    return closed("operator", `helm can't write its cache: ${said}`, "give that folder to the conductor");
  if (timedOut || code === exits.late)
    return closed("time", `${sourceOf(chart)}: no answer within ${helmSeconds} s`, "is the egress open?");
  const fault = faults.find(({ says }) => says.test(said));
  if (fault === undefined) return closed("operator", `helm show chart: ${said}`, "set chart-name");
  return closed(fault.cure, fault.reason(chart, said), fault.remedy);
}

function readChart(stdout: string): { readonly name: string; readonly version: string } | undefined {
  try {
    const chart = parse(stdout, { logLevel: "error" }) as Record<string, unknown> | null;
    const [name, version] = [chart?.["name"], chart?.["version"]];
    return typeof name === "string" && typeof version === "string" ? { name, version } : undefined;
  } catch {
    return undefined;
  }
}

function judgeChart(chart: ChartChoice, result: CommandResult): GateState {
  if (!result.ok) return judgeFault(chart, result);
  const found = readChart(result.stdout);
  if (found === undefined) return closed("operator", `${sourceOf(chart)} is no chart`, "set chart-name");
  const detail = `${found.name} ${found.version}`;
  if (found.version === chart["chart-version"]) return open(detail);
  // Of a path helm takes what is there, whatever --version says.
  if (isPath(chart)) return open(`${detail}, for chart-version means nothing for a path`);
  const reason = `${sourceOf(chart)} gives ${detail} for ${chart["chart-version"]}`;
  return closed("operator", reason, "set chart-version");
}

/** The command line as the driver makes it (driver 1.4.0, helm.py): without a repository there is no `--repo`. */
async function ask(host: Host, unit: Conductor, chart: ChartChoice, roots: Roots): Promise<CommandResult> {
  const { "chart-name": name, "chart-repository": repository, "chart-version": version } = chart;
  const source = repository === "" ? [] : ["--repo", repository];
  const words = [name, ...source, "--version", version];
  const argv = [...asDaemon(unit), "sh", "-c", afterDefaults(roots, showChart), "sh", ...words];
  return await host.run(argv, { timeoutMs: (helmSeconds + 15) * 1_000 });
}

/**
 * The chart can be fetched by the daemon's user, with its environment, by the helm on its PATH. It asks the repository,
 * which takes seconds: for a change, and where somebody asks.
 */
export function chartGate(unit: Conductor, chart: ChartChoice, roots: Roots = liveRoots): Gate {
  return {
    id: "chart-reachable",
    title: "the chart can be fetched as the daemon would",
    check: async (host) => judgeChart(chart, await ask(host, unit, chart, roots)),
  };
}
