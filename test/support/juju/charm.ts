import type { JujuVersion, OptionValue } from "./agent-state.ts";
import { type CharmActions, readActions } from "./charm-actions.ts";
import { openCharm } from "./charm-archive.ts";
import { type CharmMetadata, readMetadata } from "./charm-metadata.ts";
import { type CharmOptions, readOptions, readOptionValue } from "./charm-options.ts";

/** What an operator writes for an option; a text is read as on the command line. */
export type Scalar = string | number | boolean;

/** A charm archive and what the agent needs to know of it. */
export interface Charm {
  readonly archive: string;
  readonly metadata: CharmMetadata;
  readonly options: CharmOptions;
  readonly actions: CharmActions;
}

/** Reads a charm archive. Throws when it is no subordinate or its config is wrong. */
export async function readCharm(path: string, juju: JujuVersion): Promise<Charm> {
  const archive = await openCharm(path, juju);
  try {
    const metadata = readMetadata(await archive.text("metadata.yaml"));
    const options = readOptions(await archive.text("config.yaml"));
    const actions = readActions(await archive.text("actions.yaml"), juju);
    return { archive: path, metadata, options, actions };
  } finally {
    archive.close();
  }
}

/** Checks and types a whole set of settings. Throws with Juju's text. */
export function readSettings(
  options: CharmOptions,
  values: Readonly<Record<string, Scalar>>,
): Readonly<Record<string, OptionValue>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, readOptionValue(options, name, value)]),
  );
}
