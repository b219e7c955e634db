/** Every path and name on a unit that more than one module needs. */
const state = "/var/lib/magnum-capi-helm";

export const paths = {
  conductorInit: "/etc/init.d/magnum-conductor",
  conductorProgram: "/usr/bin/magnum-conductor",
  apiInit: "/etc/init.d/magnum-api",
  conductorDefaults: "/etc/default/magnum-conductor",
  apiDefaults: "/etc/default/magnum-api",
  openstackDefaults: "/etc/default/openstack",
  magnumConf: "/etc/magnum/magnum.conf",
  dropInDirectory: "/etc/magnum/magnum.conf.d",
  dropIn: "/etc/magnum/magnum.conf.d/00-capi-helm.conf",
  kubeconfig: "/etc/magnum/kubeconfig",
  helmDirectory: "/usr/local/bin",
  helm: "/usr/local/bin/helm",
  command: "/usr/local/bin/capi-graft",
  lock: "/run/magnum-capi-helm.lock",
  state,
  staging: `${state}/staging`,
  originals: `${state}/originals`,
  processes: `${state}/processes`,
  helmReceipt: `${state}/helm.json`,
  desired: `${state}/desired.json`,
  desiredKubeconfig: `${state}/kubeconfig`,
  signature: `${state}/signature.json`,
} as const;

/** The two services that load the driver. */
export const services = { conductor: "magnum-conductor", api: "magnum-api" } as const;
