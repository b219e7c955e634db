import { type Host, HostFault } from "../host/host.ts";
import type { ApiResources, Wanted } from "../management/api-resources.ts";
import { connect } from "../management/connection.ts";
import { isFinding, readManagement } from "../management/kubeconfig.ts";
import { type Planned, type UpgradeCheck, upgradeCheck } from "../management/upgrade-check.ts";
import { type Survey, survey } from "../management/verdict.ts";
import { type Config, parseConfig, parseOptions, type Refusal } from "./config.ts";
import { lastWish } from "./graft.ts";
import type { Wish } from "./wish.ts";

/** What a plan comes to for a unit; `notAsked`: why the management cluster has no word in it. */
export interface Checked {
  readonly end: "checked";
  readonly check: UpgradeCheck;
  readonly notAsked?: string;
}

type Options = Omit<Config, "kubeconfig">;

/** What is wanted of the driver and the chart. `raw`: `api-resources` as the operator has it. */
function wantedOf(options: Options, raw: unknown): Wanted {
  const isAuto = raw === undefined || raw === "auto";
  return {
    driverVersion: options["driver-version"],
    chartVersion: options["chart-version"],
    chartName: options["chart-name"],
    apiResources: isAuto ? "auto" : (JSON.parse(options["api-resources"]) as ApiResources),
  };
}

function allowedCidrsOf(options: Options): string {
  const setting = options["capi-helm-options"].find(({ name }) => name === "api_master_lb_allowed_cidrs");
  return [setting?.value ?? ""].flat().join(",");
}

async function found(
  host: Host,
  config: Config,
  wanted: Wanted,
): Promise<Survey | { readonly reason: string }> {
  const management = readManagement(config.kubeconfig);
  if (isFinding(management)) return management;
  const connection = connect(host, management, config.proxies);
  try {
    return await survey(connection, wanted);
  } finally {
    connection.close();
  }
}

function defaults(): Options {
  const parsed = parseOptions({});
  if ("refusals" in parsed) throw new Error("the options' defaults are refused");
  const { kubeconfig: _, ...options } = parsed.options;
  return options;
}

/**
 * Says what a plan comes to for what is wanted of this unit, with what its management cluster serves now, where that
 * answers; for the options' defaults where nothing is wanted here. Writes nothing.
 */
export async function checkUpgrade(
  host: Host,
  wish: Wish | undefined,
  planned: Planned,
): Promise<Checked | { readonly end: "refused"; readonly refusals: readonly Refusal[] }> {
  const config = wish === undefined ? undefined : parseConfig(wish.options, wish.kubeconfig, wish);
  if (config !== undefined && !("kubeconfig" in config)) return { end: "refused", refusals: config };
  const options = config ?? defaults();
  const wanted = wantedOf(options, wish?.options["api-resources"]);
  const end =
    config === undefined
      ? { reason: "nothing was applied here, so the options' defaults count" }
      : await found(host, config, wanted);
  const present = {
    wanted,
    helmVersion: options["helm-version"],
    options: { allowedCidrs: allowedCidrsOf(options) },
  };
  return "reason" in end
    ? { end: "checked", check: upgradeCheck(present, planned), notAsked: end.reason }
    : { end: "checked", check: upgradeCheck({ ...present, found: end }, planned) };
}

/** The same for what was last asked for on this unit. */
export async function checkUpgradeOfLast(host: Host, planned: Planned): Promise<Checked> {
  const end = await checkUpgrade(host, await lastWish(host), planned);
  if (end.end === "checked") return end;
  const [first] = end.refusals;
  throw new HostFault(`${first?.option} is refused: ${first?.value}`, { remedy: first?.accepted ?? "" });
}
