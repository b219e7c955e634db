import { globSync } from "node:fs";
import { join } from "node:path";
import type { Scalar } from "../support/juju/charm.ts";
import { createUnit, type Unit, type UnitOptions } from "../support/juju/unit.ts";
import { type Conductor, type RecipeName, startConductor } from "./conductor.ts";
import { kubeconfigOf, usualToken } from "./management/kubeconfig.ts";
import { usualAddress } from "./management/server.ts";
import { knownManagement } from "./management/shared.ts";
import { mirror } from "./mirror.ts";

/**
 * A kubeconfig that the driver can use with the management cluster of this test run; the token is what no log may ever
 * show. Where none runs it lacks the authority.
 */
export function kubeconfig(token = usualToken): string {
  const { authority, address = usualAddress } = knownManagement()?.facts ?? {};
  return kubeconfigOf({ server: `https://${address}:6443`, ca: authority?.certificate, login: { token } });
}

/** The charm that the build made. Throws where there is none. */
export function charmFile(): string {
  const [charm] = globSync(join(import.meta.dirname, "../../dist/*-amd64.charm"));
  if (charm === undefined) throw new Error("dist/ holds no charm: npm run build");
  return charm;
}

/** Options that point the charm at the conductor's own mirror, since it reaches nothing else. */
export function mirrorOptions(): Record<string, string> {
  return {
    "driver-index-url": mirror.indexUrl,
    "helm-url": mirror.helmUrl,
    "helm-sha256": mirror.helmSha256,
    "chart-repository": mirror.chartsUrl,
  };
}

/** A conductor with the charm's unit beside it, and its kubeconfig's secret granted. */
export interface Site {
  readonly conductor: Conductor;
  readonly unit: Unit;
  readonly secret: string;
  /** What the unit's options were set to when it was made. */
  readonly options: Readonly<Record<string, Scalar>>;
  down(): Promise<void>;
}

/** Keeps the watch's service from doing anything: most tests want to see a drift before it is repaired. */
export async function muteWatch(conductor: Conductor): Promise<void> {
  const folder = "/run/systemd/system/magnum-capi-helm-watch.service.d";
  const script = `mkdir -p ${folder} && printf '[Unit]\\nConditionPathExists=/nowhere\\n' > ${folder}/muted.conf && systemctl daemon-reload`;
  await conductor.exec(["sh", "-c", script]);
}

/** Boots a conductor and makes the unit; nothing has been deployed yet. Its watch is muted unless it is asked for. */
export async function makeSite(
  recipe: RecipeName,
  options: Partial<Pick<UnitOptions, "config" | "juju" | "number">> & {
    name?: string;
    keep?: boolean;
    watch?: "on" | "muted";
  } = {},
): Promise<Site> {
  const { name, keep, watch = "muted" } = options;
  const conductor = await startConductor({
    recipe,
    ...(name === undefined ? {} : { name }),
    ...(keep === undefined ? {} : { keep }),
  });
  if (watch === "muted") await muteWatch(conductor);
  const config = { ...mirrorOptions(), ...options.config };
  const unit = await createUnit(conductor, {
    charm: charmFile(),
    config,
    ...(options.juju === undefined ? {} : { juju: options.juju }),
    ...(options.number === undefined ? {} : { number: options.number }),
  });
  const secret = await unit.addSecret({ kubeconfig: kubeconfig() });
  await unit.grantSecret(secret);
  return { conductor, unit, secret, options: config, down: () => conductor.down() };
}

/** A site whose unit is deployed and active. Throws with the unit's status and log where it is not. */
export async function makeGraftedSite(
  recipe: RecipeName,
  options: Parameters<typeof makeSite>[1] = {},
): Promise<Site> {
  const site = await makeSite(recipe, options);
  await site.unit.deploy();
  await site.unit.configure({ kubeconfig: site.secret });
  const { status, message } = await site.unit.status();
  if (status === "active") return site;
  const log = (await site.unit.log()).map(({ level, message: text }) => `${level} ${text}`).join("\n");
  await site.down();
  throw new Error(`the unit is ${status}: ${message}\n${log}`);
}
