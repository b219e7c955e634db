import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { localMachine } from "./local-machine.ts";
import { type ToyMember, writeToyCharm } from "./toy-charm.ts";
import { createUnit, type Unit, type UnitOptions } from "./unit.ts";

/** A unit with a toy charm on this host, in a folder of its own that goes with the test. */
export interface TemporaryUnit {
  readonly unit: Unit;
  /** The folder in the place of `/var/lib/juju`. */
  readonly jujuDir: string;
  /** Writes another toy charm into the same folder. */
  charm(script: string, further?: Readonly<Record<string, ToyMember | null>>): Promise<string>;
}

/** Makes the unit of a test: `script` is what each of its hooks runs. */
export async function temporaryUnit(
  script: string,
  options: Partial<UnitOptions> & { readonly further?: Readonly<Record<string, ToyMember | null>> } = {},
): Promise<TemporaryUnit> {
  const folder = await mkdtemp(join(tmpdir(), "toy-unit-"));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }));
  const jujuDir = join(folder, "juju");
  const { further, ...rest } = options;
  const charm = await writeToyCharm(folder, script, further);
  const unit = await createUnit(localMachine(), { charm, jujuDir, hookTimeoutMs: 20_000, ...rest });
  return { unit, jujuDir, charm: (other, members) => writeToyCharm(folder, other, members) };
}
