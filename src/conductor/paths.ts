/** Every path and name on a unit that more than one module needs. */
const state = "/var/lib/magnum-capi-helm";

export const paths = {
  conductorInit: "/etc/init.d/magnum-conductor",
  conductorProgram: "/usr/bin/magnum-conductor",
  apiInit: "/etc/init.d/magnum-api",
  defaults: "/etc/default",
  conductorDefaults: "/etc/default/magnum-conductor",
  apiDefaults: "/etc/default/magnum-api",
  openstackDefaults: "/etc/default/openstack",
  magnumConf: "/etc/magnum/magnum.conf",
  dropInDirectory: "/etc/magnum/magnum.conf.d",
  dropIn: "/etc/magnum/magnum.conf.d/00-capi-helm.conf",
  kubeconfig: "/etc/magnum/kubeconfig",
  openstackCa: "/etc/magnum/capi-helm-openstack-ca.pem",
  helmDirectory: "/usr/local/bin",
  helm: "/usr/local/bin/helm",
  command: "/usr/local/bin/capi-graft",
  lock: "/run/magnum-capi-helm.lock",
  units: "/etc/systemd/system",
  state,
  staging: "/var/cache/magnum-capi-helm",
  /** Where an attached archive is looked into, by hooks alone. */
  inspection: "/var/cache/magnum-capi-helm-inspection",
  owner: `${state}/owner.json`,
  originals: `${state}/originals`,
  conductorFacts: `${state}/conductor.json`,
  processes: `${state}/processes`,
  helmReceipt: `${state}/helm.json`,
  driverReceipt: `${state}/driver.json`,
  desired: `${state}/desired.json`,
  desiredKubeconfig: `${state}/kubeconfig`,
  signature: `${state}/signature.json`,
  transaction: `${state}/transaction`,
  previous: `${state}/previous`,
  store: `${state}/store`,
  attached: `${state}/attached`,
  hold: `${state}/hold.json`,
  probation: `${state}/probation.json`,
  repairs: `${state}/repairs.json`,
  healLog: `${state}/heal.log`,
  peers: `${state}/peers.json`,
} as const;

/** The two services that load the driver. */
export const services = { conductor: "magnum-conductor", api: "magnum-api" } as const;
