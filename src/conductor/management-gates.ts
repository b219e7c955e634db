import type { Host } from "../host/host.ts";
import type { Api, ApiFault } from "../management/api.ts";
import type { ApiResources, Wanted } from "../management/api-resources.ts";
import { type Connection, connect } from "../management/connection.ts";
import { kubeconfigGate } from "../management/expiry.ts";
import { kindsOf } from "../management/kinds.ts";
import { type Management, readManagement } from "../management/kubeconfig.ts";
import { lifecycleState } from "../management/lifecycle.ts";
import { judgeConnection } from "../management/login.ts";
import { adminState, askPermissions, permissionsState, projectsState } from "../management/permissions.ts";
import { type Survey, survey, verdictState } from "../management/verdict.ts";
import { closed, type Gate, type GateState } from "../reconcile/gate.ts";
import { type Config, leavesApiResources } from "./config.ts";
import { type DriverLogin, driverLoginId } from "./driver-login.ts";
import { settingsAsOptions } from "./driver-values.ts";
import { committedWish, type Wish } from "./wish.ts";

/** What holds where a gate on the management cluster is open. */
const titles = {
  "management-tcp": "the management API server takes connections",
  "management-tls": "the kubeconfig's authority vouches for the management API server",
  "management-login": "the management API server takes the kubeconfig's credentials",
  "management-permissions": "every permission that the driver and helm use is granted",
  "management-api-versions": "every kind is served and readable at a version that the driver can judge",
  "management-projects": "every namespace that the rights name is prepared",
  "management-lifecycle": "the management cluster goes on serving what the driver reads",
  "management-admin": "the kubeconfig is no cluster administrator's",
} as const;

type Name = keyof typeof titles;

/** What one look at the management cluster says to each gate. */
type Look = Readonly<Record<Name, GateState>>;

/** Whether a gate is about the management cluster: no way back on the unit would open it. */
export function isManagementGate(id: string): boolean {
  return Object.hasOwn(titles, id) || ["kubeconfig-valid", driverLoginId, "chart-reachable"].includes(id);
}

/** The kubeconfig of a configuration, as the driver reads it: what it can't read is in no configuration. */
export function managementOf({ kubeconfig }: Pick<Config, "kubeconfig">): Management {
  const read = readManagement(kubeconfig);
  if ("server" in read) return read;
  throw new Error(`a kubeconfig was accepted that the driver can't read: ${read.reason}`);
}

/** What the driver's own client is asked to do with a configuration. */
export function driverLogin(config: Config): DriverLogin {
  const kinds = kindsOf(config["driver-version"]).map(({ name }) => name);
  return { management: managementOf(config), kinds };
}

/** What the namespaces of Magnum's projects begin with (driver 1.4.0, conf.py). */
export function namespacePrefix(config: Pick<Config, "capi-helm-options" | "driver-version">): string {
  const settings = settingsAsOptions(config["capi-helm-options"], config["driver-version"]);
  return settings.find(({ name }) => name === "namespace_prefix")?.value ?? "magnum";
}

/** Asks the management cluster of a configuration, and ends the connection. */
export async function askManagement<T>(
  host: Host,
  config: Config,
  ask: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = connect(host, managementOf(config), config.proxies);
  try {
    return await ask(connection);
  } finally {
    connection.close();
  }
}

function surveyFor(
  api: Api,
  config: Config,
  apiResources: Wanted["apiResources"] = JSON.parse(config["api-resources"]) as ApiResources,
): Promise<Survey | ApiFault> {
  return survey(api, {
    driverVersion: config["driver-version"],
    chartVersion: config["chart-version"],
    chartName: config["chart-name"],
    apiResources,
  });
}

function faultState({ cure, reason, remedy }: ApiFault): GateState {
  return closed(cure, reason, remedy);
}

async function look(api: Api, config: Config, now: Date): Promise<Look> {
  const { tcp, tls, login } = await judgeConnection(api, managementOf(config), now);
  const reached = { "management-tcp": tcp, "management-tls": tls, "management-login": login };
  const rest: GateState = { state: "not checked", reason: "the management cluster did not answer" };
  if (login.state !== "open") {
    return {
      ...reached,
      "management-permissions": rest,
      "management-projects": rest,
      "management-api-versions": rest,
      "management-lifecycle": rest,
      "management-admin": rest,
    };
  }
  const projects = { prefix: namespacePrefix(config) };
  const [granted, found] = await Promise.all([askPermissions(api, projects), surveyFor(api, config)]);
  return {
    ...reached,
    "management-permissions": "fault" in granted ? faultState(granted) : permissionsState(granted, projects),
    "management-projects": "fault" in granted ? rest : projectsState(granted, projects),
    "management-api-versions": "fault" in found ? faultState(found) : verdictState(found.verdict),
    "management-lifecycle": "fault" in found ? rest : lifecycleState(found),
    "management-admin": "fault" in granted ? rest : adminState(granted),
  };
}

/** The gates on the management cluster, which is asked once for all of them; what is no reason to stop is a note. */
export function managementGates(config: Config): readonly Gate[] {
  let seen: Promise<Look> | undefined;
  const lookOnce = (host: Host) => {
    seen ??= askManagement(host, config, (api) => look(api, config, host.now()));
    return seen;
  };
  const gates = (Object.keys(titles) as Name[]).map((id) => ({
    id,
    title: titles[id],
    check: async (host: Host) => (await lookOnce(host))[id],
  }));
  return [kubeconfigGate(managementOf(config), config["expiry-warning-days"]), ...gates];
}

/**
 * The wish with what `api-resources=auto` comes to by what the management cluster serves; what it came to before stays
 * while that can't be told, or while no choice would do.
 */
export async function withApiResources(host: Host, wish: Wish, config: Config): Promise<Wish> {
  if (wish.apiResources !== undefined || !leavesApiResources(wish.options)) return wish;
  const found = await askManagement(host, config, (connection) => surveyFor(connection, config, "auto"));
  const isUsable = !("fault" in found) && found.verdict.state !== "broken";
  const chosen = isUsable ? found.verdict.apiResources : (await committedWish(host))?.apiResources;
  return chosen === undefined ? wish : { ...wish, apiResources: chosen };
}
