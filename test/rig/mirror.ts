import { artifacts, helmTarballName } from "./artifacts.ts";

/** What every conductor serves to itself: the unit `rig-mirror.service`, over the folder `/srv/mirror`. */
export const mirror = {
  /** For pip's `--index-url`: magnum-capi-helm 1.4.0 and 1.3.0. */
  indexUrl: "http://127.0.0.1:8080/simple/",
  helmUrl: `http://127.0.0.1:8080/helm/${helmTarballName}`,
  /** Of the tarball at `helmUrl`, lower-case hex. Throws when the rig was not provisioned. */
  get helmSha256(): string {
    return artifacts().helmSha256;
  },
  unit: "rig-mirror.service",
  /** Where the files are in the container. */
  folder: "/srv/mirror",
} as const;
