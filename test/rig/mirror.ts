import { type HelmVersion, helmSha256, helmTarballName } from "./artifacts.ts";

const address = "http://127.0.0.1:8080";

/** What every conductor serves to itself: the unit `rig-mirror.service`, over the folder `/srv/mirror`. */
export const mirror = {
  /** For pip's `--index-url`: magnum-capi-helm 1.4.0 and 1.3.0. */
  indexUrl: `${address}/simple/`,
  /** The tarball of helm 3.17.3. */
  helmUrl: helmUrlOf("3.17.3"),
  /** Of the tarball at `helmUrl`, lower-case hex. Throws when the rig was not provisioned. */
  get helmSha256(): string {
    return helmSha256("3.17.3");
  },
  /** The same of another version of helm. */
  otherHelm: {
    version: "3.17.2",
    url: helmUrlOf("3.17.2"),
    get sha256(): string {
      return helmSha256("3.17.2");
    },
  },
  /** A helm repository with our own chart in the versions that tests use. */
  chartsUrl: `${address}/charts`,
  /** The same by another name. */
  otherChartsUrl: `${address.replace("127.0.0.1", "localhost")}/charts`,
  unit: "rig-mirror.service",
  /** Where the files are in the container. */
  folder: "/srv/mirror",
} as const;

function helmUrlOf(version: HelmVersion): string {
  return `${address}/helm/${helmTarballName(version)}`;
}
