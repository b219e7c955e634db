import { existsSync } from "node:fs";
import { type ManagementOptions, startManagement } from "./management.ts";
import { attachManagement, type Management, type OwnManagement } from "./server.ts";

/** Names the file with the facts of the management cluster that all processes of a test run share. */
const variable = "MAGNUM_RIG_MANAGEMENT";

let own: Promise<OwnManagement> | undefined;
let current: Management | undefined;

/** Starts the management cluster of a test run: this process and those that it starts use it. */
export async function shareManagement(options: ManagementOptions = {}): Promise<OwnManagement> {
  const management = await startManagement(options);
  process.env[variable] = management.factsFile;
  current = management;
  return management;
}

/** The management cluster that every conductor is linked to: the test run's, else one of this process's own. */
export async function sharedManagement(): Promise<Management> {
  const shared = knownManagement();
  if (shared !== undefined) return shared;
  own ??= startManagement();
  current = await own;
  return current;
}

/** Starts one that ends when nobody holds `lock`, for a conductor that is kept. */
export async function keptManagement(lock: string): Promise<Management> {
  const management = await startManagement({ lock });
  current ??= management;
  return management;
}

/** The one that this process's conductors are linked to, as far as one was started. */
export function knownManagement(): Management | undefined {
  const { [variable]: file } = process.env;
  if (current === undefined && file !== undefined && existsSync(file)) current = attachManagement(file);
  return current;
}
