import { BlockList, isIP } from "node:net";

/** Forward proxies by the scheme of what is fetched, and what is reached without them. A URL may hold a password. */
export interface Proxies {
  /** URL of the proxy for http URLs; without one they are fetched directly. */
  readonly http?: string;
  /** The same for https URLs. */
  readonly https?: string;
  /** Hosts, domains, addresses and networks that are reached directly, as in `no_proxy`; `*` is all. */
  readonly direct: readonly string[];
}

const familyNames = { 4: "ipv4", 6: "ipv6" } as const;

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const family = isIP(address);
  return family === 4 || family === 6 ? familyNames[family] : undefined;
}

/** A network or address, `10.0.0.0/8` or `fd00::1`; `undefined` where the item is a name. */
function network(item: string): BlockList | undefined {
  const [address = "", prefix] = item.split("/");
  const family = familyOf(address);
  if (family === undefined) return undefined;
  const most = family === "ipv4" ? 32 : 128;
  const bits = prefix === undefined ? most : Number(prefix);
  if (!/^\d{0,3}$/.test(prefix ?? "") || prefix === "" || bits > most) return undefined;
  const list = new BlockList();
  list.addSubnet(address, bits, family);
  return list;
}

function withoutPort(item: string): { readonly host: string; readonly port: string } {
  const [, bracketed, bracketedPort = ""] = /^\[(.+)\](?::(\d+))?$/.exec(item) ?? [];
  if (bracketed !== undefined) return { host: bracketed, port: bracketedPort };
  const [, host, port] = /^([^:]+):(\d+)$/.exec(item) ?? [];
  return host === undefined || port === undefined ? { host: item, port: "" } : { host, port };
}

function matches(item: string, host: string, port: string): boolean {
  if (item === "*") return true;
  const wanted = withoutPort(item.toLowerCase());
  if (wanted.port !== "" && wanted.port !== port) return false;
  const family = familyOf(host);
  if (family !== undefined) return network(wanted.host)?.check(host, family) === true;
  const name = wanted.host.replace(/^\*?\./, "");
  return name !== "" && (host === name || host.endsWith(`.${name}`));
}

/** Whether an item of `no_proxy` is well formed: a name, `.domain`, address, network or `*`, with a port if need be. */
export function isDirectItem(item: string): boolean {
  if (item === "*") return true;
  const { host } = withoutPort(item);
  return network(host) !== undefined || /^(\*?\.)?[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?$/.test(host);
}

/** The proxy to fetch this URL through; `undefined` to fetch it directly. Names match their subdomains too. */
export function proxyFor(url: URL, proxies: Proxies | undefined): string | undefined {
  const proxy = url.protocol === "https:" ? proxies?.https : proxies?.http;
  if (proxies === undefined || proxy === undefined) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return proxies.direct.some((item) => matches(item, host, port)) ? undefined : proxy;
}

/** A proxy's URL as it may be shown: without user and password. */
export function showProxy(proxy: string): string {
  const { protocol, host } = new URL(proxy);
  return `${protocol}//${host}`;
}

/** Whether one of these proxies asks for a login, so that its URL is a secret. */
export function haveLogin({ http = "", https = "" }: Proxies): boolean {
  return [http, https].some((it) => it.includes("@"));
}

/** The variables that programs read them from: in both cases, since some look at one of them only. */
export function proxyVariables(proxies: Proxies | undefined): Readonly<Record<string, string>> {
  if (proxies === undefined) return {};
  const { http, https, direct } = proxies;
  const entries = Object.entries({ http_proxy: http, https_proxy: https, no_proxy: direct.join(",") });
  return Object.fromEntries(
    entries.flatMap(([name, value]) =>
      value === undefined
        ? []
        : [
            [name, value],
            [name.toUpperCase(), value],
          ],
    ),
  );
}
