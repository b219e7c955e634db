import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execaSync } from "execa";

/** A certificate with its key, both in PEM. */
interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is issued for. */
interface Subject {
  /** `/O=system:masters/CN=admin`. */
  readonly subject?: string;
  /** Names and addresses: `DNS:api.test`, `IP:127.0.0.1`. */
  readonly names?: readonly string[];
  /** Until when it is valid; ten years from now unless told. */
  readonly until?: Date;
}

/** An authority that issues certificates with OpenSSL. */
export interface Authority extends Identity {
  issue(subject: Subject): Identity;
}

const config = `
[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
rand_serial = yes
[any]
commonName = optional
organizationName = optional
[req]
distinguished_name = none
[none]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
`;

function stamp(date: Date): string {
  return `${date
    .toISOString()
    .replaceAll(/[-:T]|\.\d+/g, "")
    .slice(0, 14)}Z`;
}

const years = (count: number) => new Date(Date.now() + count * 365 * 86_400_000);

type Files = Readonly<Record<string, string>>;

/** Does something with OpenSSL in a folder with these files, and leaves nothing behind. */
function withOpenssl<T>(files: Files, work: (openssl: (...words: readonly string[]) => string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "certificates-"));
  try {
    for (const [name, text] of Object.entries({ config, index: "", ...files }))
      writeFileSync(join(folder, name), text);
    return work((...words) => execaSync("openssl", words, { cwd: folder }).stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const newKey = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"] as const;
const sign = ["ca", "-config", "config", "-batch", "-notext", "-startdate", "20200101000000Z"] as const;

/** Makes an authority. `until`: when its own certificate ends. */
export function authority(name = "test authority", until = years(20)): Authority {
  const key = withOpenssl({}, (openssl) => openssl(...newKey));
  const cert = withOpenssl({ key }, (openssl) => {
    openssl("req", "-new", "-key", "key", "-subj", `/CN=${name}`, "-config", "config", "-out", "csr");
    const self = ["-selfsign", "-keyfile", "key", "-extensions", "authority", "-in", "csr", "-out", "crt"];
    openssl(...sign, "-enddate", stamp(until), ...self);
    return openssl("x509", "-in", "crt");
  });
  const issue = ({ subject = "/CN=server", names = [], until: end = years(10) }: Subject): Identity => {
    const own = withOpenssl({}, (openssl) => openssl(...newKey));
    const issued = withOpenssl({ key, cert, own }, (openssl) => {
      const more = names.length === 0 ? [] : ["-addext", `subjectAltName=${names.join(",")}`];
      openssl("req", "-new", "-key", "own", "-subj", subject, "-config", "config", "-out", "csr", ...more);
      const by = ["-keyfile", "key", "-cert", "cert", "-in", "csr", "-out", "crt"];
      openssl(...sign, "-enddate", stamp(end), ...by);
      return openssl("x509", "-in", "crt");
    });
    return { cert: issued, key: own };
  };
  return { cert, key, issue };
}
