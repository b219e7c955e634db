import type { HttpsResult } from "../../../src/host/host.ts";
import { allPermissions } from "../../../src/management/driver-permissions.ts";
import type { MemoryRule } from "../management/memory-access.ts";
import { type MemoryApi, memoryApi } from "../management/memory-api.ts";

const magnum = { name: "magnum", groups: ["system:authenticated"] };

/** Just what the driver, its helm and our own checks need. */
export const neededRules: readonly MemoryRule[] = allPermissions.map(({ group, resource, verb }) => ({
  apiGroups: [group],
  resources: [resource],
  verbs: [verb],
}));

/** A management cluster of a machine in memory. Tests change its fields. */
export interface MachineManagement extends MemoryApi {
  /** Instead of the answers of all its servers, or of one of that host name. */
  down: boolean | string;
}

const nobodyThere: HttpsResult = { ok: false, phase: "tcp", reason: "ECONNREFUSED", timedOut: false };

/** A management cluster that takes every credential as that of a user who may do just what is needed. */
export function machineManagement(): MachineManagement {
  const api = memoryApi({
    users: new Proxy({}, { get: () => magnum }),
    certificateUser: () => magnum,
    rules: neededRules,
  });
  const management: MachineManagement = {
    ...api,
    down: false,
    https: (server, request) => {
      const { down } = management;
      return down === true || down === server.url.hostname ? nobodyThere : api.https(server, request);
    },
  };
  return management;
}
