import { isDirectItem, type Proxies } from "../host/proxy.ts";
import { managementServer } from "../management/kubeconfig.ts";

/** The model's proxies as Juju tells a hook of them; an empty text is none. A URL may hold a password. */
export interface ModelProxies {
  /** juju-http-proxy */
  readonly http: string;
  /** juju-https-proxy */
  readonly https: string;
  /** juju-no-proxy; Juju's own default is `127.0.0.1,localhost,::1`, also where there is no proxy. */
  readonly no: string;
}

/** What is wrong with a setting of the model; the value is not in it, since it may be a password. */
interface ProxyFinding {
  readonly setting: string;
  readonly accepted: string;
}

const login = "([A-Za-z0-9._~!&*+,;=:-]|%[0-9A-Fa-f]{2})+@";
const proxyUrl = new RegExp(`^https?://(${login})?([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:\\d{1,5})?/?$`);
const longestList = 32_000;
const longestUrl = 2_000;

function isProxy(text: string): boolean {
  return text === "" || (text.length <= longestUrl && proxyUrl.test(text) && URL.canParse(text));
}

function isList(text: string): boolean {
  return text === "" || (text.length <= longestList && text.split(",").every(isDirectItem));
}

function command(setting: string, value: string): string {
  return `juju model-config ${setting}=${value}`;
}

/** Whether the model has a proxy at all; without one, what is in no-proxy means nothing. */
export function hasProxy(told: ModelProxies | undefined): told is ModelProxies {
  return told !== undefined && (told.http !== "" || told.https !== "");
}

/** What can't be taken of the model's proxies: they end up in a file that a shell reads. Pure. */
export function judgeProxies(told: ModelProxies | undefined): readonly ProxyFinding[] {
  if (!hasProxy(told)) return [];
  const url = "http://HOST:PORT";
  const list = "a list without spaces";
  const findings = [
    { setting: "juju-http-proxy", good: isProxy(told.http), accepted: url, value: "URL" },
    { setting: "juju-https-proxy", good: isProxy(told.https), accepted: url, value: "URL" },
    { setting: "juju-no-proxy", good: isList(told.no), accepted: list, value: "LIST" },
  ];
  return findings.flatMap(({ setting, good, accepted, value }) =>
    good ? [] : [{ setting, accepted: `${accepted}; ${command(setting, value)}` }],
  );
}

/**
 * The proxies that the unit uses, out of those that `judgeProxies` finds good; `undefined` for none. This machine is
 * always reached directly, and the management cluster unless the operator wants otherwise.
 */
export function proxiesOf(
  told: ModelProxies | undefined,
  { kubeconfig, managementDirect }: { readonly kubeconfig: string; readonly managementDirect: boolean },
): Proxies | undefined {
  if (!hasProxy(told)) return undefined;
  const management = managementDirect ? managementServer(kubeconfig)?.hostname : undefined;
  const items = [
    ...told.no.split(",").filter((it) => it !== ""),
    ...["localhost", "127.0.0.1", "::1"],
    ...(management === undefined ? [] : [management.replace(/^\[|\]$/g, "")]),
  ];
  return {
    ...(told.http === "" ? {} : { http: told.http }),
    ...(told.https === "" ? {} : { https: told.https }),
    direct: [...new Set(items)],
  };
}
