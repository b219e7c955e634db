import { createHash } from "node:crypto";
import type { Host } from "../host/host.ts";
import { placeOf } from "../management/connection-fault.ts";
import type { Management } from "../management/kubeconfig.ts";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import type { DaemonView, DriverLook, DriverRead } from "./daemon-view.ts";
import { paths } from "./paths.ts";

/** Where the driver's own client is to log in, by our reading of the kubeconfig, and what it is to read there. */
export interface DriverLogin {
  readonly management: Management;
  /** Names of the driver's classes: the keys of `api_resources`. */
  readonly kinds: readonly string[];
  /** A kubeconfig in place of the unit's own, which is secret. */
  readonly kubeconfig?: string;
}

/** The gate's name. */
export const driverLoginId = "driver-login";

function digest(pem: string | undefined): string | null {
  return pem === undefined ? null : createHash("sha256").update(pem, "latin1").digest("hex");
}

function sameServer(server: string | undefined, ours: URL): boolean {
  return URL.parse(server ?? "")?.href.replace(/\/$/, "") === ours.href.replace(/\/$/, "");
}

/** What the driver read out of the kubeconfig otherwise than we did; `undefined` where the two agree. */
function disagreement(look: DriverLook, ours: Management): string | undefined {
  if (!sameServer(look.server, ours.server)) return "server";
  if (look.login !== (ours.certificate === undefined ? "token" : "certificate")) return "login";
  if (look.ca !== digest(ours.ca)) return "certificate authority";
  return look.certificate === digest(ours.certificate?.cert) ? undefined : "client certificate";
}

const defaults = paths.conductorDefaults;

/** What it trusts, or that there is no TLS at all, for which OpenSSL has a word in capitals. */
function judgeTrust(place: string, why: string, bundle: string | null | undefined): GateState {
  if (bundle != null)
    return closed(
      "operator",
      `the driver does not trust ${place} (${why})`,
      `unset ${bundle} for the conductor`,
    );
  if (/^[A-Z0-9_]+$/.test(why))
    return closed(
      "operator",
      `the driver gets no TLS from ${place} (${why})`,
      "look at the kubeconfig's server",
    );
  return closed("operator", `the driver does not trust ${place} (${why})`, "put in the right CA");
}

/** Why its client got no answer: its own trust, its own way, or time. */
function judgeFailure(look: DriverLook, { server }: Management): GateState | undefined {
  const { failure, bundle } = look;
  if (failure === undefined) return undefined;
  const place = placeOf(server);
  const { error, why } = failure;
  if (error === "SSLError" || (error === "OSError" && bundle != null))
    return judgeTrust(place, why ?? error, bundle);
  if (error === "ProxyError")
    return closed("time", `the driver's proxy does not let it to ${place}`, `see ${defaults}`);
  if (error === "Late" || error.endsWith("Timeout"))
    return closed("time", `the driver gets no answer from ${place} in time (${error})`, "is it overloaded?");
  return closed("time", `the driver gets no connection to ${place} (${error})`, `see ${defaults}`);
}

function isRead(read: DriverRead): read is Exclude<DriverRead, { error: string }> {
  return !("error" in read);
}

/** Whether the server knew the driver. */
function judgeLogin(look: DriverLook): GateState | undefined {
  const reads = Object.values(look.kinds).filter(isRead);
  const isUnknown = reads.some(({ status, anonymous }) => status === 401 || anonymous === true);
  if (!isUnknown) return undefined;
  const netrc = look.netrc === true && look.login === "token";
  return closed(
    "operator",
    "the API server refuses the driver's login",
    netrc ? "take the server out of ~/.netrc of the daemon" : "renew the kubeconfig",
  );
}

function judgeKind(name: string, read: DriverRead, server: URL): GateState | undefined {
  if (!isRead(read))
    return closed("operator", `the driver can't ask for ${name} (${read.error})`, "see api-resources");
  if (read.status >= 500 || read.status === 429)
    return closed("time", `the driver can't read ${name} (${read.status})`, "look at the management cluster");
  if (read.status !== 200 || read.readable) return undefined;
  const reason = `${placeOf(server)} gives the driver no Kubernetes objects`;
  return closed("operator", reason, "look at the kubeconfig's server");
}

/** What is not served, or not allowed, is for the gates on these; the driver takes it for an object that is gone. */
function judgeKinds({ kinds }: DriverLook, { server }: Management): GateState | undefined {
  const states = Object.entries(kinds).map(([name, read]) => judgeKind(name, read, server));
  return states.find((it) => it !== undefined);
}

function told({ login, proxy, bundle, kinds }: DriverLook): string {
  const versions = Object.entries(kinds).map(([name, read]) => {
    if (!isRead(read)) return name;
    return `${name} ${read.version.split("/").at(-1)}${read.readable ? "" : ` (${read.status})`}`;
  });
  const way = [
    `by ${login}`,
    ...(proxy ? ["through its proxy"] : []),
    ...(bundle == null ? [] : [`with ${bundle}`]),
  ];
  return `${way.join(", ")}: ${versions.join(", ")}`;
}

function judgeLook(look: DriverLook, { management }: DriverLogin): GateState {
  if (look.error !== undefined)
    return closed(
      "operator",
      `the driver can't use the kubeconfig (${look.error})`,
      "report it, with its form",
    );
  const differs = disagreement(look, management);
  if (differs !== undefined)
    return closed(
      "operator",
      `the driver reads another ${differs} in the kubeconfig than we do`,
      "report it",
    );
  const state = judgeFailure(look, management) ?? judgeLogin(look) ?? judgeKinds(look, management);
  if (state !== undefined) return state;
  // helm goes by the kubeconfig's all the same.
  if (look.bundle != null && management.ca !== undefined)
    return closed(
      "note",
      `${look.bundle} takes the place of the kubeconfig's CA`,
      `take it out of ${defaults}`,
    );
  return open(told(look));
}

/**
 * The driver's own client logs in, as the daemon and in its environment, and reads its kinds. What it reads out of the
 * kubeconfig has to be what we read. `view` is one that was asked for `kinds`.
 */
export function driverLoginGate(view: (host: Host) => Promise<DaemonView>, login: DriverLogin): Gate {
  return {
    id: driverLoginId,
    title: "the driver's own client logs in to the management cluster, as the daemon",
    check: async (host) => {
      const { login: look } = await view(host);
      if (look === undefined) return { state: "not checked", reason: "the driver is not loaded" };
      return judgeLook(look, login);
    },
  };
}
