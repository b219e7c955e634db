import template from "../../templates/etc.default.magnum-conductor.tmpl";
import { haveLogin, type Proxies, proxyVariables } from "../host/proxy.ts";
import { renderBlock } from "../resources/line-block.ts";
import { type Owner, root } from "../resources/owner.ts";
import type { Conductor } from "./conductor.ts";
import { paths } from "./paths.ts";
import { fill } from "./templates.ts";

/** The first and last line of our block in the files of /etc/default. */
export const markers = {
  begin: "# BEGIN magnum-capi-helm: written by the charm, change it with juju config",
  end: "# END magnum-capi-helm",
};

/** The directories that a daemon is wired to. */
interface Wiring {
  readonly dropIns: string;
  readonly helm: string;
}

const live: Wiring = { dropIns: paths.dropInDirectory, helm: paths.helmDirectory };

/** The values hold no quote (`judgeProxies`), so that between quotes the shell takes them as they are. */
function exports(proxies: Proxies | undefined): string {
  const lines = Object.entries(proxyVariables(proxies)).map(([name, value]) => `export ${name}='${value}'\n`);
  return lines.join("");
}

/** The lines of the block in one of the files of /etc/default: helm, which is what fetches charts, is the conductor's. */
export function blockLines(path: string, proxies: Proxies | undefined, wiring: Wiring = live): string {
  const wired = fill(template, { "helm-directory": wiring.helm, "drop-in-directory": wiring.dropIns });
  return path === paths.conductorDefaults ? `${wired}${exports(proxies)}` : wired;
}

/** The whole block of one of these files. */
export function blockOf(path: string, proxies: Proxies | undefined, wiring: Wiring = live): string {
  return renderBlock(markers, blockLines(path, proxies, wiring));
}

/** Whose one of these files is, and its mode: a login of a proxy is for the daemon only. */
export function defaultsOwner(
  path: string,
  proxies: Proxies | undefined,
  { daemon }: Pick<Conductor, "daemon">,
): { readonly owner: Owner; readonly mode: string } {
  const secret = path === paths.conductorDefaults && proxies !== undefined && haveLogin(proxies);
  if (!secret) return { owner: root, mode: "0644" };
  return { owner: { ...root, group: daemon.group, gid: daemon.gid }, mode: "0640" };
}
