import type { X509Certificate } from "node:crypto";
import { closed, type Gate, type GateState, open } from "../reconcile/gate.ts";
import { certificatesIn } from "./certificates.ts";
import type { Management } from "./kubeconfig.ts";

/** Something of a kubeconfig that ends by itself. */
export interface Expiry {
  readonly what: "client certificate" | "certificate authority" | "token";
  /** Whom or what it stands for: the subject, or the token's user; "" where it does not say. */
  readonly who: string;
  readonly until: Date;
  /** Whole days from now until then; below 0 once it is over. */
  readonly daysLeft: number;
}

type Ending = Omit<Expiry, "daysLeft">;

/** Common name and organizations of a subject: the user and the groups that an API server makes of them. */
function subjectOf({ subject }: X509Certificate): string {
  const values = (name: string) =>
    subject.split("\n").flatMap((it) => (it.startsWith(`${name}=`) ? [it.slice(name.length + 1)] : []));
  const groups = values("O");
  const who = `${values("CN").join(", ")}${groups.length === 0 ? "" : ` of ${groups.join(", ")}`}`;
  return who.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 120);
}

function endOf(certificate: X509Certificate): Date {
  return new Date(certificate.validTo);
}

/** Of several authorities one may be on its way out while another is on its way in, so the last to end counts. */
function authorityOf(pem: string): readonly Ending[] {
  const last = (certificatesIn(pem) ?? []).toSorted((a, b) => endOf(a).getTime() - endOf(b).getTime()).at(-1);
  if (last === undefined) return [];
  return [{ what: "certificate authority", who: subjectOf(last), until: endOf(last) }];
}

function clientOf(pem: string): readonly Ending[] {
  const [own] = certificatesIn(pem) ?? [];
  if (own === undefined) return [];
  return [{ what: "client certificate", who: subjectOf(own), until: endOf(own) }];
}

/** The claims of a JSON web token (RFC 7519), which nobody verified; `undefined` where it is none. */
function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  const [, payload, signature] = token.split(".");
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null ? { ...claims } : undefined;
  } catch {
    return undefined;
  }
}

/** A token of a service account may have no end. */
function tokenOf(token: string): readonly Ending[] {
  const { exp, sub } = claimsOf(token) ?? {};
  const until = new Date(typeof exp === "number" ? exp * 1_000 : Number.NaN);
  if (Number.isNaN(until.getTime())) return [];
  const who = typeof sub === "string" ? sub.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 120) : "";
  return [{ what: "token", who, until }];
}

const dayMs = 86_400_000;

/** What of a kubeconfig ends, of what the driver uses of it; first what ends first. */
export function expiries({ ca, certificate, token }: Management, now: Date): readonly Expiry[] {
  const endings = [
    ...(ca === undefined ? [] : authorityOf(ca)),
    ...(certificate === undefined ? [] : clientOf(certificate.cert)),
    ...(certificate === undefined && token !== undefined ? tokenOf(token) : []),
  ];
  return endings
    .map((it) => ({ ...it, daysLeft: Math.floor((it.until.getTime() - now.getTime()) / dayMs) }))
    .toSorted((a, b) => a.until.getTime() - b.until.getTime());
}

/** From so many days on a note is loud. */
const loudDays = 7;

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function days(count: number): string {
  return count === 1 ? "1 day" : `${count} days`;
}

/** What is to be said of what ends first. Pure. */
function judgeEnd({ what, until, daysLeft }: Expiry, warningDays: number): GateState | undefined {
  const renew = "renew the kubeconfig";
  const name = `the kubeconfig's ${what}`;
  if (daysLeft < 0) return closed("operator", `${name} ended on ${dayOf(until)}`, renew);
  if (daysLeft >= warningDays) return undefined;
  if (daysLeft >= loudDays)
    return closed("note", `${name} ends in ${days(daysLeft)}, on ${dayOf(until)}`, renew);
  const left = daysLeft === 0 ? "less than a day" : `only ${days(daysLeft)}`;
  return closed("note", `${left} left: ${name} ends on ${dayOf(until)}`, "renew it now");
}

function shown({ what, who, until }: Expiry): string {
  return `${what}${who === "" ? "" : ` (${who})`} until ${dayOf(until)}`;
}

/**
 * Nothing of the kubeconfig has ended. What ends within so many days is a note, and a louder one in its last week. An
 * open gate tells until when it is, and what of it helm reads in another way.
 */
export function kubeconfigGate(management: Management, warningDays: number): Gate {
  return {
    id: "kubeconfig-valid",
    title: "the kubeconfig's certificates and token are valid",
    check: async (host) => {
      const ends = expiries(management, host.now());
      const [first] = ends;
      const state = first === undefined ? undefined : judgeEnd(first, warningDays);
      if (state !== undefined) return state;
      const told = [...ends.map(shown), ...management.differences];
      return open(told.length === 0 ? "nothing of it ends" : told.join("; "));
    },
  };
}
