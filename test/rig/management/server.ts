import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { grantDriver, newTokens, tokenFile } from "./access.ts";
import { provisionBinaries } from "./binaries.ts";
import { issue, makeAuthority, type Pair } from "./certificates.ts";
import { type Client, clientOf, serverName, startRelay } from "./client.ts";
import { type KubeconfigOptions, kubeconfigOf } from "./kubeconfig.ts";
import { linkNetworks, unlinkNetworks } from "./link.ts";
import {
  endOfLog,
  type Namespace,
  namespaceOf,
  pathInside,
  processesIn,
  startIn,
  startNamespace,
} from "./namespace.ts";

/** All that another process needs to use a management cluster that runs. */
interface ManagementFacts {
  /** Pid of the first process of its namespaces. */
  readonly leader: number;
  /** IPv4 address of the API server, on port 6443. */
  readonly address: string;
  /** The authority that signed the server's certificate and signs its clients'. */
  readonly authority: Pair;
  /** A client certificate that may do everything. */
  readonly admin: Pair;
  /** Halves of tokens that are valid once they are joined by `&`. */
  readonly tokens: readonly (readonly [string, string])[];
}

/** A Kubernetes API server on an etcd of its own, in a network that only what is linked to it reaches. */
export interface Management extends Client {
  readonly facts: ManagementFacts;
  readonly namespace: Namespace;
  /** `https://ADDRESS:6443` */
  readonly url: string;
  /** Path of the file with the facts: it goes with the server. */
  readonly factsFile: string;
  /** A kubeconfig that the driver can use. */
  kubeconfig(options?: KubeconfigOptions): string;
  /** Joins a container's network with the server's. */
  link(container: { readonly leader: number }): Promise<void>;
  unlink(container: { readonly leader: number }): Promise<void>;
  /** Sends the API server a signal: SIGSTOP and SIGCONT make it as slow as is wanted. */
  signal(signal: NodeJS.Signals): void;
  /** Ends the API server; etcd goes on. */
  stop(): Promise<void>;
  /**
   * Starts the API server after `stop`, with another certificate where one is given. Throws when it isn't ready for our
   * own client within the limit (default 60 s); it goes on then.
   */
  start(certificate?: Pair, limitMs?: number): Promise<void>;
}

/** How a management cluster is made. */
export interface ServerOptions {
  /** IPv4 address of the API server; default 192.0.2.40. */
  readonly address?: string;
  /** A file that somebody holds locked: the server ends when no one does, not with this process. */
  readonly lock?: string;
}

/** The address of the rig's own management cluster. */
export const usualAddress = "192.0.2.40";

const readyLimitMs = 60_000;

/** A management cluster that this process started. */
export type OwnManagement = Management & { down(): Promise<void> };

/**
 * Starts an API server with access control and no kinds but Kubernetes' own, its programs built first if they aren't in
 * the cache (minutes). It lives until `down()` or until this process ends, however it ends. Throws with the ends of the
 * logs when it isn't ready within 60 s.
 */
export async function startServer(options: ServerOptions = {}): Promise<OwnManagement> {
  const { address = usualAddress, lock } = options;
  await provisionBinaries();
  const namespace = await startNamespace(address, lock);
  try {
    const facts = await writeFiles(namespace, address);
    startIn(namespace, "etcd", etcd);
    startRelay(namespace, address);
    const management = attach(facts);
    await management.start();
    await grantDriver(management);
    return { ...management, down: namespace.end };
  } catch (error) {
    await namespace.end();
    throw error;
  }
}

/** A management cluster that another process started, by the file with its facts. Throws when it is gone. */
export function attachManagement(factsFile: string): Management {
  return attach(JSON.parse(readFileSync(factsFile, "utf8")) as ManagementFacts);
}

const etcd = [
  ...["etcd", "--data-dir", pathInside("etcd"), "--log-outputs", "stderr", "--logger", "zap"],
  ...["--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379"],
  ...[
    "--listen-peer-urls",
    "http://127.0.0.1:2380",
    "--initial-advertise-peer-urls",
    "http://127.0.0.1:2380",
  ],
  ...["--initial-cluster", "default=http://127.0.0.1:2380"],
];

async function writeFiles(namespace: Namespace, address: string): Promise<ManagementFacts> {
  const { folder, leader } = namespace;
  const write = (name: string, text: string): void =>
    writeFileSync(`${folder}/${name}`, text, { mode: 0o600 });
  const authority = await makeAuthority(folder, "rig-management");
  const [server, admin] = await Promise.all([
    issue(folder, authority, { commonName: "kube-apiserver", names: [serverName, address] }),
    issue(folder, authority, { commonName: "rig-admin", organizations: ["system:masters"] }),
  ]);
  const facts: ManagementFacts = { leader, address, authority, admin, tokens: newTokens() };
  write("ca.crt", authority.certificate);
  writeServing(namespace, server);
  write("service-account.key", serviceAccountKey());
  write("tokens", tokenFile(facts.tokens));
  write("facts.json", JSON.stringify(facts));
  return facts;
}

function writeServing({ folder }: Namespace, { certificate, key }: Pair): void {
  writeFileSync(`${folder}/server.crt`, certificate, { mode: 0o600 });
  writeFileSync(`${folder}/server.key`, key, { mode: 0o600 });
}

function serviceAccountKey(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function apiServer(program: string, address: string): string[] {
  return [
    ...[program, "--etcd-servers=http://127.0.0.1:2379", "--endpoint-reconciler-type=none"],
    ...[`--bind-address=${address}`, `--advertise-address=${address}`, "--secure-port=6443"],
    ...["--service-cluster-ip-range=10.0.0.0/24", `--cert-dir=${pathInside("")}`],
    `--tls-cert-file=${pathInside("server.crt")}`,
    `--tls-private-key-file=${pathInside("server.key")}`,
    `--client-ca-file=${pathInside("ca.crt")}`,
    `--token-auth-file=${pathInside("tokens")}`,
    `--service-account-key-file=${pathInside("service-account.key")}`,
    `--service-account-signing-key-file=${pathInside("service-account.key")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    ...["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--profiling=false"],
  ];
}

function attach(facts: ManagementFacts): Management {
  const namespace = namespaceOf(facts.leader);
  const { address, authority, admin } = facts;
  const client = clientOf(namespace, authority.certificate, admin);
  const url = `https://${address}:6443`;
  const processes = (): number[] => processesIn(namespace, "kube-apiserver");
  const signal = (name: NodeJS.Signals): void => {
    for (const pid of processes()) process.kill(pid, name);
  };
  return {
    ...client,
    facts,
    namespace,
    url,
    factsFile: `${namespace.folder}/facts.json`,
    kubeconfig: (options) => kubeconfigOf({ server: url, ca: authority.certificate, ...options }),
    link: ({ leader }) => linkNetworks(leader, facts.leader, address),
    unlink: ({ leader }) => unlinkNetworks(leader, address),
    signal,
    stop: async () => {
      signal("SIGKILL");
      await until("the API server to end", async () => processes().length === 0, namespace);
    },
    start: async (certificate, limitMs) => {
      if (certificate !== undefined) writeServing(namespace, certificate);
      const { "kube-apiserver": program } = await provisionBinaries();
      startIn(namespace, "kube-apiserver", apiServer(program, address));
      await until("the API server to be ready", async () => await isReady(client), namespace, limitMs);
    },
  };
}

async function isReady({ request }: Client): Promise<boolean> {
  try {
    return (await request("GET", "/readyz", undefined, { timeoutMs: 5000 })).status === 200;
  } catch {
    return false;
  }
}

async function until(
  what: string,
  holds: () => Promise<boolean>,
  namespace: Namespace,
  limitMs = readyLimitMs,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > end) {
      const logs = ["etcd", "kube-apiserver", "relay"].map((it) => `${it}:\n${endOfLog(namespace, it)}`);
      throw new Error(`waited ${limitMs / 1000} s for ${what}\n${logs.join("\n")}`);
    }
    await sleep(50);
  }
}
