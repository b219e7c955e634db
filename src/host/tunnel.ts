import https from "node:https";
import type { Duplex } from "node:stream";

/** What an agent opens a connection with: the options of its request, among others. */
export type ConnectOptions = Parameters<https.Agent["createConnection"]>[0];

/**
 * Node's own agent, through a proxy if one is given. `opened` is shown every connection as soon as it is begun, of one
 * through a proxy that to the proxy: Node never ends a request that is given up while it waits for its tunnel (24.21).
 */
export function tunnelAgent(
  proxy: string | undefined,
  opened: (socket: Duplex, options: ConnectOptions) => void,
  options: https.AgentOptions = {},
): https.Agent {
  const agent = new https.Agent({
    ...options,
    ...(proxy === undefined ? {} : { proxyEnv: { https_proxy: proxy } }),
  });
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (connectOptions, callback) => {
    const socket = connect(connectOptions, callback);
    if (socket != null) opened(socket, connectOptions);
    return socket;
  };
  return agent;
}
