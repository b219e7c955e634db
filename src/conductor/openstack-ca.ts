import { X509Certificate } from "node:crypto";
import { certificateBlocks } from "../management/certificates.ts";
import type { Finding } from "./option-map.ts";

const most = 524_288;
const none: Finding = { accepted: "empty, or certificates in PEM, as they are or in base64" };

function sized(text: string): string {
  return `${text.length} characters`;
}

/** PEM out of its base64, which is how other charms of OpenStack take a certificate (`ssl_ca`). */
function decoded(text: string): string {
  const packed = text.replaceAll(/\s/g, "");
  return /^[A-Za-z0-9+/]{16,}={0,2}$/.test(packed) ? Buffer.from(packed, "base64").toString("latin1") : text;
}

function certificate(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}

/**
 * Reads `openstack-ca`: one or more certificates in PEM, or the base64 of that. Gives them as PEM without anything
 * around them, or what is wrong; the text itself is not repeated, since a key may have got into it.
 */
export function parseCertificates(text: string): { readonly pem: string } | Finding {
  if (text === "") return { pem: "" };
  if (text.length > most) return { shown: sized(text), accepted: `at most ${most} characters` };
  const pem = text.includes("-----BEGIN ") ? text : decoded(text);
  const kinds = [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g)].map(([, kind]) => kind ?? "");
  const other = kinds.find((kind) => kind !== "CERTIFICATE");
  if (other?.includes("PRIVATE KEY") === true)
    return {
      shown: "a private key",
      accepted: "certificates only; that key has been shown to all who read options",
    };
  if (other !== undefined)
    return { shown: `a block of ${other.slice(0, 40)}`, accepted: "blocks of CERTIFICATE only" };
  if (kinds.length === 0) return text.length > 20 ? { ...none, shown: sized(text) } : none;
  const blocks = certificateBlocks(pem);
  if (blocks.length !== kinds.length)
    return { shown: "a certificate without its end", accepted: "certificates that are not cut off" };
  const read = blocks.map(certificate);
  const bad = read.indexOf(undefined);
  if (bad >= 0)
    return {
      shown: `certificate ${bad + 1} of ${blocks.length}`,
      accepted: "certificates that OpenSSL can read",
    };
  return { pem: read.map((it) => it?.toString() ?? "").join("") };
}

/** The certificates of a bundle that ended before `now`: whose, and on which day. */
export function endedCertificates(pem: string, now: Date): readonly string[] {
  const blocks = certificateBlocks(pem);
  return blocks
    .map((block) => new X509Certificate(block))
    .filter(({ validTo }) => Date.parse(validTo) < now.getTime())
    .map(
      ({ subject, validTo }) => `${nameOf(subject)} ended ${new Date(validTo).toISOString().slice(0, 10)}`,
    );
}

/** The most telling line of a subject, in printable ASCII. */
function nameOf(subject: string | undefined): string {
  const lines = (subject ?? "").split("\n");
  const line = lines.find((it) => it.startsWith("CN=")) ?? lines[0] ?? "";
  return line.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 60);
}
