import { randomBytes } from "node:crypto";
import { execa } from "execa";

/** The name of the interface in a container that leads to the management cluster of an address. */
export function interfaceTo(address: string): string {
  return `mgmt${address.split(".").at(-1)}`;
}

/**
 * Joins a container's network with a management cluster's: a pair of interfaces, one in each, so that nothing goes over
 * this machine's network, and no container reaches another one. Both are pids of a process in the network.
 */
export async function linkNetworks(container: number, cluster: number, address: string): Promise<void> {
  const [one, two, three, four] = randomBytes(4);
  const own = `10.${one}.${two}.${Math.min(Math.max(three ?? 1, 1), 254)}`;
  const near = `c${own.split(".").slice(1).join("-")}-${four}`.slice(0, 15);
  const far = interfaceTo(address);
  await ip(cluster, [
    `link add ${near} type veth peer name ${far} netns ${container}`,
    `link set ${near} addrgenmode none up`,
    `route add ${own}/32 dev ${near}`,
  ]);
  await ip(container, [
    `link set ${far} addrgenmode none up`,
    `address add ${own}/32 dev ${far}`,
    `route add ${address}/32 dev ${far} src ${own}`,
  ]);
}

/** Takes the way between them away again. */
export async function unlinkNetworks(container: number, address: string): Promise<void> {
  await ip(container, [`link delete ${interfaceTo(address)}`]);
}

async function ip(pid: number, commands: readonly string[]): Promise<void> {
  const argv = ["--target", String(pid), "--net", "--", "ip", "-batch", "-"];
  const child = execa("nsenter", argv, { input: commands.join("\n"), reject: false, timeout: 30_000 });
  const { failed, shortMessage, stderr } = await child;
  if (failed) throw new Error(`${shortMessage}\n${stderr}`);
}
