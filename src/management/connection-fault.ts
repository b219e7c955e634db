import type { HttpsResult } from "../host/host.ts";
import type { ApiFault } from "./api.ts";
import type { Management } from "./kubeconfig.ts";

type Failure = Extract<HttpsResult, { ok: false }>;

/** Host and port of a server, as messages name it. */
export function placeOf({ hostname, port }: URL): string {
  return `${hostname}:${port === "" ? 443 : port}`;
}

const look = "look at the kubeconfig's server";

function tcpFault({ phase, reason }: Failure, { server }: Management): ApiFault {
  const told = `no connection to ${placeOf(server)} (${reason})`;
  if (phase === "name") return { fault: "tcp", cure: "time", reason: told, remedy: "see the unit's DNS" };
  if (phase === "tcp")
    return { fault: "tcp", cure: "time", reason: told, remedy: "see routes and security groups" };
  // A proxy that answers has decided so; one that does not may come back.
  const cure = reason.includes("HTTP") ? "operator" : "time";
  return { fault: "tcp", cure, reason: told, remedy: "see juju-https-proxy, management-no-proxy" };
}

function tlsFault({ reason, timedOut, tls }: Failure, { server, ca }: Management): ApiFault {
  const place = placeOf(server);
  const fault = (cure: ApiFault["cure"], told: string, remedy: string): ApiFault => ({
    fault: "tls",
    cure,
    reason: told,
    remedy,
  });
  if (tls === "untrusted")
    return ca === undefined
      ? fault("operator", `no public authority vouches for ${place}`, "add certificate-authority-data")
      : fault("operator", `the CA of the kubeconfig does not vouch for ${place}`, "put in the right CA");
  if (tls === "name")
    return fault("operator", `the certificate of ${place} is for other names`, "use one of them as server");
  if (tls === "expired")
    return fault("operator", `${place}: ${reason}`, "renew it, and see the unit's clock");
  if (tls === "client") return fault("operator", `${place}: ${reason}`, "renew the kubeconfig");
  if (tls === "closed" || timedOut) return fault("time", `${place}: ${reason}`, "is the API server up?");
  return fault("operator", `${place}: ${reason}`, look);
}

/** A request that got no answer, in an operator's words, with who has to act. */
export function faultOf(failure: Failure, management: Management): ApiFault {
  const { phase, reason, timedOut } = failure;
  if (phase === "tls") return tlsFault(failure, management);
  if (phase !== "http") return tcpFault(failure, management);
  const remedy = timedOut ? "is the API server overloaded?" : "is that the API server, and up?";
  return { fault: "http", cure: "time", reason: `${placeOf(management.server)}: ${reason}`, remedy };
}
