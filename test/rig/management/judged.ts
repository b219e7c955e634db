import { join } from "node:path";
import { execa } from "execa";
import type { KubeconfigFinding } from "../../../src/management/kubeconfig.ts";
import type { ConnectionStates } from "../../../src/management/login.ts";

/** What our own reading of a kubeconfig comes to: a finding, or how far the way to its server goes. */
export type Judged = { readonly finding: KubeconfigFinding } | { readonly states: ConnectionStates };

const source = join(import.meta.dirname, "../../../src");

/** Reads texts from its standard input and judges each; only the network is the container's. */
const program = `
import { text } from "node:stream/consumers";
import { localHost } from "${source}/host/local-host.ts";
import { connect } from "${source}/management/connection.ts";
import { isFinding, readManagement } from "${source}/management/kubeconfig.ts";
import { judgeConnection } from "${source}/management/login.ts";

async function judge(kubeconfig) {
  const read = readManagement(kubeconfig);
  if (isFinding(read)) return { finding: read };
  const connection = connect(localHost(), read);
  try {
    return { states: await judgeConnection(connection, read, new Date()) };
  } finally {
    connection.close();
  }
}

console.log(JSON.stringify(await Promise.all(JSON.parse(await text(process.stdin)).map(judge))));
`;

/** Judges kubeconfigs with the program's own code, from the network of a container. */
export async function judgeFrom(
  { leader }: { readonly leader: number },
  kubeconfigs: readonly string[],
): Promise<readonly Judged[]> {
  const words = [process.execPath, "--disable-warning=ExperimentalWarning", "--input-type=module-typescript"];
  const argv = ["--target", String(leader), "--net", "--", ...words, "--eval", program];
  const input = JSON.stringify(kubeconfigs);
  const { stdout } = await execa("nsenter", argv, { input, timeout: 120_000 });
  return JSON.parse(stdout) as readonly Judged[];
}
