import * as z from "zod";
import { type Api, type ApiAnswer, type ApiFault, isFault } from "./api.ts";
import { refusal } from "./discovery.ts";

/** Objects of one kind at one version, to be read. */
export interface Target {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Only those whose labels fit. */
  readonly labels?: string;
}

/**
 * What came of reading one object of a kind. `broken`: the server has it and can't give it, as when its conversion
 * webhook is dead; `forbidden`: the user may not list them, which says nothing of the kind; `absent`: that version is
 * not served. `isEmpty`: none is stored (or fits), so nothing had to be converted.
 */
export type Reading =
  | { readonly state: "readable"; readonly isEmpty: boolean; readonly warning?: string }
  | { readonly state: "broken"; readonly message: string }
  | { readonly state: "forbidden" }
  | { readonly state: "absent" };

const list = z.object({ items: z.array(z.unknown()) });
const status = z.object({ message: z.string() });

/** Enough to know a webhook's failure by, on one line. */
const longest = 160;

function shortened(answer: ApiAnswer): string {
  const said = status.safeParse(answer.body);
  const text = said.success ? said.data.message.replace(/\s+/g, " ").trim() : "";
  const message = text === "" ? "" : `: ${text.length > longest ? `${text.slice(0, longest)}...` : text}`;
  return `${answer.status}${message}`;
}

function judgeAnswer(answer: ApiAnswer): Reading {
  if (answer.status === 403) return { state: "forbidden" };
  if (answer.status === 404) return { state: "absent" };
  if (answer.status !== 200) return { state: "broken", message: shortened(answer) };
  const objects = list.safeParse(answer.body);
  if (!objects.success) return { state: "broken", message: "200 with no list" };
  const warning = answer.warning === undefined ? {} : { warning: answer.warning };
  return { state: "readable", isEmpty: objects.data.items.length === 0, ...warning };
}

/** The path of a list of one. */
function pathOf({ group, version, plural, labels }: Target): string {
  const selector = labels === undefined ? "" : `&labelSelector=${encodeURIComponent(labels)}`;
  return `/apis/${group}/${version}/${plural}?limit=1${selector}`;
}

async function readOne(api: Api, target: Target): Promise<Reading | ApiFault> {
  const path = pathOf(target);
  const answer = await api.get(path);
  // The server has just answered: one that does so no more hangs on what converts these objects.
  if (isFault(answer)) return answer.fault === "http" ? { state: "broken", message: answer.reason } : answer;
  if (answer.status === 401) return refusal(path, answer) ?? judgeAnswer(answer);
  return judgeAnswer(answer);
}

/**
 * Reads one object of each target, all at the same time; the readings are in the order of the targets. That a version
 * is served does not say that it can be read: each read of a stored object at another version asks a webhook.
 */
export async function readEach(api: Api, targets: readonly Target[]): Promise<readonly Reading[] | ApiFault> {
  const results = await Promise.all(targets.map((target) => readOne(api, target)));
  const fault = results.find((it) => "fault" in it);
  return fault ?? results.filter((it): it is Reading => "state" in it);
}
