import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { execa } from "execa";

/** A certificate and its key, in PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate says. */
export interface Wish {
  readonly commonName: string;
  /** Kubernetes takes them for groups. */
  readonly organizations?: readonly string[];
  /** DNS names and IP addresses of a server; a certificate without any is one for clients. */
  readonly names?: readonly string[];
  /** Default: an hour ago. */
  readonly from?: Date;
  /** Default: in a year: no warning is due. */
  readonly until?: Date;
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"] as const;

const hourMs = 3_600_000;

/** Makes a certificate authority. `folder` holds what is needed meanwhile and is left as it was. */
export async function makeAuthority(folder: string, commonName: string): Promise<Pair> {
  return await inside(folder, async (work) => {
    const subject = ["-subj", `/CN=${commonName}`, "-days", "3650"];
    await openssl(["req", "-x509", ...newKey, ...subject, "-keyout", "key", "-out", "certificate"], work);
    return pairIn(work);
  });
}

/** Has an authority sign a certificate for a new key. `folder` as above. */
export async function issue(folder: string, authority: Pair, wish: Wish): Promise<Pair> {
  const { commonName, organizations = [], names = [] } = wish;
  const { from = new Date(Date.now() - hourMs), until = new Date(Date.now() + 365 * 24 * hourMs) } = wish;
  return await inside(folder, async (work) => {
    const subject = [...organizations.map((it) => `/O=${it}`), `/CN=${commonName}`].join("");
    await openssl(["req", "-new", ...newKey, "-subj", subject, "-keyout", "key", "-out", "request"], work);
    writeFileSync(join(work, "ca.crt"), authority.certificate);
    writeFileSync(join(work, "ca.key"), authority.key);
    writeFileSync(join(work, "index"), "");
    writeFileSync(join(work, "settings"), settings(names));
    const times = ["-startdate", timeOf(from), "-enddate", timeOf(until)];
    const files = ["-config", "settings", "-in", "request", "-out", "certificate"];
    await openssl(["ca", "-batch", "-notext", "-preserveDN", ...times, ...files], work);
    return pairIn(work);
  });
}

function settings(names: readonly string[]): string {
  const said = names.map((name) => `${isIP(name) === 0 ? "DNS" : "IP"}:${name}`);
  return `[ca]
default_ca = rig
[rig]
database = index
new_certs_dir = .
certificate = ca.crt
private_key = ca.key
default_md = sha256
unique_subject = no
rand_serial = yes
policy = any
x509_extensions = extensions
[any]
commonName = supplied
organizationName = optional
[extensions]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = ${names.length === 0 ? "clientAuth" : "serverAuth"}
${names.length === 0 ? "" : `subjectAltName = ${said.join(",")}`}
`;
}

/** As openssl wants it: YYYYMMDDHHMMSSZ. */
function timeOf(date: Date): string {
  return `${date.toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
}

function pairIn(folder: string): Pair {
  return {
    certificate: readFileSync(join(folder, "certificate"), "utf8"),
    key: readFileSync(join(folder, "key"), "utf8"),
  };
}

async function inside(folder: string, work: (path: string) => Promise<Pair>): Promise<Pair> {
  const path = mkdtempSync(join(folder, "openssl-"));
  try {
    return await work(path);
  } finally {
    rmSync(path, { recursive: true });
  }
}

async function openssl(argv: readonly string[], cwd: string): Promise<void> {
  const child = execa("openssl", argv, { cwd, stdin: "ignore", reject: false, timeout: 30_000 });
  const { failed, shortMessage, stderr } = await child;
  if (failed) throw new Error(`${shortMessage}\n${stderr}`);
}
