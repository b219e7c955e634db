import tls from "node:tls";

/** Certificates of the system's store count too, for whoever names no authority: a site often has its own. */
export function trustSystemCertificates(): void {
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), ...tls.getCACertificates("system")]);
}
