import { installKinds, type KindsOptions } from "./crds.ts";
import { type OwnManagement, type ServerOptions, startServer } from "./server.ts";

/** How a management cluster is made, and the kinds that it serves. */
export interface ManagementOptions extends ServerOptions, KindsOptions {}

/**
 * Starts a management cluster with the kinds of Cluster API and of its providers. It lives until `down()` or until this
 * process ends, however it ends. Throws when it isn't ready within its limits.
 */
export async function startManagement(options: ManagementOptions = {}): Promise<OwnManagement> {
  const management = await startServer(options);
  try {
    await installKinds(management, options);
    return management;
  } catch (error) {
    await management.down();
    throw error;
  }
}
