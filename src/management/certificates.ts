import { createPrivateKey, X509Certificate } from "node:crypto";

const [begin, end] = ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"];

/** The certificates of a PEM text as texts, each from its first line to its last; one without its end is not among them. */
export function certificateBlocks(pem: string): readonly string[] {
  const [, ...parts] = pem.split(begin);
  return parts.filter((it) => it.includes(end)).map((it) => `${begin}${it.slice(0, it.indexOf(end))}${end}`);
}

/** The certificates of a PEM text; `undefined` where there is none, or one that OpenSSL can't read. */
export function certificatesIn(pem: string): readonly X509Certificate[] | undefined {
  try {
    const found = certificateBlocks(pem).map((block) => new X509Certificate(block));
    return found.length === 0 || found.length !== pem.split(begin).length - 1 ? undefined : found;
  } catch {
    return undefined;
  }
}

/** Whether a private key in PEM can be read without a password, and whether it is the one of this certificate. */
export function judgeKey(key: string, certificate: X509Certificate): "fits" | "does not fit" | "unreadable" {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key)) ? "fits" : "does not fit";
  } catch {
    return "unreadable";
  }
}
